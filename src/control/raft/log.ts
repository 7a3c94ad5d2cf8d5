import type { Append, AppendResponse, Entry, Restored } from './types.ts'

/**
 * The log of one member in memory. Entries up to `offset` are gone; the term of that last one is
 * kept, since the next entry's append must name it.
 */
export class RaftLog {
  commit: number
  /** Handed out for applying. */
  applied: number
  /** Durable here, as far as the disk has said. */
  stable: number
  /** The first entry that no write has carried yet. */
  unwritten: number

  private offset: number
  private offsetTerm: number
  private readonly entries: Entry[]

  constructor({ hardState, snapshot, entries }: Restored) {
    this.offset = snapshot?.index ?? 0
    this.offsetTerm = snapshot?.term ?? 0
    this.entries = entries.filter(({ index }) => index > this.offset)
    const first = this.entries[0]
    if (first !== undefined && first.index !== this.offset + 1) {
      throw new Error(`log begins at ${first.index}, but the snapshot ends at ${this.offset}`)
    }
    this.applied = this.offset
    this.commit = Math.max(hardState.commit, this.offset)
    this.stable = this.lastIndex
    this.unwritten = this.lastIndex + 1
  }

  get firstIndex(): number {
    return this.offset + 1
  }

  get lastIndex(): number {
    return this.offset + this.entries.length
  }

  get lastTerm(): number {
    return this.entries.at(-1)?.term ?? this.offsetTerm
  }

  /** undefined: compacted away, or not there yet. */
  termAt(index: number): number | undefined {
    if (index === this.offset) return this.offsetTerm
    return this.entries[index - this.offset - 1]?.term
  }

  /** The entries from `low` to `high`, both included; `low` is not below the first index. */
  slice(low: number, high: number): Entry[] {
    return this.entries.slice(low - this.offset - 1, high - this.offset)
  }

  at(index: number): Entry | undefined {
    return this.entries[index - this.offset - 1]
  }

  push(entry: Entry): void {
    this.entries.push(entry)
  }

  /** A leader's append: what to answer, or why this log can follow no leader any more. */
  accept(append: Append): Pick<AppendResponse, 'index' | 'rejected'> | string {
    const { index, logTerm, entries, commit } = append
    if (index < this.commit) return { index: this.commit }
    if (this.termAt(index) !== logTerm) {
      const { index: hint, term: hintTerm } = this.lastNotAbove(index, logTerm)
      return { index, rejected: { hint, hintTerm } }
    }
    const conflict = this.merge(entries)
    if (conflict > 0) {
      return `entry ${conflict} conflicts with a committed one (commit ${this.commit})`
    }
    const last = index + entries.length
    this.commit = Math.max(this.commit, Math.min(commit, last))
    return { index: last }
  }

  /**
   * Entries that are there already stay, the first that differs ends the log. Returns the index of
   * a committed entry that they contradict, which must never be; else 0.
   */
  private merge(entries: readonly Entry[]): number {
    for (let i = 0; i < entries.length; i++) {
      const { index, term } = entries[i]!
      const present = this.termAt(index)
      if (present === term) continue
      if (index <= this.commit) return index
      if (present !== undefined) this.truncate(index)
      for (; i < entries.length; i++) this.entries.push(entries[i]!)
    }
    return 0
  }

  private truncate(from: number): void {
    this.entries.length = from - this.offset - 1
    this.stable = Math.min(this.stable, from - 1)
    this.unwritten = Math.min(this.unwritten, from)
  }

  /** The last entry up to `index` whose term is not above `term`: both logs may agree there. */
  lastNotAbove(index: number, term: number): { index: number; term: number } {
    let at = Math.min(index, this.lastIndex)
    while (at > this.offset && this.termAt(at)! > term) at--
    return { index: at, term: this.termAt(at) ?? 0 }
  }

  /** Forgets entries up to `index`, which a snapshot covers. */
  compact(index: number): void {
    const term = this.termAt(index)
    if (index <= this.offset || term === undefined) return
    this.entries.splice(0, index - this.offset)
    this.offset = index
    this.offsetTerm = term
  }

  /** A leader's snapshot takes the place of everything. */
  reset(index: number, term: number): void {
    this.entries.length = 0
    this.offset = index
    this.offsetTerm = term
    this.commit = index
    this.applied = index
    // Nothing here counts as durable before the disk has said so.
    this.stable = 0
    this.unwritten = index + 1
  }
}
