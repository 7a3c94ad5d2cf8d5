import type { Timing } from './timing.ts'

export interface RaftConfig {
  readonly id: string
  /** All members, which the scenario fixes; `id` may be left out. */
  readonly peers: readonly string[]
  readonly timing: Timing
  /** A leader without a quorum's contact steps down; members that hear a leader ignore candidates. */
  readonly checkQuorum: boolean
  /** A member asks whether it could win before it begins a term. */
  readonly preVote: boolean
  /** At most so many entries, and one or so many bytes of them, in an append. */
  readonly maxEntries: number
  readonly maxBytes: number
  /** The bytes that an entry's data count for; called for every entry sent. */
  readonly entryBytes: (data: unknown) => number
  /** Appends on their way to one follower. */
  readonly maxInflight: number
  /** Entries applied since the last snapshot that make the next one due. */
  readonly snapshotEvery: number
  /** Entries before a snapshot that stay in memory, for followers that lag a little. */
  readonly snapshotKeep: number
}

export function checkConfig(config: RaftConfig): void {
  const { id, peers, maxEntries, maxBytes, maxInflight, snapshotEvery, snapshotKeep } = config
  if (id === '' || peers.includes('')) throw new Error('a member has no name')
  if (new Set(peers).size !== peers.length) throw new Error(`members' names repeat: ${peers}`)
  const counts = { maxEntries, maxBytes, maxInflight, snapshotEvery }
  for (const [name, count] of Object.entries(counts)) {
    if (!(count >= 1)) throw new Error(`${name} must be at least 1, not ${count}`)
  }
  if (!(snapshotKeep >= 0)) throw new Error(`snapshotKeep must not be negative: ${snapshotKeep}`)
}
