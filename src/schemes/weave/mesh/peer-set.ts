/**
 * Peers by their indexes in the pool of records, in the order in which they were added. What waits on each of
 * a router's connections is one such set, to which all news are added: a set of names takes ten times as long.
 */
export class PeerSet {
  private readonly list: number[] = []
  private members: Uint8Array

  /** @param capacity indexes that it is made for; it grows beyond if need be. */
  constructor(capacity = 0) {
    this.members = new Uint8Array(capacity)
  }

  get size(): number {
    return this.list.length
  }

  get indexes(): readonly number[] {
    return this.list
  }

  add(index: number): void {
    if (this.members[index] === 1) return
    if (index >= this.members.length) {
      const grown = new Uint8Array(Math.max(index + 1, 2 * this.members.length))
      grown.set(this.members)
      this.members = grown
    }
    this.members[index] = 1
    this.list.push(index)
  }

  addAll(others: PeerSet): void {
    for (const index of others.list) this.add(index)
  }
}
