/**
 * Raft cores on a network of their own: no packets, only messages that are late, lost, doubled or
 * out of order, disks that take their time, and members that crash and come back.
 */
import type { RaftConfig } from '../../src/control/raft/config.ts'
import { Durable } from '../../src/control/raft/durable.ts'
import { Raft } from '../../src/control/raft/raft.ts'
import { hashOf, SafetyMonitor } from '../../src/control/raft/safety.ts'
import type { Message, Ready, Restored, Write } from '../../src/control/raft/types.ts'
import { Simulator } from '../../src/sim/simulator.ts'
import { Dice } from '../chaos/dice.ts'

/** Where a broken store is made: another core, or a disk that forgets. */
export interface Parts {
  core(...of: ConstructorParameters<typeof Raft>): Raft
  disk(): Durable
  /** Members say that a write is durable before it is. */
  readonly lies: boolean
}

export const SOUND: Parts = {
  core: (...of) => new Raft(...of),
  disk: () => new Durable(),
  lies: false,
}

export interface NetworkOptions {
  readonly members: number
  readonly config: Omit<RaftConfig, 'id' | 'peers'>
  readonly delay: number
  /** Times `delay`, at most, that a message may take longer; more than 0 puts them out of order. */
  readonly jitter: number
  readonly fsync: number
  readonly loss: number
  readonly duplication: number
  /** A member takes the next Ready only when the last one's write is durable. */
  readonly oneAtATime: boolean
  /** Messages pass through their JSON. */
  readonly asJson: boolean
}

interface Machine {
  hash: number
  count: number
}

/** A member: its disk stays over crashes, all else goes. */
export class Member {
  core: Raft | null = null
  machine: Machine = { hash: 0, count: 0 }
  machineIndex = 0
  isBusy = false
  readonly disk: Durable
  readonly id: string
  private armed = Infinity
  private incarnation = 0
  private readonly network: Network
  private queue: Write[] = []
  /** Reads under way, and what must be visible to them. */
  private readonly reads = new Map<string, number>()

  constructor(id: string, network: Network) {
    this.id = id
    this.network = network
    this.disk = network.parts.disk()
  }

  start(): void {
    const { simulator, parts, ids, options } = this.network
    const restored: Restored = this.disk.restored()
    const config = { ...options.config, id: this.id, peers: ids }
    const random = simulator.random.stream(`${this.id}/${this.incarnation}`)
    this.machine = (restored.snapshot?.data as Machine) ?? { hash: 0, count: 0 }
    this.machineIndex = restored.snapshot?.index ?? 0
    this.core = parts.core(config, restored, random, simulator.now)
    this.drive()
  }

  crash(): void {
    this.core = null
    this.incarnation++
    this.armed = Infinity
    this.queue = []
    this.isBusy = false
    this.reads.clear()
  }

  /** Calls the core, then carries out what it wants. */
  call(action: (core: Raft, now: number) => void): void {
    if (this.core === null) return
    action(this.core, this.network.simulator.now)
    this.drive()
  }

  read(context: string): void {
    const visible = this.network.appliedAnywhere
    this.call((core, now) => {
      if (core.readIndex(context, now)) this.reads.set(context, visible)
    })
  }

  private drive(): void {
    const { core } = this
    if (core === null) return
    while (!(this.isBusy && this.network.options.oneAtATime)) {
      const ready = core.takeReady()
      if (ready === null) break
      this.carryOut(core, ready)
    }
    if (core.failure !== null) this.network.failures.push(`${this.id}: ${core.failure}`)
    if (core.failure !== null) this.crash()
    this.arm()
  }

  private carryOut(core: Raft, { write, messages, install, committed, reads }: Ready): void {
    const { network } = this
    network.monitor.observe(core, { write, messages, install, committed, reads })
    if (write !== null) this.persist(write)
    for (const message of messages) network.send(message)
    if (install !== null) {
      this.machine = install.data as Machine
      this.machineIndex = install.index
    }
    for (const { index, data } of committed) {
      const { hash, count } = this.machine
      this.machine = { hash: hashOf([hash, data]), count: count + 1 }
      this.machineIndex = index
    }
    network.appliedAnywhere = Math.max(network.appliedAnywhere, core.applied)
    for (const { context, index } of reads) {
      const visible = this.reads.get(context)
      this.reads.delete(context)
      if (visible === undefined || index === null) continue
      network.readsAnswered++
      if (index < visible) network.failures.push(`stale read at ${this.id}: ${index} < ${visible}`)
    }
    if (core.snapshotDue(core.applied)) core.compact(core.applied, this.machine)
  }

  private persist(write: Write): void {
    this.queue.push(write)
    if (this.network.parts.lies) {
      // A process of its own, or the core would be called from within its Ready.
      this.later(0, () => this.call((core, now) => core.persisted(write.id, now)))
    }
    if (!this.isBusy) this.fsync()
  }

