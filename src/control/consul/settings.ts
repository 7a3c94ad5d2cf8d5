import type { RandomStream } from '../../sim/random.ts'
import { SECOND } from '../../sim/units.ts'
import type { RaftConfig } from '../raft/config.ts'
import { consulTiming } from '../raft/timing.ts'
import type { ConsulVersion } from './store/commands.ts'

/** Source: consul agent/config/default.go, ports. */
export const HTTP_PORT = 8500
export const SERVER_PORT = 8300
export const SERF_LAN_PORT = 8301
/** The only one: there is no WAN pool. */
export const DATACENTER = 'dc1'

/** What a scenario may ask for by name. */
export type ConsulRelease = '0.6' | '1.0' | '1.2' | '1.8'

/** Options of agents and servers; durations in picoseconds. */
export interface ConsulSettings {
  /** Which of the state store's and the API's habits. */
  readonly version: ConsulVersion
  /** Scales raft's time-outs: 5 is for the smallest machines, 1 for production. */
  readonly raftMultiplier: number
  /** How long a server holds a call while there is no leader. */
  readonly rpcHoldTimeout: number
  /** How often the leader compares the catalog with the gossip pool. */
  readonly reconcileInterval: number
  /** How long a failed agent stays in the catalog before it is reaped. */
  readonly reconnectTimeout: number
  /** Entries that make a snapshot due, and entries that stay behind it. */
  readonly snapshotThreshold: number
  readonly trailingLogs: number
}

/** What no release since 0.6 changed. */
const COMMON = {
  reconcileInterval: 60 * SECOND,
  reconnectTimeout: 72 * 3600 * SECOND,
  trailingLogs: 10240,
}

/**
 * Defaults by release. Sources: consul agent/consul/config.go and agent/config/default.go; the upgrade
 * notes: performance.raft_multiplier and the hold came with 0.7, the larger snapshot threshold with 1.1.
 * The store's habits before 1.2 that matter here are those of 1.2.
 */
export const CONSUL_DEFAULTS: Readonly<Record<ConsulRelease, ConsulSettings>> = {
  '0.6': {
    ...COMMON,
    version: '1.2',
    raftMultiplier: 1,
    rpcHoldTimeout: 0,
    snapshotThreshold: 8192,
  },
  '1.0': {
    ...COMMON,
    version: '1.2',
    raftMultiplier: 5,
    rpcHoldTimeout: 7 * SECOND,
    snapshotThreshold: 8192,
  },
  '1.2': {
    ...COMMON,
    version: '1.2',
    raftMultiplier: 5,
    rpcHoldTimeout: 7 * SECOND,
    snapshotThreshold: 16384,
  },
  '1.8': {
    ...COMMON,
    version: '1.8',
    raftMultiplier: 5,
    rpcHoldTimeout: 7 * SECOND,
    snapshotThreshold: 16384,
  },
}

/** A held call looks for a leader again after a random part of this share of the hold. */
const HOLD_JITTER_FRACTION = 16

/** How long a call that found no leader waits before it looks again, picoseconds. */
export function holdPause({ rpcHoldTimeout }: ConsulSettings, random: RandomStream): number {
  return Math.floor(random.next() * (rpcHoldTimeout / HOLD_JITTER_FRACTION))
}

/** Source: hashicorp/raft config.go MaxAppendEntries, replication.go and net_transport.go pipelines. */
const APPEND_ENTRIES_MAX = 64
const INFLIGHT_MAX = 128

export function raftConfigOf(
  settings: ConsulSettings,
  id: string,
  peers: readonly string[],
): RaftConfig {
  return {
    id,
    peers,
    timing: consulTiming(settings.raftMultiplier),
    checkQuorum: true,
    preVote: false,
    maxEntries: APPEND_ENTRIES_MAX,
    // An append is bounded by its entries alone.
    maxBytes: Number.POSITIVE_INFINITY,
    entryBytes: () => 0,
    maxInflight: INFLIGHT_MAX,
    snapshotEvery: settings.snapshotThreshold,
    snapshotKeep: settings.trailingLogs,
  }
}
