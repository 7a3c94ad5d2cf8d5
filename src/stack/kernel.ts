import type { Holder, Ledger } from '../measure/ledger.ts'
import { JiffyWheel } from '../sim/jiffies.ts'
import type { RandomStream } from '../sim/random.ts'
import type { Simulator } from '../sim/simulator.ts'
import { SECOND } from '../sim/units.ts'
import type { Frame } from '../wire/frame.ts'
import type { NetDevice } from './device.ts'
import type { KernelProfile } from './kernel-profile.ts'
import { NeighbourGc } from './neighbour-gc.ts'

/** A burst this long within one instant can only be a loop, for without CPU cost nothing takes time. */
const INSTANT_LIMIT = 200_000

/** What all namespaces of one machine share: clock ticks, chance, the backlog, neighbour limits. */
export class Kernel implements Holder {
  readonly name: string
  readonly simulator: Simulator
  readonly ledger: Ledger
  readonly profile: KernelProfile
  readonly timers: JiffyWheel
  readonly random: RandomStream
  readonly neighbourGc: NeighbourGc
  /** Per-boot secret of the flow hash; drawn from the machine's own stream. */
  readonly hashSecret: number
  /** Waiting are [head, tail); the arrays keep their length, for cutting them costs more than the rest. */
  private readonly backlogFrames: (Frame | null)[] = []
  private readonly backlogDevices: NetDevice[] = []
  private backlogHead = 0
  private backlogTail = 0
  private depth = 0
  /** 1 is the loopback device's. */
  private ifindexes = 1

  constructor(simulator: Simulator, ledger: Ledger, name: string, profile: KernelProfile) {
    this.name = name
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
    )
    this.hashSecret = this.random.int32()
    this.neighbourGc = new NeighbourGc(this)
    ledger.addHolder(this)
  }

  nextIfindex(): number {
    return ++this.ifindexes
  }

  /**
   * Brackets everything that the kernel does in one go. What devices hand over meanwhile (veth, tunnels)
   * waits in the backlog and is received when the outermost bracket closes, as the softirq would.
   */
  enter(): void {
    this.depth++
  }

  leave(): void {
    if (this.depth === 1 && this.backlogTail !== 0) this.drain()
    this.depth--
  }

  /** netif_rx: receive on `device` after what is being done now. */
  netifRx(frame: Frame, device: NetDevice): void {
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
