import type { Host } from '../host/host.ts'
import type { LimitKind } from '../scenario/limit-kind.ts'
import type { WorkloadResult } from '../workload/workload.ts'
import type { Sides } from './sides.ts'
import type { CoreUsage, WindowUsage } from './window-meter.ts'

/** What kept a workload from going faster. */
export interface Limit {
  readonly kind: LimitKind
  /** Which cable, core, window or queue. */
  readonly what: string
  /** Of the window, in which it was busy or waited for; of what was sent, for losses. */
  readonly share: number
}

/** From here on a cable or a core has no time left: what is missing are gaps of frames and wake-ups. */
const SATURATED = 0.97
/** Of what the pace asked for: less than this was not done. */
const DONE = 0.995
/** A flow that waits for one thing longer than for all others. */
const MOSTLY = 0.5

/**
 * The reason, as it was measured: what was asked for has been done; or something was busy all the time;
 * or the flows waited. Null for workloads that do not try to go fast.
 */
export function limitOf(result: WorkloadResult, usage: WindowUsage): Limit | null {
  switch (result.kind) {
    case 'udp':
      return paceLimit(result) ?? busyLimit(result, usage) ?? lossLimit(result, usage) ?? UNKNOWN
    case 'tcp':
      return busyLimit(result, usage) ?? waitLimit(result, usage) ?? UNKNOWN
    case 'udp-rr':
    case 'tcp-rr':
    case 'tcp-crr':
      return busyLimit(result, usage) ?? ROUND_TRIP
    default:
      return null
  }
}

const UNKNOWN: Limit = { kind: 'unknown', what: 'nothing that was measured', share: 0 }
const ROUND_TRIP: Limit = { kind: 'round-trip', what: 'the answers under way', share: 1 }

type UdpResult = Extract<WorkloadResult, { kind: 'udp' }>
type TcpResult = Extract<WorkloadResult, { kind: 'tcp' }>

function paceLimit({ requestedPacketsPerSecond, packetsPerSecond }: UdpResult): Limit | null {
  if (requestedPacketsPerSecond === null || requestedPacketsPerSecond === 0) return null
  const share = packetsPerSecond / requestedPacketsPerSecond
  return share < DONE ? null : { kind: 'application', what: 'the pace', share: Math.min(1, share) }
}

/**
 * A cable before a core, for what waits for a cable costs the cores nothing. Of datagrams the receiver
 * goes first where it is the one that lost them: its core was busy with what came to nothing.
 */
function busyLimit(result: WorkloadResult, usage: WindowUsage): Limit | null {
  if (result.kind === 'udp' && isLostAtReceiver(usage)) {
    const core = coreLimit(result, usage, ['receive-softirq-core', 'receive-core'])
    if (core !== null) return core
  }
  return linkLimit(usage) ?? coreLimit(result, usage, CORE_KINDS)
}

function linkLimit({ lanes }: WindowUsage): Limit | null {
  const [busiest] = lanes
  if (busiest === undefined || busiest.utilisation < SATURATED) return null
  const { lane, utilisation } = busiest
  return { kind: 'link', what: `${lane.link} ${lane.direction}`, share: utilisation }
}

const CORE_KINDS: readonly LimitKind[] = ['receive-softirq-core', 'receive-core', 'send-core']

/** The busiest core, or the thread that had no pause wherever it ran. */
function coreLimit(
  result: WorkloadResult,
  usage: WindowUsage,
  kinds: readonly LimitKind[],
): Limit | null {
  const candidates = [...coreCandidates(result, usage), ...taskCandidates(result)]
    .filter(({ kind, share }) => kinds.includes(kind) && share >= SATURATED)
    .sort((a, b) => b.share - a.share)
  const [busiest] = candidates
  if (busiest === undefined) return null
  const others = new Set(
    candidates.filter(({ kind }) => kind === busiest.kind).map(({ what }) => what),
  )
  const more = others.size > 1 ? ` and ${others.size - 1} more` : ''
  return { ...busiest, what: `${busiest.what}${more}` }
}

function coreCandidates(result: WorkloadResult, { cores, sides }: WindowUsage): Limit[] {
  return cores.map((usage) => ({
    kind: kindOf(result, usage, sides),
    what: `core ${usage.core} of ${usage.machine.name}`,
    share: usage.busy,
  }))
}

/**
 * On a machine that is both, softirqs run where somebody sends: a core with a sender is full because
 * of what it sends, however far that gets on it.
 */
function kindOf(
  result: WorkloadResult,
  { machine, core, busy, softirq }: CoreUsage,
  { senders, receivers }: Sides,
): LimitKind {
  const has = (side: ReadonlySet<Host>) => [...side].some((host) => host.kernel.machine === machine)
  if (!has(receivers)) return 'send-core'
  const isSending = ranOn(result, 'senders', core) > ranOn(result, 'receivers', core)
  if (has(senders) && isSending) return 'send-core'
  return softirq > MOSTLY * busy ? 'receive-softirq-core' : 'receive-core'
}

/** Share of the window that threads of one side took of a core. */
function ranOn(result: WorkloadResult, side: 'senders' | 'receivers', core: number): number {
  return tasksOf(result, side).reduce((sum, task) => sum + (task.core === core ? task.share : 0), 0)
}

function tasksOf(result: WorkloadResult, side: 'senders' | 'receivers') {
  return 'cores' in result && result.cores !== null ? result.cores[side] : []
}

function taskCandidates(result: WorkloadResult): Limit[] {
  const of = (side: 'senders' | 'receivers', kind: LimitKind) =>
    tasksOf(result, side).map(({ host, core, share }) => ({
      kind,
      what: `core ${core} of ${host}`,
      share,
    }))
  return [...of('receivers', 'receive-core'), ...of('senders', 'send-core')]
}

function isLostAtReceiver({ losses, sides }: WindowUsage): boolean {
  const [most] = losses
  if (most === undefined) return false
  const node = most.place.slice(0, most.place.lastIndexOf('/'))
  return [...sides.receivers].some(({ name, containers }) => name === node || containers.has(node))
}

/** Flows that waited more than they sent; of the congestion window the cause is told where it is known. */
function waitLimit({ limits, stall, window }: TcpResult, usage: WindowUsage): Limit | null {
  if (limits === null) return null
  // While one flow waits for its timer the others, long done, have nothing to send.
  const stalled = stall / Math.max(1, window.end - window.start)
  if (usage.losses.length > 0 && stalled > MOSTLY) {
    return { kind: 'loss', what: lossText(usage), share: Math.min(1, stalled) }
  }
  const { receiveWindow, sendBuffer, application, congestionWindow } = limits
  if (application > MOSTLY) {
    return { kind: 'application', what: 'nothing to send', share: application }
  }
  if (receiveWindow > MOSTLY) {
    return { kind: 'window', what: 'receive window', share: receiveWindow }
  }
  if (sendBuffer > MOSTLY) return { kind: 'window', what: 'send buffer', share: sendBuffer }
  if (usage.losses.length > 0) {
    return { kind: 'loss', what: lossText(usage), share: congestionWindow }
  }
  if (congestionWindow > MOSTLY) {
    return { kind: 'window', what: 'congestion window', share: congestionWindow }
  }
  return null
}

function lossLimit({ sent, lost }: UdpResult, usage: WindowUsage): Limit | null {
  if (usage.losses.length === 0 || sent === 0) return null
  return { kind: 'loss', what: lossText(usage), share: lost / sent }
}

function lossText({ losses }: WindowUsage): string {
  const [most] = losses
  return most === undefined ? '' : `${most.reason} at ${most.place}`
}
