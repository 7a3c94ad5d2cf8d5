/** The last thousand events over all keys, for watchers that ask for a past index. */
import { EVENT_INDEX_CLEARED, V2Error } from './errors.ts'
import type { V2Event } from './event.ts'

const CAPACITY = 1000

export class EventHistory {
  /** A ring: the event of index n stands at n modulo its length. Every index has one event. */
  private ring: V2Event[] = []
  private lastIndex = 0

  private get startIndex(): number {
    return this.lastIndex - this.ring.length + (this.ring.length === 0 ? 0 : 1)
  }

  add(event: V2Event): void {
    const index = event.node.modifiedIndex
    if (this.ring.length < CAPACITY) this.ring.push(event)
    else this.ring[(index - 1) % CAPACITY] = event
    this.lastIndex = index
  }

  /**
   * The first event from `index` on that a watcher of `key` wants, or null if there is none yet.
   * Refused with 401 if `index` is no longer kept.
   *
   * @param storeIndex the store's index, for the error
   */
  scan(
    key: string,
    recursive: boolean,
    index: number,
    storeIndex: number,
  ): V2Event | null | V2Error {
    if (index < this.startIndex) {
      const window = `[${this.startIndex}/${index}]`
      const cause = `the requested history has been cleared ${window}`
      return new V2Error(EVENT_INDEX_CLEARED, cause, storeIndex)
    }
    for (let at = index; at <= this.lastIndex; at++) {
      const event = this.ring[(at - 1) % CAPACITY]!
      if (event.refresh !== true && concerns(event, key, recursive)) return event
    }
    return null
  }

  /** Oldest first. */
  events(): V2Event[] {
    const oldest = (this.startIndex - 1) % CAPACITY
    if (this.ring.length < CAPACITY) return [...this.ring]
    return [...this.ring.slice(oldest), ...this.ring.slice(0, oldest)]
  }

  restore(events: readonly V2Event[]): void {
    this.ring = Array.from(events)
    for (const event of events) this.ring[(event.node.modifiedIndex - 1) % CAPACITY] = event
    this.lastIndex = events.at(-1)?.node.modifiedIndex ?? 0
  }
}

function concerns(event: V2Event, key: string, recursive: boolean): boolean {
  const changed = event.node.key
  if (changed === key) return true
  if (recursive && changed.startsWith(key === '/' ? key : `${key}/`)) return true
  // A directory's end concerns all below it. etcd compares without a slash here: the end of /a
  // reaches a watcher of /ab too.
  const isEnd = event.action === 'delete' || event.action === 'expire'
  return isEnd && event.prevNode?.dir === true && key.startsWith(event.prevNode.key)
}
