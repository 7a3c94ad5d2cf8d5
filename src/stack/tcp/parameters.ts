import { MILLISECOND, SECOND } from '../../sim/units.ts'
import type { CongestionName } from './congestion/algorithms.ts'

/** Least, initial and largest size of a buffer, bytes (tcp_rmem, tcp_wmem). */
export type BufferRange = readonly [number, number, number]

/**
 * Settings of TCP in one Linux release: the sysctls net.ipv4.tcp_* of that name, and what has none.
 * Durations are picoseconds, sizes bytes. Source: net/ipv4/tcp*.c and ip-sysctl.rst of the release;
 * the 6.18 column was read from a running kernel.
 */
export interface TcpParameters {
  readonly congestion: CongestionName
  readonly synRetries: number
  /** How many SYNs are repeated after one second each, before the time doubles (since 6.5). */
  readonly synLinearTimeouts: number
  readonly synackRetries: number
  /** After so many timeouts' worth of time the path is doubted, after `retries2` given up. */
  readonly retries1: number
  readonly retries2: number
  /** Retries of a connection that nobody owns any more; 0 means 8. */
  readonly orphanRetries: number
  readonly rmem: BufferRange
  readonly wmem: BufferRange
  readonly moderateRcvbuf: boolean
  /** Whether the share of content in the receive buffer is measured (since 6.6), or taken as a half. */
  readonly measuresRatio: boolean
  /** Most segments of the first window that is offered; 0 = no such limit (since 4.20). */
  readonly initialReceiveSegments: number
  /** Most bytes of one socket below TCP (TCP small queues). */
  readonly limitOutputBytes: number
  readonly slowStartAfterIdle: boolean
  readonly timestamps: boolean
  readonly sack: boolean
  readonly dsack: boolean
  readonly windowScaling: boolean
  /** 0 never, 1 once a black hole is suspected, 2 always. */
  readonly mtuProbing: 0 | 1 | 2
  readonly baseMss: number
  readonly mtuProbeFloor: number
  readonly reordering: number
  readonly maxReordering: number
  /** tcp_early_retrans: tail loss probes. */
  readonly lossProbes: boolean
  readonly frto: boolean
  readonly tsoWinDivisor: number
  readonly minTsoSegments: number
  /** Units grow on paths shorter than 2^this microseconds; 0 = not in this release (before 5.18). */
  readonly tsoRttLog: number
  /** Per cent of the rate at which a window leaves in a round trip: in slow start, after it. */
  readonly pacingSsRatio: number
  readonly pacingCaRatio: number
  readonly finTimeout: number
  /** Replies at once that make a connection interactive: its ACKs then wait for data. */
  readonly pingpongThreshold: number
  /** ACKs of out-of-order data that are put off at most (0 = none, before 4.18), and how long. */
  readonly compressedAcks: number
  readonly compressedAckDelay: number
  /** Least time between ACKs of segments outside of the window. */
  readonly invalidRatelimit: number
  /** Most connections that wait to be accepted (net.core.somaxconn). */
  readonly somaxconn: number
}

export const TCP_LINUX_6_18: TcpParameters = {
  congestion: 'cubic',
  synRetries: 6,
  synLinearTimeouts: 4,
  synackRetries: 5,
  retries1: 3,
  retries2: 15,
  orphanRetries: 0,
  rmem: [4096, 131072, 33554432],
  wmem: [4096, 16384, 4194304],
  moderateRcvbuf: true,
  measuresRatio: true,
  initialReceiveSegments: 0,
  limitOutputBytes: 4194304,
  slowStartAfterIdle: true,
  timestamps: true,
  sack: true,
  dsack: true,
  windowScaling: true,
  mtuProbing: 0,
  baseMss: 1024,
  mtuProbeFloor: 48,
  reordering: 3,
  maxReordering: 300,
  lossProbes: true,
  frto: true,
  tsoWinDivisor: 3,
  minTsoSegments: 2,
  tsoRttLog: 9,
  pacingSsRatio: 200,
  pacingCaRatio: 120,
  finTimeout: 60 * SECOND,
  pingpongThreshold: 1,
  compressedAcks: 44,
  compressedAckDelay: MILLISECOND,
  invalidRatelimit: 500 * MILLISECOND,
  somaxconn: 4096,
}

export const TCP_LINUX_5_15: TcpParameters = {
  ...TCP_LINUX_6_18,
  synLinearTimeouts: 0,
  rmem: [4096, 131072, 6291456],
  measuresRatio: false,
  limitOutputBytes: 1048576,
  tsoRttLog: 0,
  pingpongThreshold: 3,
}

export const TCP_LINUX_4_15: TcpParameters = {
  ...TCP_LINUX_5_15,
  rmem: [4096, 87380, 6291456],
  initialReceiveSegments: 20,
  limitOutputBytes: 262144,
  pingpongThreshold: 1,
  compressedAcks: 0,
  somaxconn: 128,
}
