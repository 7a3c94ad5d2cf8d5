import { type Process, sleep } from '../../sim/process.ts'
import { MILLISECOND } from '../../sim/units.ts'
import { Condition } from '../program/condition.ts'
import { Deferred } from '../program/deferred.ts'
import type { Program } from '../program/program.ts'
import type { RaftConfig } from '../raft/config.ts'
import type { Raft } from '../raft/raft.ts'
import type { SafetyMonitor } from '../raft/safety.ts'
import type { Entry, Message, Ready, Role, Snapshot } from '../raft/types.ts'
import type { Disk } from './disk.ts'
import { SOUND_PARTS } from './parts.ts'

/** What the log's entries are applied to, on every member in the same order. */
export interface StateMachine {
  /** @param command as it was proposed. @returns what the proposer gets. */
  apply(command: unknown, index: number, term: number): unknown
  /** A plain JSON value that nobody changes later. */
  snapshot(): unknown
  restore(data: unknown): void
}

/** How a member's words reach the others; nothing is known of their arrival. */
export interface Carrier {
  send(messages: readonly Message[]): void
  /** Hands an entry to the leader, who is to propose it. */
  forward(leader: string, data: EntryData): void
}

/** What an entry holds. The name is that of the request, for the member that waits for it. */
export interface EntryData {
  readonly id: string
  readonly command: unknown
}

export interface MemberConfig extends RaftConfig {
  /** Messages wait until the write before them is durable, also a leader's (etcd's raftNode.start). */
  readonly waitsForDisk: boolean
}

/** How a proposal ended: with the state machine's result, or unknown after its time. */
export type Outcome<R> =
  | { readonly kind: 'applied'; readonly result: R }
  | { readonly kind: 'timeout' }
  /** This member leads no more: a read is asked again elsewhere. */
  | { readonly kind: 'lost' }

const TIMEOUT = { kind: 'timeout' } as const
const LOST = { kind: 'lost' } as const

/** readIndexRetryTime: a read that a follower handed on may be lost on its way. */
const READ_RETRY = 500 * MILLISECOND

/** While a leader that hands over looks for somebody who has its whole log. */
const HAND_OVER_PAUSE = 100 * MILLISECOND

interface Read {
  readonly done: Deferred<{ readonly ok: boolean }>
}

/** One member of a replicated store: the Raft core with a disk, a network and a state machine. */
export class Member {
  readonly raft: Raft
  /** Whether what must be done on this member's becoming leader, or on its end, is to be done. */
  onRole: ((role: Role, term: number) => void) | null = null
  /** Notified when a leader has become known or is no more. */
  readonly leaderChanged: Condition
  applied = 0
  private readonly program: Program
  private readonly config: MemberConfig
  private readonly disk: Disk
  private readonly carrier: Carrier
  private readonly machine: StateMachine
  private readonly monitor: SafetyMonitor
  private readonly work: Condition
  private readonly proposals = new Map<string, Deferred<{ readonly result: unknown }>>()
  /** The read that is being confirmed, and the one that later comers share. */
  private reads = new Map<string, Read>()
  private nextRead: Read | null = null
  private isReading = false
  /** Confirmed, and waiting until the state machine has come so far. */
  private confirmed: { readonly index: number; readonly read: Read }[] = []
  private readonly name: string
  private named = 0
  /** Ids of writes: the last one queued, durable, and told to the core. */
  private writing = 0
  private durable = 0
  private told = 0
  private armedFor = Infinity
  private role: Role = 'follower'
  private term = 0
  private leader: string | null = null

  constructor(
    program: Program,
    config: MemberConfig,
    disk: Disk,
    carrier: Carrier,
    machine: StateMachine,
    monitor: SafetyMonitor,
    parts = SOUND_PARTS,
  ) {
    this.program = program
    this.config = config
    this.disk = disk
    this.carrier = carrier
    this.machine = machine
    this.monitor = monitor
    this.work = new Condition(program)
    this.leaderChanged = new Condition(program)
    const restored = disk.open(program)
    if (restored.snapshot !== null) this.install(restored.snapshot)
    this.raft = parts.raft(config, restored, program.random, program.now)
    // Drawn at each start: names of requests do not come twice.
    this.name = `${config.id}-${(program.random.int32() >>> 0).toString(16)}`
    program.spawn(this.run())
  }

  get isLeader(): boolean {
    return this.raft.role === 'leader'
  }

  /** Messages of other members. */
  receive(messages: readonly Message[]): void {
    const { now } = this.program
    for (const message of messages) this.raft.step(message, now)
    this.work.notify()
  }

  /**
   * Gives the leadership to another member, if this one has it. @param timeout picoseconds; etcd waits a
   * while for one that has the whole log.
   */
  *handOver(timeout: number): Process {
    const end = this.program.now + timeout
    while (this.isLeader && this.program.now < end) {
      this.raft.transferLeadership(this.program.now)
      this.work.notify()
      yield* this.leaderChanged.wait(Math.min(HAND_OVER_PAUSE, end - this.program.now))
    }
  }

  /** Words for a peer were lost, or may have been. */
  peerLost(peer: string): void {
    this.raft.reportUnreachable(peer, this.program.now)
    this.work.notify()
  }

  /** An entry that another member asks this one, as the leader, to propose. */
  receiveForwarded(data: EntryData): void {
    const proposed = this.raft.propose(data, this.program.now)
    // It has changed hands meanwhile: who waits for it will give up.
    if (proposed.ok) this.work.notify()
  }

