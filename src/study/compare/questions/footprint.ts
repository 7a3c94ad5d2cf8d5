import { SECOND } from '../../../sim/units.ts'
import type { Case } from '../case.ts'
import type { Cell } from '../cell.ts'
import type { Question } from '../question.ts'
import type { Trial } from '../trial.ts'
import { idleHosts } from '../two-networks.ts'
import { type Formula, formulaOf, type Size } from './footprint-formula.ts'
import { type GrowingTable, growingTables } from './footprint-tables.ts'

const SECTION = 'footprint'

/** More than a formula has terms, so that it has to prove itself. */
const SIZES: readonly Size[] = [
  { hosts: 2, perHost: 1 },
  { hosts: 2, perHost: 2 },
  { hosts: 2, perHost: 3 },
  { hosts: 3, perHost: 2 },
  { hosts: 4, perHost: 1 },
  { hosts: 4, perHost: 3 },
]

/** Containers a host, for what fills first: few, and about the most that Kubernetes runs on a node. */
const CROWDS = [10, 100]
const HOSTS_MAX = 1_000_000

const PATIENCE = 60 * SECOND
/** What is new is told to the other hosts meanwhile. */
const CALM = 5 * SECOND

interface Counted {
  readonly size: Size
  readonly tables: readonly GrowingTable[]
}

/** Counts table entries at several sizes, after all containers have spoken to all and to the outside. */
export const footprint: Question = {
  name: 'footprint',
  sections: ['footprint'],
  ask(asked: Case): Cell[] {
    let trial: Trial | null = null
    const counted = SIZES.map((size) => {
      trial = network(asked, size)
      return { size, tables: talk(trial, size) }
    })
    return cellsOf(trial!, counted)
  },
}

function network(asked: Case, { hosts, perHost }: Size): Trial {
  return asked.trial(`size ${hosts} hosts of ${perHost}`, {
    fabric: { racks: 1, hostsPerRack: hosts, gateway: true },
    hosts: idleHosts(asked),
    networks: { app: asked.network() },
    containers: { perHost, networks: 'app' },
    workload: null,
    faults: null,
    duration: '1s',
  })
}

function talk(trial: Trial, { hosts, perHost }: Size): GrowingTable[] {
  const { world } = trial
  const attached = () => [...world.endpoints.values()].flat()
  const isComplete = () => attached().length + world.attachFailures.length >= hosts * perHost
  while (!isComplete() && trial.now < PATIENCE) trial.run(SECOND)
  trial.run(CALM)
  const outside = world.hosts.get('outside')!.address
  const pairs = attached().flatMap(({ namespace: from, address: own }) => [
    ...attached().flatMap(({ address: to }) => (to === own ? [] : [{ from, to }])),
    { from, to: outside },
  ])
  trial.reachesAll(pairs)
  const names = [...world.hosts.keys()].filter((name) => /^h\d+$/.test(name))
  return growingTables(world, names.slice(0, hosts))
}

function cellsOf(trial: Trial, counted: readonly Counted[]): Cell[] {
  const [{ tables }] = counted as [Counted]
  const grown = tables.map(({ name, capacity }) => {
    const counts = counted.map(({ size, tables: those }) => ({
      size,
      count: those.find((table) => table.name === name)!.entries,
    }))
    return { name, capacity, counts, formula: formulaOf(counts) }
  })
  const cells = grown.map(({ name, capacity, counts, formula }) => {
    const seen = counts.map(({ size, count }) => `${size.hosts}x${size.perHost}: ${count}`)
    const probe = `all speak to all and to outside; entries at HxK ${seen.join(', ')}`
    const numbers = counts.map(({ count }) => count)
    const text = formula?.toString() ?? `${Math.min(...numbers)}..${Math.max(...numbers)}, no rule`
    const room = Number.isFinite(capacity) ? ` (of ${capacity})` : ''
    return trial.cell(SECTION, name, text, `${text}${room}`, probe)
  })
  return [...cells, ...CROWDS.map((perHost) => fillsFirst(trial, grown, perHost))]
}

/** By the formulas, as the fabric and the hosts are dimensioned. */
function fillsFirst(
  trial: Trial,
  grown: readonly {
    readonly name: string
    readonly capacity: number
    readonly formula: Formula | null
  }[],
  perHost: number,
): Cell {
  const limited = grown.filter(({ capacity }) => Number.isFinite(capacity))
  const full = limited.flatMap(({ name, capacity, formula }) => {
    const hosts = formula === null ? null : hostsUntil(formula, capacity, perHost)
    return hosts === null ? [] : [{ name, hosts, capacity }]
  })
  const row = `fills first, k = ${perHost}`
  const probe = 'the formulas above, and what fits into each table'
  const unknown = limited.filter(({ formula }) => formula === null).map(({ name }) => name)
  if (unknown.length > 0) {
    return trial.cell(SECTION, row, null, `no rule for ${unknown.join(', ')}`, probe)
  }
  const [first] = full.toSorted((a, b) => a.hosts - b.hosts)
  if (first === undefined) return trial.cell(SECTION, row, null, 'none', probe)
  const { name, hosts, capacity } = first
  const text = `${name} (${capacity}): ${hosts} hosts`
  return trial.cell(SECTION, row, hosts, text, probe)
}

/** The least number of hosts that do not fit; null when any do. */
function hostsUntil(formula: Formula, capacity: number, perHost: number): number | null {
  const isTooMany = (hosts: number) => formula.at({ hosts, perHost }) > capacity
  if (!isTooMany(HOSTS_MAX)) return null
  let [fits, full] = [0, HOSTS_MAX]
  while (full - fits > 1) {
    const middle = Math.floor((fits + full) / 2)
    if (isTooMany(middle)) full = middle
    else fits = middle
  }
  return full
}
