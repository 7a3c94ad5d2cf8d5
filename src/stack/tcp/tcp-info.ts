/** What a connection counts (struct tcp_info); counters since it began. Times are picoseconds. */
export interface TcpInfo {
  readonly congestion: string
  /** Congestion state: 0 Open, 1 Disorder, 2 CWR, 3 Recovery, 4 Loss. */
  readonly caState: number
  /** Segments. */
  readonly cwnd: number
  readonly ssthresh: number
  readonly srtt: number
  readonly rttvar: number
  readonly minRtt: number
  readonly rto: number
  /** Timeouts in a row. */
  readonly backoff: number
  /** Bytes. */
  readonly pmtu: number
  readonly sndMss: number
  readonly advMss: number
  readonly rcvMss: number
  /** What the receiver reads in a round trip, bytes: from it the buffer is sized. */
  readonly rcvSpace: number
  readonly rcvBuffer: number
  readonly sndBuffer: number
  readonly sndWindow: number
  readonly rcvWindow: number
  readonly rcvSsthresh: number
  readonly reordering: number
  /** How often segments were seen to overtake each other. */
  readonly reorderingSeen: number
  readonly bytesSent: number
  readonly bytesAcked: number
  readonly bytesReceived: number
  readonly bytesRetransmitted: number
  readonly segsOut: number
  readonly segsIn: number
  readonly dataSegsOut: number
  readonly dataSegsIn: number
  /** Segments sent again. */
  readonly retransmits: number
  /** Segments in flight, told to have arrived, taken for lost, sent again. */
  readonly unacked: number
  readonly sacked: number
  readonly lostOut: number
  readonly retransOut: number
  /** Segments that have arrived, and that were ever taken for lost. */
  readonly delivered: number
  readonly lost: number
  readonly dsackDups: number
  readonly outOfOrder: number
  /** Timeouts, and how many of the reductions were taken back. */
  readonly timeouts: number
  readonly undone: number
  /** Time with data to send, and of it: held by the peer's window, by the send buffer. */
  readonly busyTime: number
  readonly rwndLimited: number
  readonly sndbufLimited: number
  /** The rest of the busy time: neither of the two. */
  readonly cwndLimited: number
}

const CHRONO_NONE = 0
export const CHRONO_BUSY = 1
export const CHRONO_RWND = 2
export const CHRONO_SNDBUF = 3

/** Which of its limits a sender meets (enum tcp_chrono): the most serious one counts at a time. */
export class Chronograph {
  private type = CHRONO_NONE
  private since = 0
  private readonly spent = new Float64Array(4)

  /** @param now picoseconds. */
  start(type: number, now: number): void {
    if (type > this.type) this.set(type, now)
  }

  /** The limit is over; while there is data the sender stays busy. */
  stop(type: number, hasData: boolean, now: number): void {
    if (!hasData) this.set(CHRONO_NONE, now)
    else if (type === this.type) this.set(CHRONO_BUSY, now)
  }

  private set(type: number, now: number): void {
    if (type === this.type) return
    this.spent[this.type]! += now - this.since
    this.type = type
    this.since = now
  }

  /** Picoseconds spent so by now. */
  total(type: number, now: number): number {
    return this.spent[type]! + (type === this.type ? now - this.since : 0)
  }
}
