import type { RandomStream } from '../../sim/random.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'

/** Bounds of a random duration, in picoseconds, both included. */
export interface Span {
  readonly low: number
  readonly high: number
}

/** When a member acts by itself. All durations are in picoseconds. */
export interface Timing {
  /** Durations are counted in ticks from the member's start on; 0: they are exact. */
  readonly tick: number
  /** How long a follower goes without its leader, and a candidate without a result. */
  readonly election: Span
  /** The follower's clock runs through and asks whether the leader was heard since; else it is reset. */
  readonly electionPolled: boolean
  readonly heartbeat: Span
  /** Each follower has a heartbeat clock of its own. */
  readonly heartbeatPerPeer: boolean
  /** Heartbeats tell the commit index. */
  readonly heartbeatCommits: boolean
  /** When idle followers learn of a new commit index: at once (null), or by a clock of their own. */
  readonly commit: Span | null
  /** A leader steps down that heard from no quorum for so long. */
  readonly lease: number
  /** The lease is looked at when it could run out; else once in its length. */
  readonly leaseExact: boolean
  /** How long a follower that heard of its leader ignores candidates. */
  readonly voteLease: number
  /** When a snapshot that nobody answered is given up. */
  readonly snapshot: number
}

/** Neither store says how long a member may load a snapshot; connections report most failures. */
const SNAPSHOT_TIMEOUT = 10 * SECOND

/**
 * etcd: time counted in ticks of a heartbeat, a follower's patience of 10 to 19 of them by default.
 * Durations in picoseconds; defaults from etcd's --heartbeat-interval and --election-timeout.
 */
export function etcdTiming(heartbeat = 100 * MILLISECOND, election = 1000 * MILLISECOND): Timing {
  const ticks = Math.floor(election / heartbeat)
  if (!(heartbeat > 0) || ticks < 5) {
    throw new Error('election timeout must be at least 5 times the heartbeat interval')
  }
  const patience = ticks * heartbeat
  return {
    tick: heartbeat,
    election: { low: patience, high: 2 * patience - heartbeat },
    electionPolled: false,
    heartbeat: { low: heartbeat, high: heartbeat },
    heartbeatPerPeer: false,
    heartbeatCommits: true,
    commit: null,
    lease: patience,
    leaseExact: false,
    voteLease: patience,
    snapshot: SNAPSHOT_TIMEOUT,
  }
}

/**
 * hashicorp/raft with Consul's raft_multiplier (5 by default, 1 for production): it scales the
 * library's time-outs of 1 s, 1 s and 0.5 s, not the commit clock of 50 ms.
 */
export function consulTiming(multiplier = 5): Timing {
  if (!Number.isInteger(multiplier) || multiplier < 1 || multiplier > 10) {
    throw new Error('raft_multiplier must be a whole number from 1 to 10')
  }
  const timeout = multiplier * SECOND
  return {
    tick: 0,
    election: upTo(timeout),
    electionPolled: true,
    heartbeat: upTo(timeout / 10),
    heartbeatPerPeer: true,
    heartbeatCommits: false,
    commit: upTo(50 * MILLISECOND),
    lease: timeout / 2,
    leaseExact: true,
    // A follower of hashicorp/raft refuses candidates for as long as it knows a leader.
    voteLease: Infinity,
    snapshot: SNAPSHOT_TIMEOUT,
  }
}

/** hashicorp/raft's randomTimeout: from a duration to just below its double. */
function upTo(duration: number): Span {
  return { low: duration, high: 2 * duration - 1 }
}

/** Deadlines of one member: counts ticks where its timing does. */
export class Clock {
  private readonly tick: number
  private readonly start: number
  private readonly random: RandomStream

  constructor(tick: number, start: number, random: RandomStream) {
    this.tick = tick
    this.start = start
    this.random = random
  }

  draw({ low, high }: Span): number {
    if (low === high) return low
    const { tick } = this
    if (tick === 0) return this.random.integer(low, high)
    return this.random.integer(Math.round(low / tick), Math.round(high / tick)) * tick
  }

  /** The time when `duration` will have passed: whole ticks are counted, the running one as full. */
  after(from: number, duration: number): number {
    const { tick, start } = this
    if (tick === 0) return from + duration
    return start + Math.floor((from - start) / tick) * tick + duration
  }
}
