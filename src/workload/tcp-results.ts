import type { TaskCores } from './cores.ts'
import type { Distribution, Rates, ResultBase } from './workload.ts'

/** Round-trip times, picoseconds. */
export interface RttRange {
  readonly min: number
  readonly mean: number
  readonly max: number
}

/** What held a flow back: shares of the window, which add up to 1. */
export interface TcpLimits {
  /** It had data, and neither of the next two held it: congestion window, CPU, queues below TCP. */
  readonly congestionWindow: number
  readonly receiveWindow: number
  /** The application had data, and the send buffer no room. */
  readonly sendBuffer: number
  /** There was nothing to send. */
  readonly application: number
}

/** What TCP carried in the window. */
export interface TcpVolume {
  /** That the receiving application read. */
  readonly bytes: number
  /** The same, bits per second. */
  readonly goodput: number
  /** Bits per second that the sending application handed over. */
  readonly offered: number
  /** Segments. */
  readonly retransmits: number
}

/** `sent` counts flows opened, `refused` those that failed to connect or broke. */
export interface TcpResult extends ResultBase, TcpVolume {
  readonly kind: 'tcp'
  /** What was cut off before the window, picoseconds. */
  readonly warmup: number
  /** Jain's index of the flows' goodput, 1/n to 1; null when nothing arrived. */
  readonly fairness: number | null
  /** From `connect` until the client knew that it was connected. */
  readonly connectTime: Distribution | null
  /** Of the smoothed round-trip times that the senders had at regular times of the window. */
  readonly rtt: RttRange | null
  /** The longest time that a connected flow brought its reader nothing, picoseconds. */
  readonly stall: number
  /** Mean of the flows. */
  readonly limits: TcpLimits | null
  readonly flows: readonly TcpFlowResult[]
  readonly pairs: readonly TcpPairResult[]
  readonly cores: TaskCores | null
}

export interface TcpPairResult extends TcpVolume {
  readonly from: string
  readonly to: string
}

export interface TcpFlowResult extends TcpPairResult {
  /** The server's; null where nobody listens. */
  readonly port: number | null
  /** `reverse`: the server sends. */
  readonly direction: 'forward' | 'reverse'
  readonly connected: boolean
  /** From here on, of the sending side; null before it is connected. */
  readonly congestion: string | null
  /** Congestion window, segments: at the end of the window, and the largest seen in it. */
  readonly cwnd: number | null
  readonly maxCwnd: number | null
  /** Payload bytes of a full segment. */
  readonly mss: number | null
  readonly rtt: RttRange | null
  /** At the end of the window. */
  readonly srtt: number | null
  readonly limits: TcpLimits | null
  readonly connectTime: number | null
  /** From the start of the workload until the last of a given number of bytes was read. */
  readonly completionTime: number | null
  readonly stall: number
  /** Why it failed or broke. */
  readonly error: string | null
}

/** What request-response and connect-request-response over TCP have in common. */
export interface TransactionResult extends ResultBase, Rates {
  /** Transactions whose reply has been read. */
  readonly delivered: number
  /** `sent` less `delivered`: with what is still on its way, while the result is partial. */
  readonly lost: number
  readonly transactionsPerSecond: number
  readonly connectTime: Distribution | null
  /** From the start of a pair until it had its first reply, of all pairs the longest; null without any. */
  readonly firstPacketLatency: number | null
  readonly cores: TaskCores | null
}

/** `sent` counts requests, `refused` connections that failed or broke. */
export interface TcpRequestResponseResult extends TransactionResult {
  readonly kind: 'tcp-rr'
  /** From before a request is written until its reply has been read. */
  readonly rtt: Distribution | null
  /** Segments that the clients sent again, in the whole run. */
  readonly retransmits: number
}

/** `sent` counts connections begun, `refused` those that failed. */
export interface TcpConnectResult extends TransactionResult {
  readonly kind: 'tcp-crr'
  /** From before `connect` until the reply has been read. */
  readonly rtt: Distribution | null
}
