import { SECOND } from '../../../sim/units.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { LAN, type MemberlistConfig, WAN } from '../memberlist/config.ts'

/** Parameters of Serf (config.go); times in picoseconds. */
export interface SerfConfig {
  /** Unique in the cluster. */
  readonly name: string
  /** What others reach it by. */
  readonly address: Ipv4Address
  readonly port: number
  readonly tags: ReadonlyMap<string, string>
  readonly memberlist: MemberlistConfig
  readonly broadcastTimeout: number
  /** What a leaving node stays up for when it has told the others. */
  readonly leavePropagateDelay: number
  /** Lamport times of user events, and of queries, that are remembered. */
  readonly eventBuffer: number
  readonly queryBuffer: number
  readonly reapInterval: number
  readonly recentIntentTimeout: number
  readonly reconnectInterval: number
  /** After this a failed node is forgotten. */
  readonly reconnectTimeout: number
  /** After this a node that left is forgotten. */
  readonly tombstoneTimeout: number
  readonly queueCheckInterval: number
  readonly maxQueueDepth: number
  /** When above 0, a queue may hold twice as many messages as there are members, or this many. */
  readonly minQueueDepth: number
  /** A query lasts gossipInterval * this * ceil(log10(n + 1)). */
  readonly queryTimeoutMult: number
  readonly userEventSizeLimit: number
  readonly querySizeLimit: number
  readonly queryResponseSizeLimit: number
}

const HOUR = 3600 * SECOND

/** DefaultConfig, with memberlist's port and LAN parameters. */
export const SERF_DEFAULTS = {
  port: 7946,
  tags: new Map<string, string>(),
  memberlist: LAN,
  broadcastTimeout: 5 * SECOND,
  leavePropagateDelay: SECOND,
  eventBuffer: 512,
  queryBuffer: 512,
  reapInterval: 15 * SECOND,
  recentIntentTimeout: 300 * SECOND,
  reconnectInterval: 30 * SECOND,
  reconnectTimeout: 24 * HOUR,
  tombstoneTimeout: 24 * HOUR,
  queueCheckInterval: 30 * SECOND,
  maxQueueDepth: 4096,
  minQueueDepth: 0,
  queryTimeoutMult: 16,
  userEventSizeLimit: 512,
  querySizeLimit: 1024,
  queryResponseSizeLimit: 1024,
} satisfies Omit<SerfConfig, 'name' | 'address'>

/** What Consul changes for both of its pools. */
const CONSUL = {
  reconnectTimeout: 72 * HOUR,
  leavePropagateDelay: 3 * SECOND,
  minQueueDepth: 4096,
}

/** Consul's LAN pool: all agents of a datacenter. */
export const CONSUL_LAN = {
  ...CONSUL,
  port: 8301,
  memberlist: { ...LAN, deadNodeReclaimTime: 30 * SECOND },
} satisfies Partial<SerfConfig>

/** Consul's WAN pool: the servers of all datacenters. */
export const CONSUL_WAN = {
  ...CONSUL,
  port: 8302,
  memberlist: { ...WAN, deadNodeReclaimTime: 30 * SECOND },
} satisfies Partial<SerfConfig>
