import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import type { NetDevice } from '../stack/device.ts'
import { ETHERNET_HEADER_BYTES, Frame } from '../wire/frame.ts'
import type { MacSource } from './mac-source.ts'
import { Pace } from './pace.ts'
import { elapsed, type FramesResult, type Window, type Workload } from './workload.ts'

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

  constructor(options: FrameStreamOptions, spec: FrameSenderSpec) {
    this.options = options
    this.spec = spec
    this.pace = new Pace(options.at + spec.phase, options.packetRate)
  }

  start(): void {
    if (this.options.count > 0) this.options.simulator.at(this.pace.start, this)
  }

  fire(): void {
    const n = this.sent++
    const { simulator, count, size } = this.options
    if (this.sent < count) simulator.at(this.pace.timeOf(this.sent), this)
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
