import { encode } from '../wire/encode.ts'
import type { Frame } from '../wire/frame.ts'
import {
  enhancedPacket,
  interfaceDescription,
  interfaceStatistics,
  type PacketRecord,
  sectionHeader,
} from '../wire/pcapng.ts'
import type { Tap } from './tap.ts'

export interface CaptureOptions {
  /** Most bytes kept of a frame. */
  readonly snapLength?: number
  /** Most bytes that descriptions and frames may take together; later frames are counted only. */
  readonly limitBytes?: number
}

export interface InterfaceOptions {
  readonly description?: string
  /** Packets longer than this are marked `gso`: units that the wire would see in segments. */
  readonly mtu?: number
}

const CHUNK_BYTES_FIRST = 1 << 14
const CHUNK_BYTES_MAX = 1 << 22

/** Collects frames from any number of taps into one pcapng file, in memory. */
export class Capture {
  /** Frames that the file holds. */
  captured = 0
  /** Frames that passed a tap when the limit was reached, and are missing from the file. */
  notCaptured = 0
  private readonly snapLength: number
  private readonly limitBytes: number
  private readonly interfaces = new Map<string, InterfaceTap>()
  private readonly full: Uint8Array[] = []
  private chunk = new Uint8Array(CHUNK_BYTES_FIRST)
  private used = 0
  private size = 0

  constructor(options: CaptureOptions = {}) {
    this.snapLength = options.snapLength ?? 0
    this.limitBytes = options.limitBytes ?? Infinity
    this.append(sectionHeader('encap'))
  }

  /** A tap for the interface `name` (`host/eth0`), the same one for the same name. */
  interface(name: string, options: InterfaceOptions = {}): Tap {
    const existing = this.interfaces.get(name)
    if (existing !== undefined) return existing
    const { description } = options
    const tap = new InterfaceTap(this, this.interfaces.size, options.mtu ?? Infinity)
    this.interfaces.set(name, tap)
    const { snapLength } = this
    this.append(
      interfaceDescription(
        description === undefined ? { name, snapLength } : { name, snapLength, description },
      ),
    )
    return tap
  }

  /** The file so far, closed with what each interface saw and what is missing of it. */
  bytes(): Uint8Array {
    const statistics = [...this.interfaces.values()].map((tap) => tap.statistics())
    const total = statistics.reduce((sum, { length }) => sum + length, this.size)
    const out = new Uint8Array(total)
    let at = 0
    for (const part of [...this.full, this.chunk.subarray(0, this.used), ...statistics]) {
      out.set(part, at)
      at += part.length
    }
    return out
  }

  /** @returns whether the limit left room for the frame. */
  record(
    interfaceNumber: number,
    time: number,
    frame: Frame,
    direction: 'in' | 'out',
    comment: string | null,
  ): boolean {
    // Once a frame was left out all are, or the file would show the short ones of a busy time only.
    if (this.notCaptured === 0) {
      const block = enhancedPacket(this.packet(interfaceNumber, time, frame, direction, comment))
      if (this.size + block.length <= this.limitBytes) {
        this.append(block)
        this.captured++
        return true
      }
    }
    this.notCaptured++
    return false
  }

  private packet(
    interfaceNumber: number,
    time: number,
    frame: Frame,
    direction: 'in' | 'out',
    comment: string | null,
  ): PacketRecord {
    const whole = encode(frame)
    const bytes = this.snapLength === 0 ? whole : whole.subarray(0, this.snapLength)
    const { badFcs, length: originalLength } = frame
    const packet = { interfaceNumber, time, bytes, originalLength, direction, badFcs }
    return comment === null ? packet : { ...packet, comment }
  }

  private append(block: Uint8Array): void {
    if (this.used + block.length > this.chunk.length) {
      this.full.push(this.chunk.subarray(0, this.used))
      const doubled = Math.min(CHUNK_BYTES_MAX, 2 * this.chunk.length)
      this.chunk = new Uint8Array(Math.max(doubled, block.length))
      this.used = 0
    }
    this.chunk.set(block, this.used)
    this.used += block.length
    this.size += block.length
  }
}

class InterfaceTap implements Tap {
  private readonly capture: Capture
  private readonly number: number
  private readonly mtu: number
  private seen = 0
  private missed = 0
  private last = 0

  constructor(capture: Capture, number: number, mtu: number) {
    this.capture = capture
    this.number = number
    this.mtu = mtu
  }

  frame(time: number, frame: Frame, direction: 'in' | 'out'): void {
    this.seen++
    this.last = time
    const comment = frame.l3Length > this.mtu ? 'gso' : null
    if (!this.capture.record(this.number, time, frame, direction, comment)) this.missed++
  }

  statistics(): Uint8Array {
    return interfaceStatistics({
      interfaceNumber: this.number,
      time: this.last,
      received: this.seen,
      dropped: this.missed,
    })
  }
}
