import { retransmitLimit } from './scale.ts'

export interface Broadcast {
  readonly content: Uint8Array
  /** A newer broadcast of the same name takes the place of this one. */
  readonly name?: string
  /** Called when it was sent as often as it is to be, or another took its place. */
  readonly finished?: () => void
}

/** Fields of one shape for all: a queue has a great many. */
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

/** Entries of one length, the newest last. */
class Group {
  readonly length: number
  private readonly entries: Entry[] = []
  /** Of the entries: to search them would take each out of memory. */
  private readonly ids: number[] = []

  constructor(length: number) {
    this.length = length
  }

  get isEmpty(): boolean {
    return this.entries.length === 0
  }

  get oldest(): Entry {
    return this.entries[0]!
  }

  add(entry: Entry): void {
    const at = this.olderThan(entry.id)
    this.entries.splice(at, 0, entry)
    this.ids.splice(at, 0, entry.id)
  }

  remove({ id }: Entry): void {
    const at = this.olderThan(id)
    this.entries.splice(at, 1)
    this.ids.splice(at, 1)
  }

  takeNewest(): Entry {
    this.ids.pop()
    return this.entries.pop()!
  }

  /** How many are older: the place of `id`. */
  private olderThan(id: number): number {
    const { ids } = this
    let [low, high] = [0, ids.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (ids[middle]! < id) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Entries that were sent equally often, by length, the longest first. No group is empty. */
type Tier = Group[]

/**
 * Messages to be passed on a limited number of times (memberlist's queue.go): those sent least often
 * first, of these the longest that fit, of these the newest. Messages have but a few lengths: none of the
 * lists is long, however many wait.
 */
export class BroadcastQueue {
  private readonly retransmitMult: number
  private readonly nodes: () => number
  /** By how often they were sent. */
  private readonly tiers: Tier[] = []
  private readonly named = new Map<string, Entry>()
  private lastId = 0
  private count = 0

  /** @param nodes how many there are now. */
  constructor(retransmitMult: number, nodes: () => number) {
    this.retransmitMult = retransmitMult
    this.nodes = nodes
  }

  get length(): number {
    return this.count
  }

  queue(broadcast: Broadcast): void {
    const { name } = broadcast
    const entry = new Entry(broadcast, ++this.lastId)
    if (name !== undefined) {
      const older = this.named.get(name)
      if (older !== undefined) {
        this.remove(older)
        older.finished?.()
      }
      this.named.set(name, entry)
    }
    this.insert(entry)
  }

  private insert(entry: Entry): void {
    const { transmits, length } = entry
    while (this.tiers.length <= transmits) this.tiers.push([])
    const tier = this.tiers[transmits]!
    const at = fitting(tier, length)
    if (tier[at]?.length !== length) tier.splice(at, 0, new Group(length))
    tier[at]!.add(entry)
    this.count++
  }

  private remove(entry: Entry): void {
    const tier = this.tiers[entry.transmits]!
    const at = fitting(tier, entry.length)
    tier[at]!.remove(entry)
    this.removed(tier, at)
  }

  /** One entry of a group is gone. */
  private removed(tier: Tier, at: number): void {
    if (tier[at]!.isEmpty) tier.splice(at, 1)
    this.count--
  }

  /** Takes what fits into `limit` bytes, when each message needs `overhead` bytes besides its own. */
  take(overhead: number, limit: number): Uint8Array[] {
    if (this.count === 0) return []
    const mostTransmits = retransmitLimit(this.retransmitMult, this.nodes())
    const taken: Entry[] = []
    let free = limit - overhead
    for (const tier of this.tiers) {
      while (free >= 0) {
        const at = fitting(tier, free)
        const group = tier[at]
        if (group === undefined) break
        const entry = group.takeNewest()
        this.removed(tier, at)
        taken.push(entry)
        free -= overhead + entry.length
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
    const dropped: Entry[] = []
    while (this.count > most) {
      const tier = this.tiers.findLast(({ length }) => length > 0)!
      const last = tier.at(-1)!.oldest
      this.remove(last)
      dropped.push(last)
    }
    for (const entry of dropped.reverse()) {
      if (entry.name !== undefined) this.named.delete(entry.name)
      entry.finished?.()
    }
  }
}

/** The place of the first group whose messages have at most `length` bytes. */
function fitting(tier: Tier, length: number): number {
  let [low, high] = [0, tier.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (tier[middle]!.length > length) low = middle + 1
    else high = middle
  }
  return low
}
