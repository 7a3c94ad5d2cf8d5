import { addTap } from '../../../measure/tap.ts'
import type { Endpoint } from '../../../schemes/contract.ts'
import { macOf } from '../../../wire/mac-address.ts'
import type { Cell } from '../cell.ts'
import { type End, whoAnswersWhom } from '../exchange.ts'
import type { Trial } from '../trial.ts'
import type { TwoNetworks } from '../two-networks.ts'

const SECTION = 'connectivity and isolation'
const PROBE = 'a datagram from each end to each other, and its answer; thrice a second apart'

type Pair = readonly [from: string, to: string]

const bothWays = (a: string, b: string): Pair[] => [
  [a, b],
  [b, a],
]

/** The rows of the section; `near` and `far` are the hosts themselves. */
const ROWS: readonly { readonly row: string; readonly pairs: readonly Pair[] }[] = [
  { row: 'own network, same host', pairs: bothWays('red-1', 'red-2') },
  {
    row: 'own network, other host',
    pairs: [...bothWays('red-1', 'red-3'), ...bothWays('blue-1', 'blue-3')],
  },
  { row: 'other network, same host', pairs: bothWays('red-1', 'blue-1') },
  {
    row: 'other network, other host',
    pairs: [...bothWays('red-1', 'blue-3'), ...bothWays('blue-1', 'red-3')],
  },
  {
    row: 'with a member of both',
    pairs: [...bothWays('red-1', 'both-1'), ...bothWays('blue-1', 'both-1')],
  },
  { row: 'host to own container', pairs: [['near', 'red-1']] },
  { row: 'host to container elsewhere', pairs: [['far', 'red-1']] },
  { row: 'container to own host', pairs: [['red-1', 'near']] },
  { row: 'container to other host', pairs: [['red-1', 'far']] },
  { row: 'container to outside', pairs: [['red-1', 'outside']] },
  { row: 'outside to container', pairs: [['outside', 'red-1']] },
]

/** Whether broadcasts of one network come to a container of the other. */
class Overheard {
  private isHeard: boolean | null = null
  private readonly trial: Trial

  constructor(trial: Trial) {
    this.trial = trial
    const speakers = new Set(endpointsOn(trial, 'red').map(({ mac }) => mac))
    for (const name of ['blue-1', 'blue-3']) {
      const listener = trial.endpoint(name)
      if (listener === undefined || listener.namespace.name !== name) continue
      this.isHeard ??= false
      addTap(listener.namespace.device(listener.device)!, {
        frame: (_time, frame, direction) => {
          if (direction !== 'in' || !frame.isBroadcast) return
          if (speakers.has(macOf(frame.srcHi, frame.srcLo))) this.isHeard = true
        },
      })
    }
  }

  cell(): Cell {
    const text = wordOf([this.isHeard])
    const probe = 'broadcasts from MACs of red, as they come to blue-1 and blue-3'
    return this.trial.cell(SECTION, 'broadcasts of another network', text, text, probe)
  }
}

function endpointsOn({ world }: Trial, network: string): Endpoint[] {
  return [...world.endpoints.values()].flat().filter((each) => each.network === network)
}

/** Sends from every end to every other at the same time, and says who was answered. */
export function connectivity(found: TwoNetworks): Cell[] {
  const { trial, places } = found
  const ends = endsOf(found)
  const heard = new Overheard(trial)
  const reached = whoAnswersWhom(trial, ends)
  const names = ends.map(({ name }) => name)
  const asked = ends.length * (ends.length - 1)
  const answered = reached.flat().filter(Boolean).length
  const cell = (row: string, value: Cell['value'], text: string) =>
    trial.cell(SECTION, row, value, text, PROBE)
  const alias = (name: string) => (name === 'near' || name === 'far' ? places[name] : name)
  const isReached = (from: string, to: string) =>
    reached[names.indexOf(alias(from))]?.[names.indexOf(alias(to))] ?? null
  const rows = ROWS.map(({ row, pairs }) => {
    const text = wordOf(pairs.map(([from, to]) => isReached(from, to)))
    return cell(row, text, text)
  })
  const matrix = cell(
    'pairs that reach each other',
    { ends: names, reached },
    `${answered} of ${asked}`,
  )
  return [...rows, heard.cell(), matrix]
}

/** `-` where there is no such end. */
function wordOf(results: readonly (boolean | null)[]): string {
  const known = results.filter((result) => result !== null)
  if (known.length === 0) return '-'
  if (known.every(Boolean)) return 'yes'
  return known.some(Boolean) ? 'partly' : 'no'
}

function endsOf({ trial, places }: TwoNetworks): End[] {
  const { world } = trial
  const containers = [...world.endpoints].flatMap(([name, endpoints]) => {
    const [first] = endpoints
    if (first === undefined) return []
    return [
      { name, namespace: first.namespace, addresses: endpoints.map(({ address }) => address) },
    ]
  })
  const hosts = [...new Set([places.near, places.far, 'outside'])].flatMap((name) => {
    const host = world.hosts.get(name)
    return host === undefined ? [] : [{ name, namespace: host.root, addresses: [host.address] }]
  })
  return [...containers, ...hosts]
}
