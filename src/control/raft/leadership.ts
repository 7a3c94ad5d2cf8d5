import { MILLISECOND } from '../../sim/units.ts'
import type { RaftConfig } from './config.ts'
import { quorumOf } from './election.ts'
import type { RaftLog } from './log.ts'
import type { Outbox } from './outbox.ts'
import { Progress } from './progress.ts'
import { type ConfirmedRead, ReadQueue } from './reads.ts'
import type { Clock } from './timing.ts'
import type { AppendResponse, Entry, HeartbeatResponse, Snapshot } from './types.ts'

/** hashicorp/raft never looks at its lease more often. */
const LEASE_CHECK_MIN = 10 * MILLISECOND

/** What a leadership shares with the member that holds it. */
export interface LeaderContext {
  readonly config: RaftConfig
  readonly log: RaftLog
  readonly clock: Clock
  readonly outbox: Outbox
  /** The member's last snapshot, for followers that are too far behind. */
  readonly snapshot: () => Snapshot | null
}

/** One term of one leader: what it knows of its followers, and what it sends them when. */
export class Leadership {
  readonly reads = new ReadQueue()
  readonly followers: readonly Progress[]
  private readonly context: LeaderContext
  private readonly term: number
  private readonly quorum: number
  private leaseAt: number
  private leaseChecked: number

  constructor(context: LeaderContext, term: number, peers: readonly string[], now: number) {
    this.context = context
    this.term = term
    this.quorum = quorumOf(peers.length + 1)
    const { config, log, clock } = context
    // hashicorp/raft gives a new leader a whole lease; etcd wants a first answer within it.
    const contact = config.timing.leaseExact ? now : -Infinity
    this.followers = peers.map((peer) => new Progress(peer, log.lastIndex + 1, contact))
    this.leaseAt = config.checkQuorum ? clock.after(now, config.timing.lease) : Infinity
    this.leaseChecked = now
    let shared = -1
    for (const follower of this.followers) {
      if (shared < 0 || config.timing.heartbeatPerPeer) shared = this.heartbeatAfter(now)
      follower.heartbeatAt = shared
    }
  }

  private heartbeatAfter(now: number): number {
    const { clock, config } = this.context
    return clock.after(now, clock.draw(config.timing.heartbeat))
  }

  get nextDeadline(): number {
    let next = this.leaseAt
    for (const { heartbeatAt, commitAt, snapshotUntil } of this.followers) {
      next = Math.min(next, heartbeatAt, commitAt, snapshotUntil)
    }
    return next
  }

  follower(peer: string): Progress | undefined {
    return this.followers.find((follower) => follower.peer === peer)
  }

  /** Sends what is due; false if the lease has run out and the leader must step down. */
  advance(now: number): boolean {
    if (now >= this.leaseAt && !this.renewLease(now)) return false
    const { timing } = this.context.config
    let shared = -1
    for (const follower of this.followers) {
      if (now >= follower.heartbeatAt) {
        if (shared < 0 || timing.heartbeatPerPeer) shared = this.heartbeatAfter(now)
        follower.heartbeatAt = shared
        this.sendHeartbeat(follower)
      }
      if (now >= follower.commitAt) {
        follower.commitAt = Infinity
        follower.forced = true
      }
      if (now >= follower.snapshotUntil) follower.abandonSnapshot()
    }
    return true
  }

  private renewLease(now: number): boolean {
    const { timing } = this.context.config
    const since = timing.leaseExact ? now - timing.lease : this.leaseChecked
    let heard = 1
    let oldest = now
    for (const { contact } of this.followers) {
      if (contact < since) continue
      heard++
      oldest = Math.min(oldest, contact)
    }
    if (heard < this.quorum) return false
    this.leaseChecked = now
    this.leaseAt = timing.leaseExact
      ? Math.max(oldest + timing.lease, now + LEASE_CHECK_MIN)
      : this.context.clock.after(now, timing.lease)
    return true
  }

  /** Of the followers that have the whole log the one that was heard last. */
  upToDateFollower(): string | null {
    const { lastIndex } = this.context.log
    const able = this.followers.filter(({ match }) => match === lastIndex)
    const best = able.reduce((a, b) => (b.contact > a.contact ? b : a), able[0]!)
    return able.length === 0 ? null : best.peer
  }

  /** A quorum was heard less than the lease ago. */
  hasLease(now: number): boolean {
    const since = now - this.context.config.timing.lease
    let heard = 1
    for (const { contact } of this.followers) if (contact > since) heard++
    return heard >= this.quorum
  }

  private sendHeartbeat({ peer, match }: Progress): void {
    const { config, log, outbox } = this.context
    outbox.send({
      type: 'heartbeat',
      from: config.id,
      to: peer,
      term: this.term,
      // No more than what the follower is known to have.
      commit: config.timing.heartbeatCommits ? Math.min(match, log.commit) : 0,
      round: this.reads.round,
    })
  }

