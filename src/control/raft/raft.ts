import type { RandomStream } from '../../sim/random.ts'
import { checkConfig, type RaftConfig } from './config.ts'
import { ElectionTimer, Tally } from './election.ts'
import { Leadership } from './leadership.ts'
import { RaftLog } from './log.ts'
import { Outbox } from './outbox.ts'
import type { ConfirmedRead } from './reads.ts'
import { Clock } from './timing.ts'
import type {
  Append,
  AppendResponse,
  Entry,
  Heartbeat,
  HeartbeatResponse,
  InstallSnapshot,
  Message,
  Proposed,
  ReadIndexRequest,
  ReadState,
  Ready,
  Restored,
  Role,
  Snapshot,
  VoteRequest,
  VoteResponse,
} from './types.ts'

/**
 * The Raft algorithm of one member as a state machine without network, disk or timer of its own, in
 * the manner of etcd's raft library. The member feeds it messages, the time and what the disk has
 * done, and after each call carries out what `takeReady` hands out. Times are in picoseconds.
 */
export class Raft {
  readonly id: string
  role: Role = 'follower'
  term: number
  vote: string | null
  leader: string | null = null
  /** Why this member can run no further, as when its log lacks what it once promised; else null. */
  failure: string | null = null

  private readonly config: RaftConfig
  private readonly others: readonly string[]
  private readonly log: RaftLog
  private readonly clock: Clock
  private readonly outbox: Outbox
  private now: number
  private leadership: Leadership | null = null
  /** Until it leads no more. */
  private isHandingOver = false
  private readonly timer: ElectionTimer
  private tally: Tally

  private snapshot: Snapshot | null
  private snapshotToInstall: Snapshot | null = null
  private reads: ReadState[] = []

  constructor(config: RaftConfig, restored: Restored, random: RandomStream, now: number) {
    checkConfig(config)
    this.id = config.id
    this.config = config
    this.others = config.peers.filter((peer) => peer !== config.id)
    this.log = new RaftLog(restored)
    this.clock = new Clock(config.timing.tick, now, random)
    this.outbox = new Outbox(restored)
    this.now = now
    this.term = restored.hardState.term
    this.vote = restored.hardState.vote
    this.snapshot = restored.snapshot
    this.timer = new ElectionTimer(config.timing, this.clock, now)
    this.tally = new Tally(this.others.length + 1)
    if (restored.hardState.commit > this.log.lastIndex) {
      this.fail(`commit ${restored.hardState.commit} is beyond the log (${this.log.lastIndex})`)
    }
  }

  get commit(): number {
    return this.log.commit
  }

  /** The last entry that was handed out for applying. */
  get applied(): number {
    return this.log.applied
  }

  get lastIndex(): number {
    return this.log.lastIndex
  }

  /** Entries up to this one are gone from the log. */
  get compacted(): number {
    return this.log.firstIndex - 1
  }

  /** undefined: compacted away, or not there yet. */
  termAt(index: number): number | undefined {
    return this.log.termAt(index)
  }

  /** When `advance` has something to do. It moves later with each sign of the leader. */
  get nextDeadline(): number {
    if (this.failure !== null) return Infinity
    return this.leadership?.nextDeadline ?? this.timer.deadline
  }

  /** Acts on deadlines that have passed. */
  advance(now: number): void {
    this.now = now
    if (this.failure !== null) return
    if (this.leadership !== null) {
      if (!this.leadership.advance(now)) this.becomeFollower(this.term, null)
      return
    }
    if (now < this.timer.deadline) return
    if (this.role === 'follower' && this.timer.runsOn(now)) return
    this.leader = null
    this.campaign(this.config.preVote)
  }

  step(message: Message, now: number): void {
    this.now = now
    const { from, to, term, type } = message
    if (this.failure !== null || to !== this.id) return
    if (from !== this.id && !this.others.includes(from)) return
    if (term > this.term && !this.meetHigherTerm(message)) return
    if (term < this.term) {
      this.answerLowerTerm(message)
      return
    }
    switch (type) {
      case 'vote':
      case 'preVote':
        return this.onVoteRequest(message)
      case 'voteResponse':
      case 'preVoteResponse':
        return this.onVoteResponse(message)
      case 'append':
        return this.onAppend(message)
      case 'heartbeat':
        return this.onHeartbeat(message)
      case 'snapshot':
        return this.onSnapshot(message)
      case 'appendResponse':
        return this.onAppendResponse(message)
      case 'heartbeatResponse':
        return this.onHeartbeatResponse(message)
      case 'readIndex':
        return this.onReadIndex(message)
      case 'readIndexResponse':
        this.reads.push({ context: message.context, index: message.index })
        return
      case 'timeoutNow':
        if (this.role === 'follower') this.campaign(false, true)
    }
  }

