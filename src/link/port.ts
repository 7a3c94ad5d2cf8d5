import type { DropReason } from '../measure/drop-reason.ts'
import type { Holder, Ledger } from '../measure/ledger.ts'
import type { Tap } from '../measure/tap.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import { picosecondsPerByte } from '../sim/units.ts'
import {
  ETHERNET_HEADER_BYTES,
  type Frame,
  MIN_FRAME_BYTES,
  VLAN_TAG_BYTES,
  WIRE_OVERHEAD_BYTES,
} from '../wire/frame.ts'
import { FaultyChannel } from './faulty-channel.ts'

/** Slots with which a ring starts. */
const RING = 8
/** Words of a slot, of which the fourth is not used. */
const SLOT_SHIFT = 2
const DEPARTURE = 0
const ARRIVAL = 1
const SEQUENCE = 2

/** What a port belongs to: a switch, a router, a NIC. */
export interface PortOwner {
  readonly name: string
  /** A frame has arrived whole, its FCS right. */
  receive(frame: Frame, port: Port): void
}

export interface LinkOptions {
  /** Bits per second. */
  readonly rate: number
  /** Propagation delay, picoseconds. */
  readonly delay: number
  /** Bytes of frames that wait for or are in transmission; without it the queue has no such limit. */
  readonly queueBytes?: number
  /** Frames that wait or are in transmission. */
  readonly queueFrames?: number
}

/**
 * One end of a full-duplex Ethernet link, with the transmit queue towards its peer.
 *
 * A plain FIFO link knows a frame's arrival when the frame is handed over, so that a frame costs one
 * event a link: the frames on their way stand in a ring, of which only the head is in the event queue.
 */
export class Port implements EventTarget, Holder {
  readonly owner: PortOwner
  /** Position among its owner's ports. */
  readonly index: number
  readonly name: string
  peer: Port | null = null
  /** Largest L3 packet that the port takes; frames may be 18 bytes longer (header and tag). */
  mtu = 1500
  /** Time between arrival and `receive`: a device's forwarding latency, picoseconds. */
  receiveLatency = 0
  tap: Tap | null = null

  txFrames = 0
  txBytes = 0
  /** Bytes with padding, FCS, preamble and gap: the time that the link was busy. */
  txWireBytes = 0
  rxFrames = 0
  rxBytes = 0
  /** Most bytes that ever stood in the transmit queue. */
  queuePeakBytes = 0

  private readonly simulator: Simulator
  private readonly ledger: Ledger
  rate = 0
  delay = 0
  private perByte = 0
  private queueBytesLimit = Infinity
  private queueFramesLimit = Infinity
  private up = true
  private faults: FaultyChannel | null = null

  /** When all that was sent will have left, picoseconds; in the past when the port is quiet. */
  busyUntil = 0
  private queuedBytes = 0
  private frames: (Frame | null)[] = new Array(RING).fill(null)
  /** Times of each frame of the ring, side by side: see DEPARTURE and those below it. */
  private times = new Float64Array(RING << SLOT_SHIFT)
  private mask = RING - 1
  /**
   * Ring positions: on the wire [head, tail), of which [waiting, tail) still queue. They start again at 0
   * whenever the ring is empty, so that a quiet link stays within one cache line.
   */
  private head = 0
  private waiting = 0
  private tail = 0

  constructor(simulator: Simulator, ledger: Ledger, owner: PortOwner, index: number, name: string) {
    this.simulator = simulator
    this.ledger = ledger
    this.owner = owner
    this.index = index
    this.name = name
    ledger.addHolder(this)
  }

  /** Joins two ports by a link. */
  static connect(a: Port, b: Port, options: LinkOptions): void {
    if (a.peer || b.peer) throw new Error(`${a.peer ? a.label : b.label} has a link already`)
    a.attach(b, options)
    b.attach(a, options)
  }

  /** Name of the machine, where that is not the owner's: a NIC belongs to a host. */
  node: string | null = null

  /** `node/port`, as ledger and traces name the place. */
  get label(): string {
    return `${this.node ?? this.owner.name}/${this.name}`
  }

  private attach(peer: Port, options: LinkOptions): void {
    this.peer = peer
    this.rate = options.rate
    this.perByte = picosecondsPerByte(options.rate)
    this.delay = options.delay
    this.limitQueue(options.queueBytes, options.queueFrames)
  }

  /** Limits this end's transmit queue. A limit that the link's options name comes later and wins. */
  limitQueue(bytes = this.queueBytesLimit, frames = this.queueFramesLimit): void {
    this.queueBytesLimit = bytes
    this.queueFramesLimit = frames
  }

  /** The fault rules of this direction; made at the first call, for a link without them runs faster. */
  get channel(): FaultyChannel {
    if (this.faults === null) {
      this.faults = new FaultyChannel(this.simulator, this.ledger, this.label)
      this.ledger.addHolder(this.faults)
    }
    return this.faults
  }

  get isUp(): boolean {
    return this.up
  }

