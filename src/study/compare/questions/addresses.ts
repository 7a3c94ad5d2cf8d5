import { LinkCuts } from '../../../scenario/link-cuts.ts'
import { AttachError, type Endpoint } from '../../../schemes/contract.ts'
import { SECOND } from '../../../sim/units.ts'
import { formatIpv4, type Ipv4Address } from '../../../wire/ipv4-address.ts'
import type { Cell } from '../cell.ts'
import type { Trial } from '../trial.ts'
import type { TwoNetworks } from '../two-networks.ts'

const SECTION = 'IPAM'
/** A daemon that has not answered by then will not while the fabric is as it is. */
const PATIENCE = 20 * SECOND

/** Who gives out addresses, and of what. It leaves the near host cut off: to be asked last. */
export function addresses({ trial, places }: TwoNetworks): Cell[] {
  const cell = (row: string, text: string, probe: string) =>
    trial.cell(SECTION, row, text, text, probe)
  const given = endpointsOf(trial, ['red-1', 'red-2', 'red-3'])
  const text = given.map(({ address, length }) => `${formatIpv4(address)}/${length}`).join(' ')
  const cells = [cell('given to red-1, red-2, red-3', text || 'none', 'their interfaces')]
  const far = trial.endpoint('red-3')
  const twice = far === undefined ? null : demandTwice(trial, places.near, far.address)
  cells.push(
    cell('range of a host', rangesOf(trial, places), 'containers begun on two hosts in turn'),
    cell(
      'an address taken elsewhere',
      twice ?? '-',
      'a container on the near host asks for the address of red-3',
    ),
    cell(
      'who allocates',
      allocatorOf(trial, places.near),
      'a container begun on the near host while its cable is cut',
    ),
  )
  return cells
}

function endpointsOf(trial: Trial, names: readonly string[]): Endpoint[] {
  return names.flatMap((name) => trial.endpoint(name) ?? [])
}

function begin(trial: Trial, name: string, host: string, address: Ipv4Address | null = null) {
  return trial.attach({ name, host, network: 'red', address }, PATIENCE)
}

/** Begins two more containers on each of two hosts, in turn. */
function rangesOf(trial: Trial, { near, far }: TwoNetworks['places']): string {
  const byHost = new Map<string, number[]>()
  const add = (host: string, { address }: Endpoint) =>
    byHost.set(host, [...(byHost.get(host) ?? []), address >>> 0])
  for (const [name, host] of [
    ['red-1', near],
    ['red-2', near],
    ['red-3', far],
  ] as const) {
    const endpoint = trial.endpoint(name)
    if (endpoint !== undefined) add(host, endpoint)
  }
  for (const [i, host] of [far, near, far, near].entries()) {
    const endpoint = begin(trial, `more-${i + 1}`, host)
    if (!(endpoint instanceof AttachError)) add(host, endpoint)
  }
  const [a = [], b = []] = [byHost.get(near), byHost.get(far)]
  if (a.length < 2 || b.length < 2) return 'not seen'
  if (new Set(a).size === 1) return 'the address of the host'
  if (a.some((address) => b.includes(address))) return 'the same for all hosts'
  const isApart = Math.max(...a) < Math.min(...b) || Math.max(...b) < Math.min(...a)
  return isApart ? 'one of its own' : 'shared with the others'
}

function demandTwice(trial: Trial, host: string, address: Ipv4Address): string {
  const endpoint = begin(trial, 'twin', host, address)
  if (endpoint instanceof AttachError) return `refused: ${endpoint.message}`
  const had = endpoint.address
  trial.detach(endpoint, host)
  return had === address ? 'given twice' : `another one given: ${formatIpv4(had)}`
}

/** Whether a host gives an address when it can ask nobody. */
function allocatorOf(trial: Trial, near: string): string {
  const { links } = trial.world
  const ours = [...links.values()].filter(({ model }) => model.from === near || model.to === near)
  new LinkCuts(trial.world).cut(
    ours.flatMap(({ a, b }) => [a, b]),
    ours,
  )
  const endpoint = begin(trial, 'cut-off', near)
  if (!(endpoint instanceof AttachError)) return 'the host alone'
  return trial.world.store === null ? 'hosts together' : 'the store'
}