  /** A leader appends the data to its log; others name the leader that they know. */
  propose(data: unknown, now: number): Proposed {
    this.now = now
    if (this.leadership === null) return { ok: false, leader: this.leader }
    if (this.isHandingOver) return { ok: false, leader: null }
    return { ok: true, index: this.append(data), term: this.term }
  }

  /**
   * Asks up to where a member must have applied to read all that was written before now; the answer
   * is a ReadState under `context`, which must never repeat. False: no leader is known. An answer
   * may never come, since a follower's question or its answer can be lost: ask again.
   */
  readIndex(context: string, now: number): boolean {
    this.now = now
    if (this.failure !== null || this.leader === null) return false
    if (this.leadership !== null) this.addRead(context, null)
    else this.outbox.send({ type: 'readIndex', ...this.header(this.leader), context })
    return true
  }

  /** A leader that committed in its term and heard a quorum within its lease. */
  hasLease(now: number): boolean {
    return this.leadership?.hasLease(now) === true && this.hasCommittedInTerm()
  }

  /** What there is to do since the last call; null if nothing. */
  takeReady(): Ready | null {
    if (this.failure !== null) return null
    if (this.leadership !== null) {
      this.leadership.flush(this.now)
      if (this.others.length === 0) this.answerReads(this.leadership.confirmedReads())
    }
    const write = this.outbox.takeWrite(this.log, this.term, this.vote)
    this.releasePromises()
    const messages = this.outbox.takeSendable()
    const install = this.snapshotToInstall
    const committed = this.takeCommitted()
    const { reads } = this
    const isIdle = messages.length === 0 && committed.length === 0 && reads.length === 0
    if (isIdle && write === null && install === null) return null
    this.snapshotToInstall = null
    this.reads = []
    return { write, messages, install, committed, reads }
  }

  /** The disk says that this write and all before it are durable. */
  persisted(write: number, now: number): void {
    this.now = now
    if (this.failure !== null) return
    this.outbox.persisted(write, this.log)
    this.releasePromises()
    if (this.leadership !== null) this.maybeCommit()
  }

  /** The member should make a snapshot of its state machine, which stands at `applied`. */
  snapshotDue(applied: number): boolean {
    return applied - (this.snapshot?.index ?? 0) >= this.config.snapshotEvery
  }

  /** Takes over the state machine's content as it is at `applied`, and drops what it covers. */
  compact(applied: number, data: unknown): void {
    if (applied <= (this.snapshot?.index ?? 0)) return
    const term = this.log.termAt(applied)
    if (term === undefined || applied > this.log.applied) {
      throw new Error(`no snapshot at ${applied}: applied is ${this.log.applied}`)
    }
    this.snapshot = { index: applied, term, data }
    this.outbox.save(this.snapshot)
    this.log.compact(applied - this.config.snapshotKeep)
  }

  /** The connection to a peer broke: what was on its way may be lost. */
  reportUnreachable(peer: string, now: number): void {
    this.now = now
    this.leadership?.reportUnreachable(peer)
  }

  /**
   * A leader asks a follower that has its whole log to take over (dissertation 3.10), and takes no more
   * proposals: with them the others' logs would outgrow the heir's.
   * @returns whom; null when there is none yet, or this member does not lead.
   */
  transferLeadership(now: number): string | null {
    this.now = now
    this.isHandingOver = this.leadership !== null
    const heir = this.leadership?.upToDateFollower() ?? null
    if (heir !== null) this.outbox.send({ type: 'timeoutNow', ...this.header(heir) })
    return heir
  }

  /** Whether the candidate's log has all that this member may have helped to commit. */
  protected isUpToDate({ index, logTerm }: VoteRequest): boolean {
    const { log } = this
    return logTerm > log.lastTerm || (logTerm === log.lastTerm && index >= log.lastIndex)
  }

