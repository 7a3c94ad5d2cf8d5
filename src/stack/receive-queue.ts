import { Ring } from '../cpu/ring.ts'
import type { Frame } from '../wire/frame.ts'
import { skbTruesize } from './skb.ts'

/** What a datagram socket has received and nobody has read yet, limited by its memory (SO_RCVBUF). */
export class ReceiveQueue {
  /** Bytes of skb truesize. */
  limit: number
  private memory = 0
  private readonly frames = new Ring<Frame>()

  constructor(limit: number) {
    this.limit = limit
  }

  get length(): number {
    return this.frames.length
  }

  /**
   * Takes a frame while what waits is not above the limit: the last one may go beyond it, as in
   * __udp_enqueue_schedule_skb. @returns false when there was no room.
   */
  push(frame: Frame): boolean {
    if (this.memory > this.limit) return false
    this.memory += skbTruesize(frame.length)
    this.frames.push(frame)
    return true
  }

  shift(): Frame | null {
    const frame = this.frames.shift()
    if (frame === undefined) return null
    this.memory -= skbTruesize(frame.length)
    return frame
  }
}
