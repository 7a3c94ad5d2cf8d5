import type { Clock, Timing } from './timing.ts'

/** How many of so many members are a majority. */
export function quorumOf(members: number): number {
  return Math.floor(members / 2) + 1
}

/** The votes of one candidacy; a member's first answer counts. */
export class Tally {
  private readonly votes = new Map<string, boolean>()
  private readonly quorum: number

  constructor(members: number) {
    this.quorum = quorumOf(members)
  }

  record(from: string, granted: boolean): 'won' | 'lost' | null {
    if (!this.votes.has(from)) this.votes.set(from, granted)
    let grants = 0
    for (const each of this.votes.values()) if (each) grants++
    if (grants >= this.quorum) return 'won'
    return this.votes.size - grants >= this.quorum ? 'lost' : null
  }
}

/** How long a member waits for its leader, or for its candidacy to end. */
export class ElectionTimer {
  deadline = 0
  private readonly timing: Timing
  private readonly clock: Clock
  private waitingSince = 0
  private patience = 0

  constructor(timing: Timing, clock: Clock, now: number) {
    this.timing = timing
    this.clock = clock
    this.redraw(now)
  }

  /** A new role or term begins. */
  redraw(now: number): void {
    this.waitingSince = now
    this.patience = this.clock.draw(this.timing.election)
    this.deadline = this.clock.after(now, this.patience)
  }

  /** The leader gave a sign, or this member its vote. */
  restart(now: number): void {
    this.waitingSince = now
    if (!this.timing.electionPolled) this.deadline = this.clock.after(now, this.patience)
  }

  /** The deadline has come, but the leader was heard meanwhile: true, and the clock runs anew. */
  runsOn(now: number): boolean {
    const { electionPolled, election } = this.timing
    if (!electionPolled || now - this.waitingSince >= election.low) return false
    this.deadline = this.clock.after(now, this.clock.draw(election))
    return true
  }

  /** The leader was heard so lately that candidates are ignored. */
  hasHeard(now: number): boolean {
    return now < this.clock.after(this.waitingSince, this.timing.voteLease)
  }
}
