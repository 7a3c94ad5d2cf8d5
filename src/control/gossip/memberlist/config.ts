import { MILLISECOND, SECOND } from '../../../sim/units.ts'

/** Parameters of memberlist (config.go); times in picoseconds. */
export interface MemberlistConfig {
  readonly tcpTimeout: number
  /** How many others are asked to ping a node that does not answer. */
  readonly indirectChecks: number
  /** A message is sent retransmitMult * ceil(log10(n + 1)) times. */
  readonly retransmitMult: number
  /** A suspected node is declared dead after suspicionMult * log10(n) * probeInterval at the earliest. */
  readonly suspicionMult: number
  /** ... and at the latest after this many times as long, when nobody else suspects it. */
  readonly suspicionMaxTimeoutMult: number
  readonly pushPullInterval: number
  readonly probeInterval: number
  readonly probeTimeout: number
  /** A node that finds itself slow makes its probe intervals this many times as long at most. */
  readonly awarenessMaxMultiplier: number
  readonly gossipNodes: number
  readonly gossipInterval: number
  /** Nodes that died are told so for this long, and then forgotten. */
  readonly gossipToTheDeadTime: number
  /** After this a name of a dead node may come with another address; 0 = never. */
  readonly deadNodeReclaimTime: number
  /** Bytes of messages in a UDP packet. */
  readonly udpBufferSize: number
}

/** DefaultLANConfig. */
export const LAN: MemberlistConfig = {
  tcpTimeout: 10 * SECOND,
  indirectChecks: 3,
  retransmitMult: 4,
  suspicionMult: 4,
  suspicionMaxTimeoutMult: 6,
  pushPullInterval: 30 * SECOND,
  probeInterval: SECOND,
  probeTimeout: 500 * MILLISECOND,
  awarenessMaxMultiplier: 8,
  gossipNodes: 3,
  gossipInterval: 200 * MILLISECOND,
  gossipToTheDeadTime: 30 * SECOND,
  deadNodeReclaimTime: 0,
  udpBufferSize: 1400,
}

/** DefaultWANConfig. */
export const WAN: MemberlistConfig = {
  ...LAN,
  tcpTimeout: 30 * SECOND,
  suspicionMult: 6,
  pushPullInterval: 60 * SECOND,
  probeInterval: 5 * SECOND,
  probeTimeout: 3 * SECOND,
  gossipNodes: 4,
  gossipInterval: 500 * MILLISECOND,
  gossipToTheDeadTime: 60 * SECOND,
}

/** DefaultLocalConfig: for the loopback interface. */
export const LOCAL: MemberlistConfig = {
  ...LAN,
  tcpTimeout: SECOND,
  indirectChecks: 1,
  retransmitMult: 2,
  suspicionMult: 3,
  pushPullInterval: 15 * SECOND,
  probeTimeout: 200 * MILLISECOND,
  gossipInterval: 100 * MILLISECOND,
  gossipToTheDeadTime: 15 * SECOND,
}