  private fsync(): void {
    const { dice, options } = this.network
    const [write] = this.queue
    this.isBusy = write !== undefined
    if (write === undefined) return
    this.later(write.sync ? dice.integer(0, 2 * options.fsync) : 0, () => {
      this.queue.shift()
      this.disk.apply(write)
      this.fsync()
      this.call((core, now) => {
        if (write.sync) core.persisted(write.id, now)
      })
    })
  }

  /** Unless the member crashes before. */
  private later(delay: number, action: () => void): void {
    const { simulator } = this.network
    const { incarnation } = this
    simulator.callAt(simulator.now + delay, () => {
      if (incarnation === this.incarnation && this.core !== null) action()
    })
  }

  private arm(): void {
    if (this.core === null) return
    const { simulator } = this.network
    const deadline = Math.max(this.core.nextDeadline, simulator.now)
    if (deadline >= this.armed || deadline === Infinity) return
    this.armed = deadline
    this.later(deadline - simulator.now, () => {
      if (this.armed > simulator.now) return
      this.armed = Infinity
      if (this.core!.nextDeadline <= simulator.now) this.call((core, now) => core.advance(now))
      else this.arm()
    })
  }
}

export class Network {
  readonly simulator: Simulator
  readonly dice: Dice
  readonly monitor = new SafetyMonitor()
  readonly members: Member[]
  readonly ids: string[]
  readonly failures: string[] = []
  readonly options: NetworkOptions
  readonly parts: Parts
  appliedAnywhere = 0
  readsAnswered = 0
  snapshotsSent = 0
  /** Pairs `from>to` that nothing passes. */
  readonly cut = new Set<string>()
  isCalm = false

  constructor(seed: string, options: NetworkOptions, parts = SOUND) {
    this.simulator = new Simulator(seed)
    this.dice = new Dice(seed)
    this.options = options
    this.parts = parts
    this.ids = Array.from({ length: options.members }, (_, i) => `m${i + 1}`)
    this.members = this.ids.map((id) => new Member(id, this))
    for (const member of this.members) member.start()
  }

  get leaders(): Member[] {
    return this.members.filter(({ core }) => core?.role === 'leader')
  }

  send(message: Message): void {
    const { dice, options } = this
    const { from, to, type } = message
    if (type === 'snapshot') this.snapshotsSent++
    const isLost = !this.isCalm && dice.chance(options.loss)
    if (this.cut.has(`${from}>${to}`) || isLost) {
      // A transport that lost its connection says so, sometimes.
      if (dice.chance(0.2)) this.deliver(0, from, (core, now) => core.reportUnreachable(to, now))
      return
    }
    const copies = !this.isCalm && dice.chance(options.duplication) ? 2 : 1
    const arrived = options.asJson ? (JSON.parse(JSON.stringify(message)) as Message) : message
    for (let copy = 0; copy < copies; copy++) {
      const jitter = this.isCalm ? Math.min(options.jitter, 1) : options.jitter
      const late = dice.integer(0, Math.floor(options.delay * jitter))
      this.deliver(options.delay + late, to, (core, now) => core.step(arrived, now))
    }
  }

  private deliver(delay: number, to: string, action: (core: Raft, now: number) => void): void {
    const { simulator } = this
    const member = this.members.find(({ id }) => id === to)!
    simulator.callAt(simulator.now + delay, () => member.call(action))
  }

  isolate(ids: readonly string[], oneWay: boolean): void {
    for (const inside of ids) {
      for (const outside of this.ids) {
        if (ids.includes(outside)) continue
        this.cut.add(`${inside}>${outside}`)
        if (!oneWay) this.cut.add(`${outside}>${inside}`)
      }
    }
  }

  heal(): void {
    this.cut.clear()
  }

  /** All members are up and stand at the same place. */
  get hasConverged(): boolean {
    const [first] = this.members
    return this.members.every(
      ({ core, machine }) =>
        core !== null &&
        core.applied === first!.core!.applied &&
        core.applied === core.lastIndex &&
        machine.hash === first!.machine.hash,
    )
  }
}

/** A network as chance would have it. */
export function randomOptions(dice: Dice, timing: RaftConfig['timing']): NetworkOptions {
  const patience = timing.election.low
  return {
    members: dice.pick([1, 3, 3, 3, 5, 5]),
    delay: Math.floor(patience * dice.pick([0.0005, 0.005, 0.02])),
    jitter: dice.pick([0, 0.1, 2, 20]),
    fsync: Math.floor(patience * dice.pick([0.0005, 0.005, 0.02])),
    loss: dice.pick([0, 0, 0.02, 0.2]),
    duplication: dice.pick([0, 0, 0.1]),
    oneAtATime: dice.chance(0.5),
    asJson: dice.chance(0.2),
    config: {
      timing,
      checkQuorum: dice.chance(0.7),
      preVote: dice.chance(0.5),
      maxEntries: dice.pick([1, 3, 64]),
      maxBytes: dice.pick([20, 1000]),
      entryBytes: (data) => (data === null ? 0 : 10),
      maxInflight: dice.pick([1, 3, 128]),
      snapshotEvery: dice.pick([3, 10, 1000]),
      snapshotKeep: dice.pick([0, 2, 10]),
    },
  }
}