  /** One vote a term, and none against a leader that is known. */
  protected mayVote({ type, from, term }: VoteRequest): boolean {
    if (type === 'preVote' && term > this.term) return true
    return this.vote === from || (this.vote === null && this.leader === null)
  }

  /** Counting replicas commits only entries of the leader's own term (Raft dissertation 3.6.2). */
  protected mayCommit(index: number): boolean {
    return this.log.termAt(index) === this.term
  }

  /** False: the message is to be ignored. */
  private meetHigherTerm(message: Message): boolean {
    const { type, term, from } = message
    if (type === 'vote' || type === 'preVote') {
      const isTransfer = message.type === 'vote' && message.isTransfer === true
      if (!isTransfer && this.hearsLeader()) return false
      if (type === 'vote') this.becomeFollower(term, null)
      return true
    }
    // A granted pre-vote carries the term that was asked for, which nobody has begun yet.
    if (type === 'preVoteResponse' && message.granted) return true
    const isLeader = type === 'append' || type === 'heartbeat' || type === 'snapshot'
    this.becomeFollower(term, isLeader ? from : null)
    return true
  }

  private hearsLeader(): boolean {
    if (!this.config.checkQuorum || this.leader === null) return false
    return this.role === 'leader' || this.timer.hasHeard(this.now)
  }

  /**
   * A leader or candidate that was cut off for a while must learn of the term, or it would never
   * come back: with checkQuorum its own requests for votes are ignored, with preVote it asks none.
   */
  private answerLowerTerm({ type, from }: Message): void {
    const { checkQuorum, preVote } = this.config
    const answer = this.header(from)
    if (type === 'preVote') {
      this.outbox.sendWhenDurable({ type: 'preVoteResponse', ...answer, granted: false })
    } else if ((checkQuorum || preVote) && (type === 'append' || type === 'heartbeat')) {
      this.outbox.sendWhenDurable({ type: 'appendResponse', ...answer, index: 0 })
    }
  }

  private onVoteRequest(request: VoteRequest): void {
    const granted = this.mayVote(request) && this.isUpToDate(request)
    const term = granted ? request.term : this.term
    const answer = { from: this.id, to: request.from, term, granted }
    if (request.type === 'preVote') {
      this.outbox.sendWhenDurable({ type: 'preVoteResponse', ...answer })
      return
    }
    this.outbox.sendWhenDurable({ type: 'voteResponse', ...answer })
    if (!granted) return
    this.vote = request.from
    this.timer.restart(this.now)
  }

  private onVoteResponse({ type, from, granted }: VoteResponse): void {
    const wanted = type === 'voteResponse' ? 'candidate' : 'preCandidate'
    if (this.role !== wanted) return
    const result = this.tally.record(from, granted)
    if (result === 'lost') this.becomeFollower(this.term, null)
    else if (result === 'won' && this.role === 'preCandidate') this.campaign(false)
    else if (result === 'won') this.becomeLeader()
  }

  private onAppend(append: Append): void {
    if (!this.follow(append.from)) return
    const result = this.log.accept(append)
    if (typeof result === 'string') this.fail(result)
    else {
      const header = this.header(append.from)
      this.outbox.sendWhenDurable({ type: 'appendResponse', ...header, ...result })
    }
  }

  private onHeartbeat({ from, commit, round }: Heartbeat): void {
    if (!this.follow(from)) return
    const { log } = this
    if (commit > log.lastIndex) {
      // The leader knows that the entries were here: this disk has lost what it had promised.
      this.fail(`tocommit(${commit}) is out of range [lastIndex(${log.lastIndex})]`)
      return
    }
    log.commit = Math.max(log.commit, commit)
    this.outbox.send({ type: 'heartbeatResponse', ...this.header(from), round })
  }

  private onSnapshot({ from, snapshot }: InstallSnapshot): void {
    if (!this.follow(from)) return
    const { log } = this
    const { index, term } = snapshot
    if (index > log.commit) {
      if (log.termAt(index) === term) log.commit = index
      else {
        log.reset(index, term)
        this.snapshot = snapshot
        this.snapshotToInstall = snapshot
        this.outbox.save(snapshot)
      }
    }
    const answer = this.header(from)
    this.outbox.sendWhenDurable({ type: 'appendResponse', ...answer, index: log.commit })
  }