  /**
   * Proposes a command, by way of the leader where this member is not, and waits until it is applied here.
   * Without a leader it waits for one. @param timeout picoseconds.
   */
  *propose<R>(command: unknown, timeout: number): Process<Outcome<R>> {
    const { program, raft, proposals } = this
    const end = program.now + timeout
    const data: EntryData = { id: `${this.name}-${++this.named}`, command }
    const done = new Deferred<{ readonly result: unknown }>(program)
    proposals.set(data.id, done)
    try {
      for (;;) {
        const proposed = raft.propose(data, program.now)
        if (proposed.ok) break
        if (proposed.leader !== null && proposed.leader !== raft.id) {
          this.carrier.forward(proposed.leader, data)
          break
        }
        if (!(yield* this.leaderChanged.wait(end - program.now))) return TIMEOUT
      }
      this.work.notify()
      const applied = yield* done.wait(end - program.now)
      return applied === null ? TIMEOUT : { kind: 'applied', result: applied.result as R }
    } finally {
      proposals.delete(data.id)
    }
  }

  /**
   * Waits until everything that was acknowledged before the call is applied here (ReadIndex). Calls that
   * come while one is being confirmed share the next.
   */
  *linearize(timeout: number): Process<Outcome<null>> {
    this.nextRead ??= { done: new Deferred(this.program) }
    const read = this.nextRead
    if (!this.isReading) this.beginRead()
    const done = yield* read.done.wait(timeout)
    if (done === null) return TIMEOUT
    return done.ok ? { kind: 'applied', result: null } : LOST
  }

  /** Asks for the confirmation of the shared read; without a leader it is asked when there is one. */
  private beginRead(): void {
    const read = this.nextRead
    if (read === null || !this.ask(read)) return
    this.nextRead = null
    this.isReading = true
  }

  /** @returns false when there is no leader to ask. */
  private ask(read: Read): boolean {
    const { program } = this
    // No two have one name, also not over restarts.
    const context = `${this.name}-r${++this.named}`
    if (!this.raft.readIndex(context, program.now)) return false
    this.reads.set(context, read)
    this.work.notify()
    program.spawn(this.askAgain(context, read))
    return true
  }

  private *askAgain(context: string, read: Read): Process {
    yield* sleep(READ_RETRY)
    if (!this.reads.delete(context)) return
    if (!this.ask(read)) this.settleRead(read, null)
  }

  private *run(): Process {
    for (;;) {
      this.raft.advance(this.program.now)
      this.pump()
      if (this.raft.failure !== null) {
        this.program.log.push(`panic: ${this.raft.failure}`)
        this.program.kill()
        return
      }
      this.arm()
      yield* this.work.wait()
    }
  }

  private arm(): void {
    const { nextDeadline } = this.raft
    if (nextDeadline >= this.armedFor) return
    const { program } = this
    this.armedFor = nextDeadline
    program.after(Math.max(nextDeadline - program.now, 0), () => {
      if (this.armedFor === nextDeadline) this.armedFor = Infinity
      this.work.notify()
    })
  }

  private pump(): void {
    const { raft, config } = this
    this.tellDurable()
    while (!config.waitsForDisk || this.writing === this.told) {
      const ready = raft.takeReady()
      if (ready === null) break
      this.monitor.observe(raft, ready)
      this.perform(ready)
    }
    this.noteRole()
  }

  private tellDurable(): void {
    if (this.durable === this.told) return
    this.told = this.durable
    this.raft.persisted(this.durable, this.program.now)
  }

  private perform({ write, messages, install, committed, reads }: Ready): void {
    if (write !== null) this.queueWrite(write)
    if (messages.length > 0) this.carrier.send(messages)
    if (install !== null) this.install(install)
    for (const entry of committed) this.apply(entry)
    for (const { context, index } of reads) this.readConfirmed(context, index)
    this.finishReads()
    if (this.raft.snapshotDue(this.applied)) {
      this.raft.compact(this.applied, this.machine.snapshot())
    }
  }

  private queueWrite(write: NonNullable<Ready['write']>): void {
    const { id, sync } = write
    if (sync) this.writing = id
    this.disk.write(write, () => {
      if (!sync) return
      this.durable = id
      this.work.notify()
    })
  }

  private install({ index, data }: Snapshot): void {
    this.machine.restore(data)
    this.applied = index
  }

  private apply({ index, term, data }: Entry): void {
    this.applied = index
    if (data === null) return
    const { id, command } = data as EntryData
    const result = this.machine.apply(command, index, term)
    this.proposals.get(id)?.settle({ result })
  }

  private readConfirmed(context: string, index: number | null): void {
    const read = this.reads.get(context)
    if (read === undefined) return
    this.reads.delete(context)
    this.settleRead(read, index)
  }

  private settleRead(read: Read, index: number | null): void {
    if (index === null) read.done.settle({ ok: false })
    else this.confirmed.push({ index, read })
    this.isReading = false
    this.beginRead()
  }

  private finishReads(): void {
    if (this.confirmed.length === 0) return
    const { applied } = this
    this.confirmed = this.confirmed.filter(({ index, read }) => {
      if (index > applied) return true
      read.done.settle({ ok: true })
      return false
    })
  }

  private noteRole(): void {
    const { role, term, leader } = this.raft
    if (leader !== this.leader) {
      this.leader = leader
      this.loseReads()
      this.leaderChanged.notify()
    }
    if (role === this.role && (term === this.term || role === 'follower')) return
    this.role = role
    this.term = term
    this.onRole?.(role, term)
  }

  /** Whoever was to confirm them is not the leader any more; the shared one is asked of the next. */
  private loseReads(): void {
    for (const read of this.reads.values()) read.done.settle({ ok: false })
    this.reads.clear()
    this.isReading = false
    if (this.leader !== null) this.beginRead()
  }
}
