/** Stores that break one promise each, made of other parts than sound ones. */
import { type MemberParts, SOUND_PARTS } from '../../src/control/cluster/parts.ts'
import { Durable } from '../../src/control/raft/durable.ts'
import { Raft } from '../../src/control/raft/raft.ts'
import type { Entry, ReadState, Ready, Write } from '../../src/control/raft/types.ts'

const NOTHING: Ready = { write: null, messages: [], install: null, committed: [], reads: [] }

/** A leader applies entries, and so acknowledges them, as it appends them: no other member has them. */
class AcknowledgesEarly extends Raft {
  private early = 0

  override takeReady(): Ready | null {
    const ready = super.takeReady()
    if (ready === null) return null
    const { install, write } = ready
    if (install !== null) this.early = Math.max(this.early, install.index)
    const committed: Entry[] = []
    const appended = this.role === 'leader' ? (write?.entries ?? []) : []
    for (const entry of [...ready.committed, ...appended]) {
      if (entry.index <= this.early) continue
      // What was there before it led waits for its commit.
      if (this.early > 0 && entry.index > this.early + 1) break
      this.early = entry.index
      committed.push(entry)
    }
    return { ...ready, committed }
  }

  override snapshotDue(applied: number): boolean {
    return applied <= this.applied && super.snapshotDue(applied)
  }
}

/** A leader answers reads without asking whether it still is one (no ReadIndex). */
class ReadsUnconfirmed extends Raft {
  private unconfirmed: ReadState[] = []

  override readIndex(context: string, now: number): boolean {
    if (this.role !== 'leader') return super.readIndex(context, now)
    this.unconfirmed.push({ context, index: this.commit })
    return true
  }

  override takeReady(): Ready | null {
    const ready = super.takeReady()
    const reads = this.unconfirmed
    if (reads.length === 0) return ready
    this.unconfirmed = []
    return { ...(ready ?? NOTHING), reads: [...(ready?.reads ?? []), ...reads] }
  }
}

/** Keeps the log and the term, but not for whom it voted. */
class ForgetsVotes extends Durable {
  override apply(write: Write): void {
    const { hardState } = write
    super.apply({ ...write, hardState: hardState && { ...hardState, vote: null } })
  }
}

export const ACKNOWLEDGES_EARLY: MemberParts = {
  ...SOUND_PARTS,
  raft: (...of) => new AcknowledgesEarly(...of),
}
export const READS_UNCONFIRMED: MemberParts = {
  ...SOUND_PARTS,
  raft: (...of) => new ReadsUnconfirmed(...of),
}
export const FORGETS_VOTES: MemberParts = { ...SOUND_PARTS, durable: () => new ForgetsVotes() }
