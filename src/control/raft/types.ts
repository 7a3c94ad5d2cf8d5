/** What the Raft core reads and writes: all plain JSON values, treated as immutable. */

/** `data` is a plain JSON value; null is the empty entry by which a leader begins its term. */
export interface Entry {
  readonly index: number
  readonly term: number
  readonly data: unknown
}

export interface HardState {
  readonly term: number
  readonly vote: string | null
  readonly commit: number
}

/** The state machine's content after the entry `index`. */
export interface Snapshot {
  readonly index: number
  readonly term: number
  readonly data: unknown
}

/** What a disk gives back after a restart; entries that the snapshot covers may still be there. */
export interface Restored {
  readonly hardState: HardState
  readonly snapshot: Snapshot | null
  readonly entries: readonly Entry[]
}

/** `from` and `to` are members' ids, `term` is the sender's; a pre-vote's is the one it asks for. */
interface Envelope<T extends string> {
  readonly type: T
  readonly from: string
  readonly to: string
  readonly term: number
}

/** `index` and `logTerm` are those of the candidate's last entry. */
export interface VoteRequest extends Envelope<'vote' | 'preVote'> {
  readonly index: number
  readonly logTerm: number
  /** The leader itself has asked for it: who hears that leader votes all the same. */
  readonly isTransfer?: true
}

/** The leader hands its office over: the receiver is to ask for votes at once. */
export type TimeoutNow = Envelope<'timeoutNow'>

export interface VoteResponse extends Envelope<'voteResponse' | 'preVoteResponse'> {
  readonly granted: boolean
}

/** `index` and `logTerm` are those of the entry before `entries`. */
export interface Append extends Envelope<'append'> {
  readonly index: number
  readonly logTerm: number
  readonly entries: readonly Entry[]
  readonly commit: number
}

/** Accepted: durable up to `index`. Rejected: `index` did not match, and where to look instead. */
export interface AppendResponse extends Envelope<'appendResponse'> {
  readonly index: number
  readonly rejected?: { readonly hint: number; readonly hintTerm: number }
}

/** `round` counts the leader's confirmations of reads; the response carries it back. */
export interface Heartbeat extends Envelope<'heartbeat'> {
  readonly commit: number
  readonly round: number
}

export interface HeartbeatResponse extends Envelope<'heartbeatResponse'> {
  readonly round: number
}

export interface InstallSnapshot extends Envelope<'snapshot'> {
  readonly snapshot: Snapshot
}

/** A follower's read, which the leader confirms; `context` is the follower's own name for it. */
export interface ReadIndexRequest extends Envelope<'readIndex'> {
  readonly context: string
}

export interface ReadIndexResponse extends Envelope<'readIndexResponse'> {
  readonly context: string
  readonly index: number
}

export type Message =
  | VoteRequest
  | VoteResponse
  | Append
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | ReadIndexRequest
  | ReadIndexResponse
  | TimeoutNow

/** The state is at least at `index` when the read began; null: refused, leadership was lost. */
export interface ReadState {
  readonly context: string
  readonly index: number | null
}

/**
 * One write to the disk. Its parts become durable together, and writes in the order of their ids.
 * Without `sync` it need not be flushed (only the commit index moved): nothing waits for it.
 */
export interface Write {
  readonly id: number
  readonly hardState: HardState | null
  readonly snapshot: Snapshot | null
  readonly entries: readonly Entry[]
  readonly sync: boolean
}

/** What the member has to do, all of it; `install` comes before `committed`. */
export interface Ready {
  readonly write: Write | null
  /** May be sent at once; those that must wait for the disk come in a later Ready. */
  readonly messages: readonly Message[]
  /** A leader's snapshot, which replaces the state machine's content. */
  readonly install: Snapshot | null
  readonly committed: readonly Entry[]
  readonly reads: readonly ReadState[]
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'

export type Proposed =
  | { readonly ok: true; readonly index: number; readonly term: number }
  | { readonly ok: false; readonly leader: string | null }
