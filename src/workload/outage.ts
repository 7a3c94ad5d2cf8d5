/** A time in which nothing that was sent arrived; picoseconds. */
export interface Outage {
  /** When the last packet before it was sent that arrived; of the first packet, where none did. */
  readonly from: number
  /** When the next one was sent that arrived; null when none did to the end. */
  readonly to: number | null
}

/** Finds the longest outage of one sender, from when the packets were sent that arrived. */
export class OutageMeter {
  private first = -1
  private latest = -1
  private longest: Outage | null = null

  /** A packet was sent. */
  sent(now: number): void {
    if (this.first < 0) this.first = now
  }

  /** A packet has arrived. @param sentAt when it was sent. */
  arrived(sentAt: number): void {
    const from = this.latest < 0 ? this.first : this.latest
    if (sentAt <= this.latest) return
    this.latest = sentAt
    if (sentAt - from > lengthOf(this.longest, sentAt)) this.longest = { from, to: sentAt }
  }

  /** @param lastSent when the last packet was sent. */
  result(lastSent: number): Outage | null {
    if (this.first < 0) return null
    const from = this.latest < 0 ? this.first : this.latest
    const open = lastSent - from
    if (open > lengthOf(this.longest, lastSent)) return { from, to: null }
    return this.longest
  }
}

/** What a workload reports. */
export interface OutageResult {
  /** The longest time in which nothing that one of its senders sent arrived; 0 where nothing was lost. */
  readonly stall: number
  readonly outage: Outage | null
}

/** Of several senders the longest. */
export function outageResult(
  senders: readonly { readonly outage: Outage | null; readonly lastSentAt: number }[],
): OutageResult {
  let longest: OutageResult = { stall: 0, outage: null }
  for (const { outage, lastSentAt } of senders) {
    const stall = lengthOf(outage, lastSentAt)
    if (stall > longest.stall) longest = { stall, outage }
  }
  return longest
}

/** Of one that is not over: up to `now`. */
function lengthOf(outage: Outage | null, now: number): number {
  return outage === null ? 0 : (outage.to ?? now) - outage.from
}
