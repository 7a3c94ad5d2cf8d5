import { TCP_FIN, TCP_SYN } from '../../wire/tcp.ts'

/** Tags of a segment (TCPCB_*): what the peer said of it, and what was done about it. */
export const SACKED = 1
export const RETRANSMITTED = 2
export const LOST = 4
/** It has been sent more than once, whatever became of that. */
export const EVER_RETRANSMITTED = 8

/**
 * A unit of the send queue (an sk_buff): one range of the stream that leaves as one frame and stands
 * for `count` segments of `mss` bytes. Numbers are offsets in the stream, the SYN being 0.
 */
export class Segment {
  start: number
  end: number
  /** TCP_SYN, TCP_FIN, TCP_PSH. */
  flags = 0
  mss = 0
  /** Segments; 0 until it is about to be sent for the first time. */
  count = 0
  tags = 0
  /** When it was last sent, microseconds. */
  sentAt = 0
  /** What the connection had delivered by then, segments. */
  delivered = 0
  next: Segment | null = null
  previous: Segment | null = null
  /** Neighbours in the order of sending. */
  newer: Segment | null = null
  older: Segment | null = null
  isTimed = false

  constructor(start: number, end: number) {
    this.start = start
    this.end = end
  }

  /** Content bytes. */
  get length(): number {
    const { flags } = this
    const length = this.end - this.start
    if ((flags & (TCP_SYN | TCP_FIN)) === 0) return length
    return length - ((flags & TCP_SYN) === 0 ? 0 : 1) - ((flags & TCP_FIN) === 0 ? 0 : 1)
  }

  /** tcp_set_skb_tso_segs. */
  setCount(mss: number): void {
    const { length } = this
    this.mss = mss
    this.count = length <= mss ? 1 : Math.ceil(length / mss)
  }
}
