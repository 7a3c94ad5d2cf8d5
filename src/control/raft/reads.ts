/** A read that waits for the leader to be sure that it still is one; `from` is null for its own. */
interface PendingRead {
  readonly context: string
  readonly from: string | null
}

interface RoundRead extends PendingRead {
  readonly index: number
  readonly round: number
}

export type ConfirmedRead = Omit<RoundRead, 'round'>

/**
 * Linearizable reads of a leader (ReadIndex, Raft dissertation 6.4). A round of heartbeats that
 * begins after a read and that a quorum answers proves that no later leader existed before it.
 */
export class ReadQueue {
  /** The last round that was sent. */
  round = 0
  /** A read waits for a round that is not sent yet. */
  wantsRound = false
  private waiting: RoundRead[] = []
  /** Came before the leader committed in its term: it may not know of all commits yet. */
  private early: PendingRead[] = []

  postpone(read: PendingRead): void {
    this.early.push(read)
  }

  add({ context, from }: PendingRead, commit: number): void {
    this.waiting.push({ context, from, index: commit, round: this.round + 1 })
    this.wantsRound = true
  }

  /** The leader has committed in its term. */
  admit(commit: number): void {
    for (const read of this.early) this.add(read, commit)
    this.early = []
  }

  begin(): void {
    this.wantsRound = false
    this.round++
  }

  /** A quorum has answered the rounds up to `round`. */
  confirm(round: number): ConfirmedRead[] {
    let count = 0
    while (count < this.waiting.length && this.waiting[count]!.round <= round) count++
    return count === 0 ? [] : this.waiting.splice(0, count)
  }

  /** The leader's own reads that can no longer be confirmed. */
  abandoned(): string[] {
    return [...this.waiting, ...this.early]
      .filter(({ from }) => from === null)
      .map(({ context }) => context)
  }
}
