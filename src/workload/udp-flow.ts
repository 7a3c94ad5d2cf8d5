import type { UdpSocket } from '../stack/udp-socket.ts'
import { OutageMeter } from './outage.ts'
import { DUPLICATE, REORDERED, SequenceTracker } from './sequence-tracker.ts'

/** One UDP flow, both ends: the sender's socket and what the receiver knows of it. */
export class UdpFlow {
  /** The next packet's stamp: packet number times the number of flows, plus the flow's number. */
  nextStamp: number
  socket: UdpSocket | null = null
  /** Interarrival jitter, picoseconds, of `jitterSamples` differences. */
  jitter = 0
  jitterSamples = 0
  private lastTransit = -1
  private readonly tracker = new SequenceTracker()
  private readonly number: number
  private readonly flows: number

  /** @param number of the flow among all `flows` of its workload. */
  constructor(number: number, flows: number) {
    this.number = number
    this.flows = flows
    this.nextStamp = number
  }

  takeStamp(): number {
    const stamp = this.nextStamp
    this.nextStamp = stamp + this.flows
    return stamp
  }

  /** The packet of the latest stamp was not sent. */
  returnStamp(): void {
    this.nextStamp -= this.flows
  }

  record(stamp: number): ReturnType<SequenceTracker['record']> {
    return this.tracker.record((stamp - this.number) / this.flows)
  }

  /** RFC 3550 6.4.1: a sixteenth of each change of the transit time, in order of arrival. */
  noteTransit(transit: number): void {
    if (this.lastTransit >= 0) {
      const change = transit - this.lastTransit
      this.jitter += ((change < 0 ? -change : change) - this.jitter) / 16
      this.jitterSamples++
    }
    this.lastTransit = transit
  }
}

/** What the packets of one pair came to. */
export class DeliveryCount {
  sent = 0
  delivered = 0
  duplicates = 0
  reordered = 0
  misdelivered = 0
  sentInWindow = 0
  deliveredInWindow = 0
  firstSentAt = -1
  firstDeliveredAt = -1
  lastSentAt = -1
  readonly outages = new OutageMeter()

  get firstPacketLatency(): number | null {
    return this.firstDeliveredAt < 0 ? null : this.firstDeliveredAt - this.firstSentAt
  }

  /** @param sentAt when the packet was sent. @returns whether this is the first copy. */
  note(arrival: ReturnType<SequenceTracker['record']>, now: number, sentAt: number): boolean {
    if (arrival === DUPLICATE) {
      this.duplicates++
      return false
    }
    if (arrival === REORDERED) this.reordered++
    if (this.delivered++ === 0) this.firstDeliveredAt = now
    this.outages.arrived(sentAt)
    return true
  }
}
