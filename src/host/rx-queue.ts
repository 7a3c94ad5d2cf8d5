import type { Core } from '../cpu/core.ts'
import { STAGE_CHECKSUM, STAGE_INTERRUPT, STAGE_NIC_RECEIVE } from '../cpu/stage.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import { type Frame, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/frame.ts'
import { Moderation } from './moderation.ts'
import { NapiQueue } from './napi-queue.ts'
import type { Nic } from './nic.ts'
import type { Coalesce } from './nic-options.ts'

/** An interrupt will come: when its delay is over, or enough frames wait. */
const WAITING = 1
/** The interrupt has come to a core that has to be roused. */
const ROUSING = 2
const POLLED = 3
const ARMED = 0

/** A receive queue of a NIC with its ring, its interrupt, and the core that it interrupts. */
export class RxQueue extends NapiQueue implements EventTarget {
  readonly core: Core
  /** Interrupts so far. */
  interrupts = 0
  private readonly nic: Nic
  private readonly simulator: Simulator
  private readonly descriptors: number
  private readonly moderation: Moderation
  private state = ARMED
  /** Of the latest event scheduled: an earlier one is void. */
  private generation = 0
  private isInterrupted = false

  constructor(nic: Nic, core: Core, descriptors: number, coalesce: Coalesce) {
    super(core.machine.ledger)
    this.nic = nic
    this.core = core
    this.simulator = core.machine.simulator
    this.descriptors = descriptors
    this.moderation = new Moderation(coalesce)
  }

  /** A frame has arrived whole. No core works here: the card has put it into memory. */
  push(frame: Frame): void {
    const { moderation, frames } = this
    if (frames.length >= this.descriptors) {
      return this.core.machine.ledger.drop(frame, 'rx_ring_full', this.nic.label)
    }
    frames.push(frame)
    moderation.count(frame.length)
    if (this.state === ARMED) {
      this.state = WAITING
      this.simulator.after(moderation.delay, this, ++this.generation)
    }
    if (this.state === WAITING && frames.length >= moderation.frames) this.interrupt()
  }

  fire(generation: number): void {
    if (generation !== this.generation) return
    if (this.state === WAITING) return this.interrupt()
    this.core.arriving--
    this.schedule()
  }

  private interrupt(): void {
    const { core, simulator } = this
    this.interrupts++
    this.isInterrupted = true
    this.moderation.interrupted(simulator.now)
    this.generation++
    if (!core.isIdle) return this.schedule()
    this.state = ROUSING
    core.arriving++
    simulator.after(core.machine.costs.interruptLatency, this, this.generation)
  }

  private schedule(): void {
    this.state = POLLED
    this.core.raise(this)
  }

  override poll(core: Core): boolean {
    if (this.isInterrupted) {
      this.isInterrupted = false
      core.spend(STAGE_INTERRUPT, 1, 0)
    }
    return super.poll(core)
  }

  protected override complete(): void {
    this.state = ARMED
  }

  protected override take(frame: Frame, core: Core): void {
    const { features } = this.nic
    const { length, protocol } = frame
    core.spend(STAGE_NIC_RECEIVE, 1, length)
    if (!features.rxChecksum && (protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP)) {
      core.spend(STAGE_CHECKSUM, 1, length)
    }
    if (features.gro) this.merge(frame, core, features.tunnelGro)
    else this.receiveUnit(frame)
  }

  override receiveUnit(frame: Frame): void {
    this.nic.steer(frame, this.core)
  }
}
