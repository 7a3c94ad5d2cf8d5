/** Raft cores moved by hand: each message is delivered when the test says so, disks are instant. */
import type { RaftConfig } from '../../src/control/raft/config.ts'
import { Durable } from '../../src/control/raft/durable.ts'
import { Raft } from '../../src/control/raft/raft.ts'
import { SafetyMonitor } from '../../src/control/raft/safety.ts'
import { etcdTiming } from '../../src/control/raft/timing.ts'
import type { Entry, Message, ReadState } from '../../src/control/raft/types.ts'
import { RandomStreams } from '../../src/sim/random.ts'

export const CONFIG: Omit<RaftConfig, 'id' | 'peers'> = {
  timing: etcdTiming(),
  checkQuorum: false,
  preVote: false,
  maxEntries: 64,
  maxBytes: 1e6,
  entryBytes: () => 10,
  maxInflight: 16,
  snapshotEvery: 1000,
  snapshotKeep: 0,
}

export interface Held {
  core: Raft
  readonly disk: Durable
  readonly applied: Entry[]
  readonly reads: ReadState[]
  installs: number
}

export class Hand {
  now = 0
  readonly members = new Map<string, Held>()
  readonly monitor = new SafetyMonitor()
  /** On their way, in the order of sending. */
  messages: Message[] = []
  /** What never arrives. */
  isLost: (message: Message) => boolean = () => false
  /** Members whose disk is stuck. */
  readonly stuck = new Set<string>()
  private readonly config: Omit<RaftConfig, 'id' | 'peers'>
  private readonly make: typeof Raft
  private readonly random = new RandomStreams('hand')

  constructor(
    ids: readonly string[],
    config: Partial<RaftConfig> = {},
    make = Raft,
    makeDisk = () => new Durable(),
  ) {
    this.config = { ...CONFIG, ...config }
    this.make = make
    for (const id of ids) {
      const disk = makeDisk()
      const core = this.core(id, disk, ids)
      this.members.set(id, { core, disk, applied: [], reads: [], installs: 0 })
    }
  }

  private core(id: string, disk: Durable, peers: readonly string[]): Raft {
    const config = { ...this.config, id, peers }
    return new this.make(config, disk.restored(), this.random.stream(id), this.now)
  }

  member(id: string): Held {
    return this.members.get(id)!
  }

  restart(id: string): void {
    const member = this.member(id)
    member.core = this.core(id, member.disk, [...this.members.keys()])
    member.applied.length = 0
    this.messages = this.messages.filter(({ from, to }) => from !== id && to !== id)
  }

  /** Calls one core and carries out its Readys. */
  call<T>(id: string, action: (core: Raft) => T): T {
    const member = this.member(id)
    const result = action(member.core)
    for (let ready = member.core.takeReady(); ready !== null; ready = member.core.takeReady()) {
      this.monitor.observe(member.core, ready)
      this.messages.push(...ready.messages)
      if (ready.install !== null) member.installs++
      member.applied.push(...ready.committed)
      member.reads.push(...ready.reads)
      if (ready.write === null || this.stuck.has(id)) continue
      member.disk.apply(ready.write)
      if (ready.write.sync) member.core.persisted(ready.write.id, this.now)
    }
    return result
  }

  /** Delivers until nothing is on its way; what goes to or comes from other members is lost. */
  deliver(...among: string[]): void {
    const reachable = among.length === 0 ? [...this.members.keys()] : among
    for (let count = 0; this.messages.length > 0; count++) {
      if (count > 10_000) throw new Error('the messages never end')
      const message = this.messages.shift()!
      const passes = reachable.includes(message.from) && reachable.includes(message.to)
      if (passes && !this.isLost(message))
        this.call(message.to, (core) => core.step(message, this.now))
    }
  }

  /** Lets time pass for one core, deadline by deadline. */
  wait(id: string, duration: number): void {
    const end = this.now + duration
    const { core } = this.member(id)
    while (core.nextDeadline <= end) {
      this.now = Math.max(this.now, core.nextDeadline)
      this.call(id, () => core.advance(this.now))
    }
    this.now = end
  }

  /** The member's patience runs out, and it is elected by those that it reaches. */
  elect(id: string, ...among: string[]): void {
    const { core } = this.member(id)
    this.now = Math.max(this.now, core.nextDeadline)
    this.call(id, () => core.advance(this.now))
    this.deliver(...among)
  }

  /** As often as it takes. */
  makeLeader(id: string, ...among: string[]): void {
    for (let tries = 0; this.member(id).core.role !== 'leader'; tries++) {
      if (tries > 20) throw new Error(`${id} is not elected`)
      this.elect(id, ...among)
    }
  }

  put(id: string, ...values: unknown[]): void {
    this.call(id, (core) => {
      for (const value of values) core.propose(value, this.now)
    })
  }

  data(id: string): unknown[] {
    return this.member(id).applied.map(({ data }) => data)
  }
}
