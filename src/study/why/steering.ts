import type { TraceEvent } from '../../measure/trace-recorder.ts'
import { formatMac } from '../../wire/mac-address.ts'
import { type Cause, cause } from './cause.ts'
import type { Journey } from './journey.ts'
import { nodeOf, type Whereabouts } from './whereabouts.ts'

/**
 * The first row on the way of a packet that leads astray: to a MAC, a tunnel's end or a next hop that
 * is not where the packet has to go. What is meant is known from where addresses are, not from a plan.
 */
export function wrongRowOf(
  { path, first }: Journey,
  events: readonly TraceEvent[],
  where: Whereabouts,
): Cause | null {
  // Those on the way of the copy that is told of come first, then those of its other copies.
  const others = events.filter(({ packet }) => packet === first.event.packet)
  for (const event of [...path.map((step) => step.event), ...others]) {
    const found = wrongRow(event, where)
    if (found !== null) return taughtBy(found, events)
  }
  return null
}

/** A neighbour that was learned from who answers for others is wrong because the answerer's row is. */
function taughtBy(found: Cause, events: readonly TraceEvent[]): Cause {
  const [, address, mac] = NEIGHBOUR.exec(found.row ?? '') ?? []
  if (found.kind !== 'neighbour' || address === undefined) return found
  const answer = events.find(({ stage, row, place }) => {
    const [, asked, told] = NEIGHBOUR.exec(row ?? '') ?? []
    return stage === 'arp' && place !== found.place && asked === address && told === mac
  })
  return answer === undefined ? found : { ...found, place: answer.place, row: answer.row }
}

function wrongRow(event: TraceEvent, where: Whereabouts): Cause | null {
  switch (event.stage) {
    case 'neighbour':
      return wrongNeighbour(event, where)
    case 'transmit':
      return wrongRemote(event, where)
    case 'route':
      return wrongNextHop(event, where)
    default:
      return null
  }
}

const NEIGHBOUR = /^(\S+) dev \S+ lladdr (\S+)/
const NO_MAC = '00:00:00:00:00:00'

/** A MAC that nobody has, or that none of those has who have the address. */
function wrongNeighbour({ row, place }: TraceEvent, where: Whereabouts): Cause | null {
  const [, address, mac] = NEIGHBOUR.exec(row ?? '') ?? []
  if (address === undefined || mac === undefined || mac === NO_MAC) return null
  const holders = where.holders(address)
  // An address that nobody has is one for which somebody answers (proxy ARP).
  const isRight =
    holders.length === 0
      ? where.stations(mac).length > 0
      : holders.some((holder) => formatMac(holder.mac) === mac) || isProxied(mac, place, where)
  return isRight ? null : cause('neighbour', 'wrong', place, address, { row })
}

/** Whether a device that answers for others has the MAC, at the other end of the link or beyond. */
function isProxied(mac: string, place: string, where: Whereabouts): boolean {
  const own = where.device(place)
  return where.stations(mac).some((device) => device.proxyArp && device !== own)
}

/** A tunnel's end on another machine than the one that has the MAC; the own one is bypassed unseen. */
function wrongRemote({ place, mac }: TraceEvent, where: Whereabouts): Cause | null {
  const device = where.device(place)
  const found = device === null ? null : where.remoteOf(device, mac)
  const stations = where.stations(mac)
  if (found === null || stations.length === 0) return null
  const ends = where.machinesWith(found.remote)
  const isRight = stations.some(({ namespace }) => ends.has(where.machineOf(namespace)))
  return isRight ? null : cause('fdb', 'wrong', place, mac, { row: found.row })
}

/** A next hop that nobody has, or on a host that is not that of the destination. */
function wrongNextHop(event: TraceEvent, where: Whereabouts): Cause | null {
  const { row, place, destination } = event
  const [, via] = / via (\S+)/.exec(row ?? '') ?? []
  if (via === undefined || destination === null) return null
  const here = where.namespace(nodeOf(place)) ?? where.namespace(place)
  const own = here === null ? null : where.machineOf(here)
  const hops = where.machinesWith(via)
  const ends = where.machinesWith(destination)
  if (ends.size === 0) return null
  const subject = row!.split(' ')[0]!
  // A default route is one of many ways; link-local next hops are answered for.
  if (hops.size === 0) {
    const isAnswered = via.startsWith('169.254.') || subject === 'default'
    return isAnswered ? null : cause('route', 'wrong', nodeName(place), subject, { row })
  }
  for (const hop of hops) if (!where.isHost(hop) || hop === own || ends.has(hop)) return null
  return cause('route', 'wrong', nodeName(place), subject, { row })
}

/** Routes belong to a namespace, whichever device of it a step names. */
function nodeName(place: string): string {
  return place.includes('/') ? nodeOf(place) : place
}
