import { retransmitLimit } from './scale.ts'

export interface Broadcast {
  readonly content: Uint8Array
  /** A newer broadcast of the same name takes the place of this one. */
  readonly name?: string
  /** Called when it was sent as often as it is to be, or another took its place. */
  readonly finished?: () => void
}

/** Fields of one shape for all: a queue compares a great many. */
class Entry {
  readonly content: Uint8Array
  readonly name: string | undefined
  readonly finished: (() => void) | undefined
  readonly length: number
  readonly id: number
  transmits = 0

  constructor({ content, name, finished }: Broadcast, id: number) {
    this.content = content
    this.name = name
    this.finished = finished
    this.length = content.length
    this.id = id
  }
}

/**
 * Messages to be passed on a limited number of times (memberlist's queue.go): those sent least often
 * first, of these the longest that fit, of these the newest.
 */
export class BroadcastQueue {
  private readonly retransmitMult: number
  private readonly nodes: () => number
  /** In the order in which they are to be sent. */
  private entries: Entry[] = []
  private readonly named = new Map<string, Entry>()
  private lastId = 0

  /** @param nodes how many there are now. */
  constructor(retransmitMult: number, nodes: () => number) {
    this.retransmitMult = retransmitMult
    this.nodes = nodes
  }

  get length(): number {
    return this.entries.length
  }

  queue(broadcast: Broadcast): void {
    const { name } = broadcast
    const entry = new Entry(broadcast, ++this.lastId)
    if (name !== undefined) {
      const older = this.named.get(name)
      if (older !== undefined) {
        this.entries.splice(this.placeOf(older), 1)
        older.finished?.()
      }
      this.named.set(name, entry)
    }
    this.insert(entry)
  }

  private insert(entry: Entry): void {
    this.entries.splice(this.placeOf(entry), 0, entry)
  }

  private placeOf({ transmits, length, id }: Entry): number {
    return this.search(transmits, length, id, 0)
  }

  /** The first place, from `from` on, of one that does not come before what was sent so often. */
  private search(transmits: number, length: number, id: number, from: number): number {
    let [low, high] = [from, this.entries.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const entry = this.entries[middle]!
      const isBefore =
        entry.transmits !== transmits
          ? entry.transmits < transmits
          : entry.length !== length
            ? entry.length > length
            : entry.id > id
      if (isBefore) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Takes what fits into `limit` bytes, when each message needs `overhead` bytes besides its own. */
  take(overhead: number, limit: number): Uint8Array[] {
    if (this.entries.length === 0) return []
    const mostTransmits = retransmitLimit(this.retransmitMult, this.nodes())
    const taken: Entry[] = []
    let free = limit - overhead
    let at = 0
    while (free >= 0) {
      const entry = this.entries[at]
      if (entry === undefined) break
      const { content, transmits } = entry
      if (content.length > free) at = this.search(transmits, free, Infinity, at)
      else {
        this.entries.splice(at, 1)
        taken.push(entry)
        free -= overhead + content.length
      }
    }
    for (const entry of taken) this.sent(entry, mostTransmits)
    return taken.map(({ content }) => content)
  }

  private sent(entry: Entry, mostTransmits: number): void {
    if (++entry.transmits < mostTransmits) return this.insert(entry)
    if (entry.name !== undefined) this.named.delete(entry.name)
    entry.finished?.()
  }

  /** Drops those sent most often until `most` are left. */
  prune(most: number): void {
    for (const entry of this.entries.splice(most)) {
      if (entry.name !== undefined) this.named.delete(entry.name)
      entry.finished?.()
    }
  }
}
