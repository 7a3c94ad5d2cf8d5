/** What an ACK says and what came of it (FLAG_*). */
export const HAS_DATA = 1
export const WINDOW_UPDATED = 2
export const DATA_ACKED = 4
export const RETRANSMISSION_ACKED = 8
export const SYN_ACKED = 0x10
export const DATA_SACKED = 0x20
export const RETRANSMISSION_LOST = 0x80
/** The segment did not pass by header prediction: window and options are to be looked at. */
export const SLOW_PATH = 0x100
/** Data that was never sent again has arrived. */
export const ORIGINAL_ACKED = 0x200
export const UNA_ADVANCED = 0x400
export const DSACKED = 0x800
export const SET_TIMER = 0x1000
export const RENEGING = 0x2000
export const UPDATE_TIMESTAMP = 0x4000
/** The loss probe was reported as a duplicate. */
export const PROBE_DSACKED = 0x20000

export const ANY_ACKED = DATA_ACKED | SYN_ACKED
export const NOT_DUPLICATE = HAS_DATA | WINDOW_UPDATED | ANY_ACKED
export const ALERT = DATA_SACKED | DSACKED
export const PROGRESS = ANY_ACKED | DATA_SACKED

/** What to send after an ACK: nothing more, what is lost, or new data first (REXMIT_*). */
const RESEND_NONE = 0
export const RESEND_LOST = 1
export const RESEND_NEW = 2

/** Scratch of one ACK's processing. Times are microseconds; -1 = none. */
export class AckWork {
  flags = 0
  /** `sndUna` and the highest selectively acknowledged offset before. */
  priorUna = 0
  priorHighest = 0
  /** Lowest offset that arrived late, behind others. */
  reordered = 0
  firstSackedAt = -1
  lastSackedAt = -1
  /** Segments that SACK blocks and duplicates report for the first time. */
  sackDelivered = 0
  /** `delivered` when the latest of the acknowledged segments was sent; 0 = not known. */
  priorDelivered = 0
  latestSentAt = -1
  resend = RESEND_NONE
  /** Round trip of the latest segment covered, -1 = none. */
  rtt = -1

  begin(flags: number, una: number, highest: number, next: number): void {
    this.flags = flags
    this.priorUna = una
    this.priorHighest = highest
    this.reordered = next
    this.firstSackedAt = -1
    this.lastSackedAt = -1
    this.sackDelivered = 0
    this.priorDelivered = 0
    this.latestSentAt = -1
    this.resend = RESEND_NONE
    this.rtt = -1
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0
  }

  /** A segment has arrived for the first time (tcp_rate_skb_delivered). */
  noteDelivered(sentAt: number, delivered: number): void {
    if (sentAt < this.latestSentAt) return
    this.latestSentAt = sentAt
    this.priorDelivered = delivered
  }
}
