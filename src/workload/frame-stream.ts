import { STAGE_COPY_IN, STAGE_SYSCALL_SEND } from '../cpu/stage.ts'
import type { Schedulable } from '../cpu/task.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import type { NetDevice } from '../stack/device.ts'
import { ETHERNET_HEADER_BYTES, Frame } from '../wire/frame.ts'
import type { MacSource } from './mac-source.ts'
import { Pace } from './pace.ts'
import { elapsed, type Window } from './window.ts'
import type { FramesResult, Workload } from './workload.ts'

/** IEEE Std 802 - Local Experimental EtherType 1. */
export const ETHERTYPE_EXPERIMENTAL = 0x88b5

/** Who sends frames, with the addresses of his frames. */
export interface FrameSenderSpec {
  /** Which they leave by. */
  readonly device: NetDevice
  readonly source: MacSource
  readonly destination: MacSource
  /** Start after the workload's, picoseconds. */
  readonly phase: number
}

export interface FrameStreamOptions {
  readonly simulator: Simulator
  readonly name: string
  readonly kind: FramesResult['kind']
  /** Time of the first frame, picoseconds. */
  readonly at: number
  /** Frames per second of each sender. */
  readonly packetRate: number
  /** Frames of each sender. */
  readonly count: number
  /** Frame bytes without FCS. */
  readonly size: number
  /** Different source addresses of each sender. */
  readonly sources: number
}

/** Frames below IP from one or more devices, at a constant rate: one event each. */
export class FrameStream implements Workload {
  readonly name: string
  readonly endsAt: number
  readonly window: Window
  readonly times = null
  private readonly options: FrameStreamOptions
  private readonly senders: readonly FrameSender[]

  constructor(options: FrameStreamOptions, senders: readonly FrameSenderSpec[]) {
    const { name, at, packetRate, count } = options
    this.name = name
    this.options = options
    this.senders = senders.map((spec) => new FrameSender(options, spec))
    this.window = { start: at, end: new Pace(at, packetRate).timeOf(count) }
    const latest = senders.reduce((most, { phase }) => Math.max(most, phase), 0)
    this.endsAt = new Pace(at + latest, packetRate).timeOf(Math.max(count - 1, 0))
  }

  start(): void {
    for (const sender of this.senders) sender.start()
  }

  result(now: number): FramesResult {
    const { options, senders, window } = this
    const { kind, size, count } = options
    const sent = senders.reduce((total, sender) => total + sender.sent, 0)
    return {
      kind,
      name: this.name,
      partial: senders.some((sender) => sender.sent < count),
      window: elapsed(window, now),
      sent,
      refused: 0,
      bytes: sent * size,
      sources: senders.reduce((total, { sent }) => total + Math.min(sent, options.sources), 0),
      errors: [],
    }
  }
}

class FrameSender implements EventTarget {
  sent = 0
  private readonly options: FrameStreamOptions
  private readonly spec: FrameSenderSpec
  private readonly pace: Pace
  /** On a machine; there a frame that is late is sent as soon as possible. */
  private readonly thread: Schedulable | null

  constructor(options: FrameStreamOptions, spec: FrameSenderSpec) {
    this.options = options
    this.spec = spec
    this.pace = new Pace(options.at + spec.phase, options.packetRate)
    const { kernel, name } = spec.device.namespace
    const title = `${options.name} ${name}`
    this.thread = kernel.machine === null ? null : kernel.task(title, () => this.step())
  }

  start(): void {
    if (this.options.count > 0) this.options.simulator.at(this.pace.start, this)
  }

  fire(): void {
    const { thread, options } = this
    if (thread !== null) return thread.wake()
    const next = this.sent + 1
    if (next < options.count) options.simulator.at(this.pace.timeOf(next), this)
    this.send()
  }

  /** A system call, if a frame is due. */
  private step(): boolean {
    const { simulator, count, size } = this.options
    if (this.sent >= count) return false
    const due = this.pace.timeOf(this.sent)
    if (due > simulator.now) {
      simulator.at(due, this)
      return false
    }
    const { kernel } = this.spec.device.namespace
    kernel.spend(STAGE_SYSCALL_SEND)
    kernel.spend(STAGE_COPY_IN, 1, size)
    this.send()
    return true
  }

  private send(): void {
    const n = this.sent++
    const { simulator, size } = this.options
    const { source, destination, device } = this.spec
    source.pick(n)
    destination.pick(n)
    const frame = new Frame()
    frame.dstHi = destination.hi
    frame.dstLo = destination.lo
    frame.srcHi = source.hi
    frame.srcLo = source.lo
    frame.etherType = ETHERTYPE_EXPERIMENTAL
    frame.l3Length = size - ETHERNET_HEADER_BYTES
    frame.sequence = n
    frame.sentAt = simulator.now
    const { kernel } = device.namespace
    kernel.enter()
    kernel.ledger.originated++
    device.send(frame)
    kernel.leave()
  }
}