  /** Takes the sender for the leader of this term; false if this member leads it. */
  private follow(leader: string): boolean {
    if (this.role === 'leader') return false
    if (this.role === 'follower') this.leader = leader
    else this.becomeFollower(this.term, leader)
    this.timer.restart(this.now)
    return true
  }

  private onAppendResponse(response: AppendResponse): void {
    const follower = this.leadership?.follower(response.from)
    if (this.leadership === null || follower === undefined) return
    const hasNews = this.leadership.onAppendResponse(follower, response, this.now)
    if (hasNews) this.maybeCommit()
  }

  private onHeartbeatResponse(response: HeartbeatResponse): void {
    const follower = this.leadership?.follower(response.from)
    if (this.leadership === null || follower === undefined) return
    this.answerReads(this.leadership.onHeartbeatResponse(follower, response, this.now))
  }

  private onReadIndex({ from, context }: ReadIndexRequest): void {
    if (this.leadership !== null) this.addRead(context, from)
  }

  private addRead(context: string, from: string | null): void {
    const { reads } = this.leadership!
    if (this.hasCommittedInTerm()) reads.add({ context, from }, this.log.commit)
    else reads.postpone({ context, from })
  }

  private answerReads(confirmed: readonly ConfirmedRead[]): void {
    for (const { context, from, index } of confirmed) {
      if (from === null) this.reads.push({ context, index })
      else this.outbox.send({ type: 'readIndexResponse', ...this.header(from), context, index })
    }
  }

  private hasCommittedInTerm(): boolean {
    return this.log.termAt(this.log.commit) === this.term
  }

  private maybeCommit(): void {
    const { log, leadership } = this
    const index = leadership!.quorumIndex()
    if (index <= log.commit || !this.mayCommit(index)) return
    log.commit = index
    leadership!.reads.admit(index)
  }

  private campaign(isPreVote: boolean, isTransfer = false): void {
    this.leaveLeadership()
    this.role = isPreVote ? 'preCandidate' : 'candidate'
    this.tally = new Tally(this.others.length + 1)
    const term = this.term + 1
    if (!isPreVote) {
      this.term = term
      this.vote = this.id
    }
    this.timer.redraw(this.now)
    const { lastIndex: index, lastTerm: logTerm } = this.log
    const from = this.id
    // Were the term forgotten in a crash, the same one could be led twice: it is durable first.
    for (const to of this.others) {
      if (isPreVote) this.outbox.send({ type: 'preVote', from, to, term, index, logTerm })
      else {
        const mark = isTransfer ? { isTransfer } : {}
        this.outbox.sendWhenDurable({ type: 'vote', from, to, term, index, logTerm, ...mark })
      }
    }
    const own = { from, to: from, term, granted: true }
    if (isPreVote) this.onVoteResponse({ type: 'preVoteResponse', ...own })
    else this.outbox.sendWhenDurable({ type: 'voteResponse', ...own })
  }

  private becomeLeader(): void {
    this.role = 'leader'
    this.leader = this.id
    const { config, log, clock, outbox } = this
    const context = { config, log, clock, outbox, snapshot: () => this.snapshot }
    this.leadership = new Leadership(context, this.term, this.others, this.now)
    this.append(null)
  }

  private append(data: unknown): number {
    const index = this.log.lastIndex + 1
    this.log.push({ index, term: this.term, data })
    return index
  }

  private becomeFollower(term: number, leader: string | null): void {
    this.leaveLeadership()
    this.role = 'follower'
    if (term !== this.term) this.vote = null
    this.term = term
    this.leader = leader
    this.timer.redraw(this.now)
  }

  private leaveLeadership(): void {
    for (const context of this.leadership?.reads.abandoned() ?? []) {
      this.reads.push({ context, index: null })
    }
    this.leadership = null
    this.isHandingOver = false
  }

  private fail(reason: string): void {
    this.leaveLeadership()
    this.role = 'follower'
    this.leader = null
    this.failure = reason
  }

  private takeCommitted(): Entry[] {
    const { log } = this
    if (log.applied === log.commit) return []
    const entries = log.slice(log.applied + 1, log.commit)
    log.applied = log.commit
    return entries
  }

  private releasePromises(): void {
    for (const message of this.outbox.release()) {
      if (message.to === this.id) this.step(message, this.now)
      else this.outbox.send(message)
    }
  }

  private header(to: string) {
    return { from: this.id, to, term: this.term }
  }
}