  /** Called before a Ready is made, so that all that came up since the last goes out together. */
  flush(now: number): void {
    if (this.reads.wantsRound) {
      this.reads.begin()
      for (const follower of this.followers) this.sendHeartbeat(follower)
    }
    for (const follower of this.followers) this.feed(follower, now)
  }

  private feed(follower: Progress, now: number): void {
    const { log, config } = this.context
    while (this.maySend(follower)) {
      const hasEntries = follower.next <= log.lastIndex
      const hasNews = config.timing.commit === null && follower.toldCommit < log.commit
      const isDue = follower.forced || (hasNews && follower.state === 'replicate')
      if (!hasEntries && !isDue) return
      follower.forced = false
      if (log.termAt(follower.next - 1) === undefined) this.sendSnapshot(follower, now)
      else this.sendAppend(follower, now)
    }
  }

  private maySend(follower: Progress): boolean {
    if (follower.state === 'probe') return !follower.paused
    if (follower.state === 'snapshot') return false
    // A full window still lets a forced append through: it finds out what was lost.
    return follower.forced || follower.inflightCount < this.context.config.maxInflight
  }

  private sendAppend(follower: Progress, now: number): void {
    const { config, log, outbox, clock } = this.context
    const isFull = follower.inflightCount >= config.maxInflight
    const entries = isFull ? [] : this.batch(follower.next)
    const index = follower.next - 1
    outbox.send({
      type: 'append',
      from: config.id,
      to: follower.peer,
      term: this.term,
      index,
      logTerm: log.termAt(index)!,
      entries,
      commit: log.commit,
    })
    follower.toldCommit = log.commit
    if (config.timing.commit !== null) {
      follower.commitAt = clock.after(now, clock.draw(config.timing.commit))
    }
    if (entries.length > 0) follower.sent(index + entries.length)
    else if (follower.state === 'probe') follower.paused = true
  }

  private batch(from: number): Entry[] {
    const { config, log } = this.context
    const last = Math.min(log.lastIndex, from + config.maxEntries - 1)
    let bytes = 0
    for (let index = from; index <= last; index++) {
      bytes += config.entryBytes(log.at(index)!.data)
      if (bytes > config.maxBytes && index > from) return log.slice(from, index - 1)
    }
    return log.slice(from, last)
  }

  private sendSnapshot(follower: Progress, now: number): void {
    const { config, outbox } = this.context
    const snapshot = this.context.snapshot()
    if (snapshot === null) throw new Error('log is compacted, but there is no snapshot')
    follower.becomeSnapshot(snapshot.index, now + config.timing.snapshot)
    outbox.send({
      type: 'snapshot',
      from: config.id,
      to: follower.peer,
      term: this.term,
      snapshot,
    })
  }

  /** True if more entries may have become durable at a quorum. */
  onAppendResponse(follower: Progress, response: AppendResponse, now: number): boolean {
    const { config, log } = this.context
    follower.contact = now
    const { index, rejected } = response
    if (rejected === undefined) return follower.accepted(index)
    // Skips at once all entries of terms that the follower has not seen.
    const { index: hint } = log.lastNotAbove(rejected.hint, rejected.hintTerm)
    // hashicorp/raft believes a follower that lost what it had acknowledged; etcd's ends itself.
    if (!config.timing.heartbeatCommits) follower.match = Math.min(follower.match, hint)
    if (follower.rejected(index, hint)) follower.forced = true
    return false
  }

  onHeartbeatResponse(follower: Progress, { round }: HeartbeatResponse, now: number) {
    follower.contact = now
    follower.paused = false
    // Appends may have been lost: the answer to this one tells.
    if (follower.match < this.context.log.lastIndex || follower.state === 'probe') {
      follower.forced = true
    }
    if (round <= follower.round) return []
    follower.round = round
    return this.confirmedReads()
  }

  confirmedReads(): ConfirmedRead[] {
    return this.reads.confirm(this.reached(({ round }) => round, this.reads.round))
  }

  reportUnreachable(peer: string): void {
    const follower = this.follower(peer)
    if (follower?.state === 'snapshot') follower.abandonSnapshot()
    else if (follower?.state === 'replicate') follower.becomeProbe()
  }

  /** The highest index that is durable at a quorum, this member's own disk included. */
  quorumIndex(): number {
    return this.reached(({ match }) => match, this.context.log.stable)
  }

  /** The highest value that a quorum has reached. */
  private reached(measure: (follower: Progress) => number, own: number): number {
    const values = [own]
    for (const follower of this.followers) {
      const value = measure(follower)
      let at = values.length
      while (at > 0 && values[at - 1]! < value) at--
      values.splice(at, 0, value)
    }
    return values[this.quorum - 1]!
  }
}
