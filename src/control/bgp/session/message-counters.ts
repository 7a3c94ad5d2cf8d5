import { MESSAGE } from '../wire/message.ts'

/** Messages of all connections with a peer, as `show bgp summary` counts them. */
export class MessageCounters {
  sent = 0
  received = 0
  updatesSent = 0
  updatesReceived = 0

  /** @param type octet of the header. */
  countSent(type: number): void {
    this.sent++
    if (type === MESSAGE.update) this.updatesSent++
  }

  countReceived(isUpdate: boolean): void {
    this.received++
    if (isUpdate) this.updatesReceived++
  }
}
