import { SECOND } from '../../sim/units.ts'
import type { RaftConfig } from '../raft/config.ts'
import { etcdTiming } from '../raft/timing.ts'

/** Where clients ask, and where members talk to each other. */
export const CLIENT_PORT = 2379
export const PEER_PORT = 2380
/** Where members ask the leader what only it knows (lease.LeasePrefix). */
export const LEADER_PATH = '/leases'

/** Options of a member, as etcd's flags; durations in picoseconds. */
export interface EtcdSettings {
  readonly version: string
  readonly heartbeat: number
  readonly election: number
  readonly preVote: boolean
  readonly snapshotCount: number
  /** Bytes. */
  readonly quota: number
}

/** Entries that are kept behind a snapshot for members that are slow (SnapshotCatchUpEntries). */
const CATCH_UP_ENTRIES = 5000
/** raftNode: maxSizePerMsg and maxInflightMsgs. */
const MESSAGE_BYTES = 512 * 1024
const INFLIGHT_MAX = 512

/** Of one message; JSON of small commands is about so long. */
const ENTRY_BYTES = 128

export function raftConfigOf(
  settings: EtcdSettings,
  id: string,
  peers: readonly string[],
): RaftConfig {
  const { heartbeat, election, preVote, snapshotCount, version } = settings
  return {
    id,
    peers,
    timing: etcdTiming(heartbeat, election),
    // 2.x had none: a leader cut off from the rest went on.
    checkQuorum: !version.startsWith('2.'),
    preVote,
    maxEntries: Infinity,
    maxBytes: MESSAGE_BYTES,
    entryBytes: entryBytesOf,
    maxInflight: INFLIGHT_MAX,
    snapshotEvery: snapshotCount,
    snapshotKeep: Math.min(CATCH_UP_ENTRIES, snapshotCount),
  }
}

/** About the size of an entry: strings within it, and what is around them. */
function entryBytesOf(data: unknown): number {
  if (typeof data === 'string') return data.length
  if (typeof data !== 'object' || data === null) return 8
  let bytes = ENTRY_BYTES
  const fields = data as Readonly<Record<string, unknown>>
  for (const name in fields) {
    const value = fields[name]
    bytes += typeof value === 'number' ? 8 : entryBytesOf(value)
  }
  return bytes
}

/** config.go ReqTimeout: 5 s and twice the election timeout. */
export function requestTimeout({ election }: EtcdSettings): number {
  return 5 * SECOND + 2 * election
}

/** minLeaseTTL: one and a half election timeouts, in whole seconds. */
export function minimumTtl({ election }: EtcdSettings): number {
  return Math.ceil((1.5 * election) / SECOND)
}
