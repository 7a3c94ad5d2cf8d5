import type { Entry, HardState, Restored, Snapshot, Write } from './types.ts'

/** The content of a member's disk: its hard state, its last snapshot and the log after it. */
export class Durable {
  private hardState: HardState = { term: 0, vote: null, commit: 0 }
  private snapshot: Snapshot | null = null
  private entries: Entry[] = []

  /** Writes reach it in the order of their ids. */
  apply({ hardState, snapshot, entries }: Write): void {
    if (hardState !== null) this.hardState = hardState
    if (snapshot !== null) this.save(snapshot)
    const [first] = entries
    if (first === undefined) return
    const base = this.entries[0]?.index ?? first.index
    if (first.index > base + this.entries.length) {
      throw new Error(`write begins at entry ${first.index}, log ends before`)
    }
    this.entries.length = Math.max(0, first.index - base)
    for (const entry of entries) this.entries.push(entry)
  }

  private save(snapshot: Snapshot): void {
    const base = this.entries[0]?.index ?? 1
    const covered = this.entries[snapshot.index - base]
    // A snapshot of a leader whose log ours contradicts takes the place of all of it.
    if (covered?.term === snapshot.term) this.entries.splice(0, snapshot.index - base + 1)
    else this.entries = []
    this.snapshot = snapshot
  }

  restored(): Restored {
    const { hardState, snapshot, entries } = this
    return { hardState, snapshot, entries: [...entries] }
  }
}