  /** Takes this direction down or up. What is on the wire or queued when it goes down is lost. */
  setUp(up: boolean): void {
    if (this.up === up) return
    this.up = up
    if (up) return
    for (; this.head < this.tail; this.head++) {
      const slot = this.head & this.mask
      this.lose(this.frames[slot]!, 'link_down')
      this.frames[slot] = null
    }
    this.waiting = this.head
    this.queuedBytes = 0
    this.busyUntil = this.simulator.now
    this.generation++
    this.faults?.cut()
  }

  private lose(frame: Frame, reason: DropReason): void {
    this.ledger.drop(frame, reason, this.label)
  }

  /** Queues a frame for transmission: the emit funnel of every Ethernet port. A unit must have been cut. */
  send(frame: Frame): void {
    if (this.tap !== null) this.tap.frame(this.simulator.now, frame, 'out')
    if (frame.trace !== 0) this.ledger.tracer?.stage(frame, 'transmit', this.label)
    if (this.peer === null) return this.lose(frame, 'no_link')
    if (!this.up) return this.lose(frame, 'link_down')
    const { length } = frame
    if (length > this.mtu + ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES || frame.gsoSize !== 0) {
      return this.lose(frame, 'frame_too_long')
    }
    const { now } = this.simulator
    let start = this.busyUntil
    if (start <= now) {
      start = now
      this.waiting = this.tail
      this.queuedBytes = 0
    } else if (!this.admits(length, now)) return this.lose(frame, 'queue_full')
    this.queuedBytes += length
    if (this.queuedBytes > this.queuePeakBytes) this.queuePeakBytes = this.queuedBytes

    const wireBytes = (length < MIN_FRAME_BYTES ? MIN_FRAME_BYTES : length) + WIRE_OVERHEAD_BYTES
    this.txFrames++
    this.txBytes += length
    this.txWireBytes += wireBytes
    this.busyUntil = start + wireBytes * this.perByte
    this.enqueue(frame)
  }

  /** Whether the queue has room; what has left by now is taken off it first. */
  private admits(length: number, now: number): boolean {
    while (this.waiting < this.tail) {
      const slot = this.waiting & this.mask
      if (this.times[(slot << SLOT_SHIFT) + DEPARTURE]! > now) break
      this.queuedBytes -= this.frames[slot]!.length
      this.waiting++
    }
    return (
      this.queuedBytes + length <= this.queueBytesLimit &&
      this.tail - this.waiting < this.queueFramesLimit
    )
  }

  /** Bytes queued or in transmission now. */
  get queueLength(): number {
    if (this.busyUntil <= this.simulator.now) return 0
    this.admits(0, this.simulator.now)
    return this.queuedBytes
  }

  private generation = 0

  /** Puts a frame that leaves at `busyUntil` on the wire. */
  private enqueue(frame: Frame): void {
    if (this.tail - this.head > this.mask) this.grow()
    const slot = this.tail & this.mask
    const at = slot << SLOT_SHIFT
    const departure = this.busyUntil
    const arrival = departure + this.delay + this.peer!.receiveLatency
    const sequence = this.simulator.takeSequence()
    this.frames[slot] = frame
    this.times[at + DEPARTURE] = departure
    if (this.tail++ === this.head) {
      this.simulator.atSequence(arrival, sequence, this, this.generation)
      return
    }
    this.times[at + ARRIVAL] = arrival
    this.times[at + SEQUENCE] = sequence
  }

  /** The head of the ring has arrived at the peer. */
  fire(generation: number): void {
    if (generation !== this.generation) return
    const slot = this.head & this.mask
    const frame = this.frames[slot]!
    this.frames[slot] = null
    if (this.waiting === this.head) {
      this.waiting++
      this.queuedBytes -= frame.length
    }
    if (++this.head === this.tail) {
      this.head = 0
      this.waiting = 0
      this.tail = 0
    } else {
      const at = (this.head & this.mask) << SLOT_SHIFT
      const { simulator, times } = this
      simulator.atSequence(times[at + ARRIVAL]!, times[at + SEQUENCE]!, this, this.generation)
    }
    if (this.faults === null) this.peer!.accept(frame)
    else this.faults.transmit(frame, this.peer!)
  }

  /** Takes a frame off the wire. */
  accept(frame: Frame): void {
    this.ledger.hops++
    this.rxFrames++
    this.rxBytes += frame.length
    if (this.tap !== null) this.tap.frame(this.simulator.now, frame, 'in')
    if (frame.badFcs) return this.ledger.drop(frame, 'bad_fcs', this.label)
    this.owner.receive(frame, this)
  }

  heldFrames(): number {
    return this.tail - this.head
  }

  private grow(): void {
    const size = (this.mask + 1) * 2
    const frames: (Frame | null)[] = new Array(size).fill(null)
    const times = new Float64Array(size << SLOT_SHIFT)
    for (let position = this.head; position < this.tail; position++) {
      const from = position & this.mask
      const to = position & (size - 1)
      frames[to] = this.frames[from]!
      for (let word = 0; word < 1 << SLOT_SHIFT; word++) {
        times[(to << SLOT_SHIFT) + word] = this.times[(from << SLOT_SHIFT) + word]!
      }
    }
    this.frames = frames
    this.times = times
    this.mask = size - 1
  }
}
