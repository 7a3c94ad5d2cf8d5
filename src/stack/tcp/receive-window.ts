/** Bits of `scalingRatio` (TCP_RMEM_TO_WIN_SCALE). */
const RATIO_BITS = 8
/** SOCK_MIN_RCVBUF / 2, bytes. */
const CLAMP_MIN = 1152

/**
 * The receive buffer, the window that is offered from it, and the measuring of what the application
 * reads, by which the buffer grows (dynamic right-sizing). Sizes are bytes, times microseconds.
 */
export class ReceiveWindow {
  /** sk_rcvbuf, of truesize. */
  buffer: number
  /** The share of the buffer's memory that is content, in 1/256: as received segments showed it. */
  scalingRatio = 1 << (RATIO_BITS - 1)
  /** What is offered at most: by the buffer, and by how much the sender has proved (slow start). */
  clamp = 0
  ssthresh = 0
  /** The window that was offered last (rcv_wnd), and `rcvNxt` then (rcv_wup). */
  offered = 0
  offeredAt = 0
  /** Read in a round trip (rcvq_space), since when and from which offset that is measured. */
  space = 0
  spaceTime = 0
  spaceSeq = 0
  /** Round trip as the receiver sees it: eighths of a microsecond, 0 = not known. */
  rtt8 = 0
  /** Offset and time at which the present measurement without timestamps ends, and began. */
  private rttSeq = 0
  private rttTime = -1

  constructor(buffer: number) {
    this.buffer = buffer
  }

  /** tcp_win_from_space: the content for which so much memory has room. */
  contentOf(space: number): number {
    return Math.floor((space * this.scalingRatio) / (1 << RATIO_BITS))
  }

  /** tcp_space_from_win. */
  memoryOf(content: number): number {
    return Math.floor((content * (1 << RATIO_BITS)) / this.scalingRatio)
  }

  /** What a segment of `length` bytes costs tells how much of the buffer is content. */
  setRatio(length: number, truesize: number): void {
    const ratio = Math.floor((length * (1 << RATIO_BITS)) / truesize)
    if (ratio === this.scalingRatio) return
    this.scalingRatio = Math.max(Math.min(ratio, 255), 1)
    this.setClamp(Math.max(this.contentOf(this.buffer), CLAMP_MIN))
    if (this.clamp < this.space) this.space = this.clamp
  }

  /** tcp_set_window_clamp. */
  private setClamp(clamp: number): void {
    if (clamp < this.clamp) this.ssthresh = Math.min(this.ssthresh, clamp)
    else this.ssthresh = Math.max(this.ssthresh, Math.min(this.offered, clamp))
    this.clamp = clamp
  }

  /** tcp_rcv_rtt_update. @param isRough a window's time, of which only the least counts. */
  sampleRtt(microseconds: number, isRough: boolean, isQueueEmpty: boolean): void {
    const sample8 = microseconds * 8
    if (this.rtt8 === 0 || sample8 < this.rtt8) this.rtt8 = sample8
    else if (!isRough && isQueueEmpty) this.rtt8 += microseconds - Math.floor(this.rtt8 / 8)
  }

  /** Measures without timestamps how long a window's worth of data takes (tcp_rcv_rtt_measure). */
  measureRtt(rcvNxt: number, now: number): void {
    if (this.rttTime >= 0) {
      if (rcvNxt < this.rttSeq) return
      this.sampleRtt(Math.max(now - this.rttTime, 1), true, false)
    }
    this.rttSeq = rcvNxt + this.offered
    this.rttTime = now
  }

  /**
   * Sizes the buffer for a sender that may double its rate (tcp_rcvbuf_grow).
   * @param perRtt bytes that a round trip brings. @param beyond bytes that lie beyond a hole.
   */
  grow(perRtt: number, beyond: number, most: number): void {
    const before = this.space
    this.space = perRtt
    let content = 2 * perRtt
    if (before > 0) content += 2 * Math.floor((content * (perRtt - before)) / before)
    const buffer = Math.min(this.memoryOf(content + beyond), most)
    if (buffer <= this.buffer) return
    this.buffer = buffer
    this.clamp = this.contentOf(buffer)
  }
}
