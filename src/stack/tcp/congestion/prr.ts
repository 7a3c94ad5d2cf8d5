/**
 * Proportional rate reduction (RFC 6937, with the choice between its two bounds that Linux makes in
 * tcp_cwnd_reduction): while a loss is repaired the window goes from what it was to `ssthresh` in the
 * measure in which segments are delivered. All counts are segments.
 */
export class Prr {
  private priorCwnd = 0
  private ssthresh = 0
  private delivered = 0
  private sent = 0

  /** A reduction begins. @param cwnd before it. @param ssthresh that it leads to. */
  start(cwnd: number, ssthresh: number): void {
    if (cwnd <= 0) throw new RangeError(`a reduction from a window of ${cwnd}`)
    this.priorCwnd = cwnd
    this.ssthresh = ssthresh
    this.delivered = 0
    this.sent = 0
  }

  /** Segments have left, first transmissions and others (prr_out). */
  onSent(segments: number): void {
    this.sent += segments
  }

  /**
   * @param newlyDelivered that the ACK acknowledges or selectively acknowledges for the first time.
   * @param newlyLost that were marked lost on this ACK.
   * @param inFlight after the ACK was taken in.
   * @param isUnaAdvanced whether the cumulative acknowledgement moved on.
   * @returns the window from here on; -1 when the ACK delivers nothing, so that it changes nothing.
   */
  onAck(
    newlyDelivered: number,
    newlyLost: number,
    inFlight: number,
    isUnaAdvanced: boolean,
  ): number {
    if (newlyDelivered <= 0) return -1
    this.delivered += newlyDelivered
    const room = this.ssthresh - inFlight
    let count: number
    if (room < 0) {
      count = Math.ceil((this.ssthresh * this.delivered) / this.priorCwnd) - this.sent
    } else {
      count = Math.max(this.delivered - this.sent, newlyDelivered)
      // Only while the repair makes progress is it as fast as slow start.
      if (isUnaAdvanced && newlyLost === 0) count++
      count = Math.min(room, count)
    }
    // The first ACK of a recovery always sends its fast retransmission.
    return inFlight + Math.max(count, this.sent === 0 ? 1 : 0)
  }
}
