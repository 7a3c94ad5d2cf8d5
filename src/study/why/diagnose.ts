import type { TraceEvent } from '../../measure/trace-recorder.ts'
import { formatIpv4, parseIpv4 } from '../../wire/ipv4-address.ts'
import { type Cause, cause } from './cause.ts'
import { causeOfDrop } from './cause-of-drop.ts'
import type { Journey } from './journey.ts'
import { missingRoute } from './missing-route.ts'
import { tooLong } from './narrow-device.ts'
import type { Findings } from './resolution.ts'
import type { SentProbe } from './send-probe.ts'
import { wrongRowOf } from './steering.ts'
import type { Whereabouts } from './whereabouts.ts'

/**
 * What has to change for a probe that did not arrive; null where nothing is found to be wrong. It is
 * read off the trace: the first packet that was lost for good, the rows that steered it, the drop.
 * @param journeys all packets of the trace. @param where the world as it was when the probe was sent.
 */
export function diagnose(
  probe: SentProbe,
  events: readonly TraceEvent[],
  journeys: readonly Journey[],
  where: Whereabouts,
): Cause | null {
  const error = probe.sendError()
  if (error !== null) return causeOfError(error, probe, where)
  const mains = journeys.filter((each) => isOfProbe(each, journeys[0]))
  const carriers = journeys.filter((each) => !mains.includes(each) && each.kind === 'udp')
  const receiver = probe.ends.receiver?.name ?? null
  const findings: Findings = { events, journeys, carriers, where, receiver }
  const lost = lostForGood(mains)
  if (lost !== null) return causeOfLoss(lost, findings)
  const silent = unanswered(probe, mains, where)
  if (silent !== null) return silent
  const carrier = carriers.find(({ fate }) => fate.kind === 'dropped')
  return carrier === undefined ? null : causeOfDrop(carrier, carrier.fate.end, findings)
}

/** Not ARP, errors, and what daemons send on the probe's behalf. */
function isOfProbe({ kind, first }: Journey, begin: Journey | undefined): boolean {
  if (kind === 'udp') return first.event.packet === begin?.first.event.packet
  return kind.startsWith('echo') || kind.startsWith('tcp')
}

const ASKING: readonly string[] = ['echo-request', 'tcp-syn', 'tcp-data', 'tcp-fin']

/** The first packet of the probe that did not get to its end, by this or a later attempt. */
function lostForGood(mains: readonly Journey[]): Journey | null {
  const isLost = ({ fate }: Journey) => fate.kind === 'dropped' || fate.kind === 'waiting'
  const lost = mains.find((each) => {
    if (!isLost(each) || each.kind === 'tcp-ack' || each.kind === 'tcp-rst') return false
    // A segment that was sent again and then arrived was no obstacle.
    return !mains.some((other) => other !== each && isSame(each, other) && !isLost(other))
  })
  return lost ?? null
}

function isSame(one: Journey, other: Journey): boolean {
  if (one.kind !== other.kind || !one.kind.startsWith('tcp')) return false
  const segment = ({ first }: Journey) => first.event.frame.replace(/, (win|options|ack) .*$/, '')
  return segment(one) === segment(other)
}

/** It has arrived, and no answer began: where the answer has no route, it is never in flight. */
function unanswered(
  { ends }: SentProbe,
  journeys: readonly Journey[],
  where: Whereabouts,
): Cause | null {
  const asked = journeys.findLast(({ kind, fate }) => {
    return ASKING.includes(kind) && fate.kind === 'delivered'
  })
  if (asked === undefined || ends.receiver === null) return null
  const { receiver } = ends
  const place = receiver.name
  const to = asked.fate.end.event.source
  const address = to === null ? null : parseIpv4(to)
  if (address === null || receiver.routes.lookup(address) !== null) return null
  return missingRoute(place, formatIpv4(address), where)
}

function causeOfError(error: string, { ends, knownMtu }: SentProbe, where: Whereabouts): Cause {
  const { sender, destination } = ends
  const to = formatIpv4(destination)
  switch (error) {
    case 'EMSGSIZE':
      return tooLong(sender, destination, knownMtu)
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'EINVAL':
      return missingRoute(sender.name, to, where, sender.routes.lookup(destination)?.toString())
    case 'EACCES':
      return cause('route', 'present', sender.name, to, {
        row: sender.routes.lookup(destination)?.toString() ?? null,
      })
    default:
      return cause('other', 'present', sender.name, error)
  }
}

function causeOfLoss(journey: Journey, findings: Findings): Cause {
  const { fate } = journey
  const found =
    wrongRowOf(journey, findings.events, findings.where) ?? causeOfDrop(journey, fate.end, findings)
  return fate.kind === 'dropped' ? { ...found, reason: found.reason ?? fate.reason } : found
}
