import type { Histogram } from '../measure/histogram.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { TaskCores } from './cores.ts'
import type { ErrorCount } from './errors.ts'
import type { OutageResult } from './outage.ts'
import type { StoreLoadResult } from './store-load.ts'
import type { TcpConnectResult, TcpRequestResponseResult, TcpResult } from './tcp-results.ts'
import { perSecond, type Window } from './window.ts'

/** What loads the network and measures itself. Times are picoseconds from the start of the run. */
export interface Workload {
  readonly name: string
  /**
   * When it has sent everything and waited for what may still arrive: known before the run.
   */
  readonly endsAt: number
  /** Over which rates and distributions are taken, if the run lasts so long. */
  readonly window: Window
  /** One-way latencies or round-trip times of the measuring window; null where none are taken. */
  readonly times: Histogram | null
  /** From a change of the store to its event at watchers; absent where nobody watches. */
  readonly watchTimes?: Histogram
  /** Called when everything that it had to carry has been read, if that is before the window's end. */
  onComplete?: (() => void) | null
  /** Programs of a container that has gone to another host are started again in its new namespace. */
  relocate?(from: NetNamespace, to: NetNamespace): void
  /** Schedules itself: sockets are opened and the first packet leaves at its own start time. */
  start(): void
  /** What was measured up to `now`, the simulator's clock. */
  result(now: number): WorkloadResult
}

export type WorkloadResult =
  | PingResult
  | UdpResult
  | UdpRequestResponseResult
  | TcpResult
  | TcpRequestResponseResult
  | TcpConnectResult
  | FramesResult
  | StoreLoadResult

/** Durations in picoseconds; percentiles by nearest rank, to within 0.4 %. */
export interface Distribution {
  readonly count: number
  readonly min: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export interface ResultBase {
  readonly name: string
  /** Asked before its end, with packets whose fate is not known yet. */
  readonly partial: boolean
  /** The time over which rates and distributions are taken; counts are of the whole workload. */
  readonly window: Window
  /** Packets that the generator handed to the kernel, those included that it refused. */
  readonly sent: number
  /** Of these, the system calls that failed. */
  readonly refused: number
  readonly errors: readonly ErrorCount[]
}

interface DeliveryResult extends ResultBase {
  /** Where the generator's threads ran; null where no end has a machine with cores. */
  readonly cores: TaskCores | null
  /** Packets of which at least one copy arrived. */
  readonly delivered: number
  /** `sent` less `delivered`: with what is still on its way, while the result is partial. */
  readonly lost: number
  /** Further copies. */
  readonly duplicates: number
  /**
   * Time from the first packet sent to the first that arrived, of all pairs in which one did the
   * longest; null when none arrived.
   */
  readonly firstPacketLatency: number | null
}

/** Rates of a window. */
export interface Rates {
  /** Payload bytes that arrived in the window. */
  readonly bytes: number
  /** Payload bits per second that arrived. */
  readonly goodput: number
  /** Payload bits per second that the generator handed over. */
  readonly offered: number
  /** Packets per second that arrived. */
  readonly packetsPerSecond: number
  /** Packets per second that the generator handed over. */
  readonly offeredPacketsPerSecond: number
}

export interface PingResult extends DeliveryResult, OutageResult {
  readonly kind: 'ping'
  readonly reordered: number
  readonly rtt: Distribution | null
  readonly pairs: readonly PingPairResult[]
}

export interface PingPairResult {
  readonly from: string
  readonly to: string
  readonly sent: number
  readonly delivered: number
  readonly duplicates: number
  /** ICMP errors and local errors with a known MTU, as ping counts them. */
  readonly errors: number
  /** Mean and standard deviation of the round-trip times, picoseconds; null without a reply. */
  readonly rttMean: number | null
  readonly rttDeviation: number | null
  /** What ping would have printed. */
  readonly lines: readonly string[]
}

export interface UdpResult extends DeliveryResult, OutageResult, Rates {
  readonly kind: 'udp'
  /** Arrived after a packet of the same flow that was sent later (RFC 4737); duplicates do not count. */
  readonly reordered: number
  /** Packets that arrived at another receiver of this workload than the one they were meant for. */
  readonly misdelivered: number
  /** One way. */
  readonly latency: Distribution | null
  /** Interarrival jitter (RFC 3550 6.4.1) at the end, picoseconds: the mean of the flows' values. */
  readonly jitter: number | null
  /** Payload bits per second that the pace asked for, of all pairs; null where it asked for all it can. */
  readonly requested: number | null
  readonly requestedPacketsPerSecond: number | null
  readonly pairs: readonly UdpPairResult[]
}

export interface UdpPairResult extends Rates {
  readonly from: string
  readonly to: string
  /** The receiver's; null where nobody listens. */
  readonly port: number | null
  readonly sent: number
  readonly delivered: number
  readonly lost: number
  readonly duplicates: number
  readonly reordered: number
  readonly misdelivered: number
  readonly firstPacketLatency: number | null
}

/** Counts are of transactions: a request is delivered when its reply has come. */
export interface UdpRequestResponseResult extends DeliveryResult, Rates {
  readonly kind: 'udp-rr'
  /** Requests that a server received, copies included. */
  readonly requests: number
  /** Requests given up. */
  readonly timeouts: number
  /** Replies that came after their request had been given up. */
  readonly late: number
  readonly transactionsPerSecond: number
  readonly rtt: Distribution | null
}

/** Frames below IP; what becomes of them, switches and frame counters tell. */
export interface FramesResult extends ResultBase {
  readonly kind: 'macof' | 'frames'
  /** Frame bytes without FCS. */
  readonly bytes: number
  /** Different source addresses used. */
  readonly sources: number
}

export function distributionOf(histogram: Histogram): Distribution | null {
  if (histogram.count === 0) return null
  return {
    count: histogram.count,
    min: histogram.min,
    mean: histogram.mean,
    p50: histogram.percentile(50),
    p90: histogram.percentile(90),
    p99: histogram.percentile(99),
    p999: histogram.percentile(99.9),
    max: histogram.max,
  }
}

/** @param size payload bytes of a packet. */
export function ratesOf(window: Window, size: number, arrived: number, offered: number): Rates {
  return {
    bytes: arrived * size,
    goodput: perSecond(arrived * size * 8, window),
    offered: perSecond(offered * size * 8, window),
    packetsPerSecond: perSecond(arrived, window),
    offeredPacketsPerSecond: perSecond(offered, window),
  }
}

/** The longest of the latencies that are known. */
export function longest(latencies: readonly (number | null)[]): number | null {
  const known = latencies.filter((latency) => latency !== null)
  return known.length === 0 ? null : known.reduce((a, b) => Math.max(a, b))
}
