import type { Machine } from '../cpu/machine.ts'
import { type Schedulable, type Step, Task } from '../cpu/task.ts'
import type { Holder, Ledger } from '../measure/ledger.ts'
import { JiffyWheel } from '../sim/jiffies.ts'
import type { RandomStream } from '../sim/random.ts'
import type { Simulator } from '../sim/simulator.ts'
import { SECOND } from '../sim/units.ts'
import type { Frame } from '../wire/frame.ts'
import type { NetDevice } from './device.ts'
import { InstantTask } from './instant-task.ts'
import type { KernelProfile } from './kernel-profile.ts'
import type { NetNamespace } from './namespace.ts'
import { NeighbourGc } from './neighbour-gc.ts'

/** A burst this long within one instant can only be a loop, for without CPU cost nothing takes time. */
const INSTANT_LIMIT = 200_000

/** What all namespaces of one machine share: clock ticks, chance, the backlog, neighbour limits. */
export class Kernel implements Holder {
  readonly name: string
  readonly simulator: Simulator
  readonly ledger: Ledger
  readonly profile: KernelProfile
  /** The cores that do the work; null where work takes no time. */
  readonly machine: Machine | null
  readonly timers: JiffyWheel
  readonly random: RandomStream
  readonly neighbourGc: NeighbourGc
  /** What steps of the real-time clock have added to it, picoseconds. No timer of the kernel goes by it. */
  clockOffset = 0
  /** Per-boot secret of the flow hash; drawn from the machine's own stream. */
  readonly hashSecret: number
  /** Waiting are [head, tail); the arrays keep their length, for cutting them costs more than the rest. */
  private readonly backlogFrames: (Frame | null)[] = []
  private readonly backlogDevices: NetDevice[] = []
  private backlogHead = 0
  private backlogTail = 0
  private depth = 0
  private readonly tasks: InstantTask[] = []
  /** All there are, in the order in which they were made. */
  readonly namespaces = new Set<NetNamespace>()
  /** 1 is the loopback device's. */
  private ifindexes = 1

  constructor(
    simulator: Simulator,
    ledger: Ledger,
    name: string,
    profile: KernelProfile,
    machine: Machine | null = null,
  ) {
    this.name = name
    this.machine = machine
    this.simulator = simulator
    this.ledger = ledger
    this.profile = profile
    this.random = simulator.random.stream(`kernel/${name}`)
    const period = SECOND / profile.hz
    this.timers = new JiffyWheel(
      simulator,
      profile.hz,
      this.random.integer(0, period - 1),
      this.random.integer(0, 0xfffff),
      machine === null ? null : (callback) => machine.softirq(callback),
    )
    this.hashSecret = this.random.int32()
    this.neighbourGc = new NeighbourGc(this)
    ledger.addHolder(this)
  }

  nextIfindex(): number {
    return ++this.ifindexes
  }

  /**
   * The charge funnel of CPU time: adds a stage to the cost of the work in progress.
   * @param stage one of STAGE_*. @param segments that the unit stands for; 0 counts none.
   */
  spend(stage: number, segments = 1, bytes = 0): void {
    if (this.machine !== null) this.machine.spend(stage, segments, bytes)
  }

  /**
   * A thread of this kernel, asleep. @param step does about a system call and says whether it goes on.
   * @param core the only one that it runs on; without it the scheduler chooses.
   */
  task(name: string, step: Step, core?: number): Schedulable {
    const { machine } = this
    return machine === null ? new InstantTask(this, step) : new Task(machine, name, step, core)
  }

  /** Runs a callback as a softirq would: at once where work takes no time. */
  softirq(callback: () => void): void {
    if (this.machine !== null) return this.machine.softirq(callback)
    this.enter()
    callback()
    this.leave()
  }

  /** Runs a task's steps when what is being done now is over. */
  runSoon(task: InstantTask): void {
    this.tasks.push(task)
    if (this.depth > 0) return
    this.enter()
    this.leave()
  }

  /**
   * Brackets everything that the kernel does in one go. What devices hand over meanwhile (veth, tunnels)
   * waits in the backlog and is received when the outermost bracket closes, as the softirq would.
   */
  enter(): void {
    this.depth++
  }

  leave(): void {
    if (this.depth === 1 && (this.backlogTail !== 0 || this.tasks.length !== 0)) this.drainAll()
    this.depth--
  }

  private drainAll(): void {
    this.drain()
    while (this.tasks.length > 0) {
      this.tasks.shift()!.run()
      this.drain()
    }
  }

  /** netif_rx: receive on `device` after what is being done now. */
  netifRx(frame: Frame, device: NetDevice): void {
    const { machine } = this
    if (machine !== null) return (machine.current ?? machine.cores[0]!).backlog.push(frame, device)
    const slot = this.backlogTail++
    this.backlogFrames[slot] = frame
    this.backlogDevices[slot] = device
    if (this.depth === 0) {
      this.depth++
      this.drain()
      this.depth--
    }
  }

  private drain(): void {
    while (this.backlogHead < this.backlogTail) {
      const slot = this.backlogHead++
      const frame = this.backlogFrames[slot]!
      const device = this.backlogDevices[slot]!
      this.backlogFrames[slot] = null
      if (slot >= INSTANT_LIMIT) this.ledger.drop(frame, 'endless_loop', device.label)
      else device.receive(frame)
    }
    this.backlogHead = 0
    this.backlogTail = 0
  }

  heldFrames(): number {
    return this.backlogTail - this.backlogHead
  }
}
