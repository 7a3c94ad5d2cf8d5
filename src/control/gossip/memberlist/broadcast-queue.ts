import { retransmitLimit } from './scale.ts'

export interface Broadcast {
  readonly content: Uint8Array
  /** A newer broadcast of the same name takes the place of this one. */
  readonly name?: string
  /** Called when it was sent as often as it is to be, or another took its place. */
  readonly finished?: () => void
}

interface Entry extends Broadcast {
  readonly id: number
  transmits: number
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
    const entry = { ...broadcast, id: ++this.lastId, transmits: 0 }
    if (name !== undefined) {
      const older = this.named.get(name)
      if (older !== undefined) {
        this.entries.splice(this.entries.indexOf(older), 1)
        older.finished?.()
      }
      this.named.set(name, entry)
    }
    this.insert(entry)
  }

  private insert(entry: Entry): void {
    let [low, high] = [0, this.entries.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (comesBefore(this.entries[middle]!, entry)) low = middle + 1
      else high = middle
    }
    this.entries.splice(low, 0, entry)
  }

  /** Takes what fits into `limit` bytes, when each message needs `overhead` bytes besides its own. */
  take(overhead: number, limit: number): Uint8Array[] {
    if (this.entries.length === 0) return []
    const mostTransmits = retransmitLimit(this.retransmitMult, this.nodes())
    const [taken, rest]: [Entry[], Entry[]] = [[], []]
    let free = limit - overhead
    for (const entry of this.entries) {
      if (entry.content.length > free) rest.push(entry)
      else {
        taken.push(entry)
        free -= overhead + entry.content.length
      }
    }
    this.entries = rest
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

function comesBefore(a: Entry, b: Entry): boolean {
  if (a.transmits !== b.transmits) return a.transmits < b.transmits
  const [length, other] = [a.content.length, b.content.length]
  return length === other ? a.id > b.id : length > other
}
