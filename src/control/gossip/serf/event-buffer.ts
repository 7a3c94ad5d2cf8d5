import { LamportClock } from './lamport-clock.ts'
import type { EventContent, EventSlot, UserEventMessage } from './messages.ts'

/** User events that were seen, by Lamport time: each is delivered and passed on once. */
export class EventBuffer {
  readonly clock = new LamportClock()
  /** As it goes into a push/pull. */
  readonly slots: (EventSlot | null)[]
  /** Older events are not delivered. */
  private leastTime = 0

  constructor(size: number) {
    this.slots = Array.from({ length: size }, () => null)
  }

  ignoreBefore(time: number): void {
    this.leastTime = Math.max(this.leastTime, time)
  }

  /** @returns whether it is news: too old ones count as known. */
  add({ time, name, payload }: UserEventMessage): boolean {
    this.clock.witness(time)
    const size = this.slots.length
    if (time < this.leastTime) return false
    if (this.clock.time > size && time < this.clock.time - size) return false
    const at = time % size
    const slot = this.slots[at]
    const seen = slot?.time === time ? slot.events : []
    if (seen.some((event) => isSame(event, name, payload))) return false
    this.slots[at] = { time, events: [...seen, { name, payload }] }
    return true
  }
}

function isSame(event: EventContent, name: string, payload: Uint8Array): boolean {
  if (event.name !== name || event.payload.length !== payload.length) return false
  return payload.every((byte, i) => byte === event.payload[i])
}
