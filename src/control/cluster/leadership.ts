import type { Simulator } from '../../sim/simulator.ts'
import type { Role } from '../raft/types.ts'

/** Who leads a cluster over the run, as its members see themselves. */
export class Leadership {
  /** Times that a member became leader. */
  elections = 0
  /** Times that a member asked for votes. */
  campaigns = 0
  private readonly simulator: Simulator
  private readonly leaders = new Set<string>()
  /** Since when nobody leads; null while somebody does. */
  private leaderlessSince: number | null = 0
  private leaderlessBefore = 0
  private longest = 0

  constructor(simulator: Simulator) {
    this.simulator = simulator
  }

  /** A member has changed its role; null = its program has ended. */
  note(member: string, role: Role | null): void {
    if (role === 'leader') {
      this.elections++
      this.leaders.add(member)
      this.endGap()
      return
    }
    if (role === 'candidate') this.campaigns++
    if (this.leaders.delete(member) && this.leaders.size === 0) {
      this.leaderlessSince = this.simulator.now
    }
  }

  private endGap(): void {
    if (this.leaderlessSince === null) return
    const gap = this.simulator.now - this.leaderlessSince
    this.leaderlessBefore += gap
    this.longest = Math.max(this.longest, gap)
    this.leaderlessSince = null
  }

  private get gap(): number {
    return this.leaderlessSince === null ? 0 : this.simulator.now - this.leaderlessSince
  }

  /** Picoseconds without a leader, from the start of the run. */
  get leaderless(): number {
    return this.leaderlessBefore + this.gap
  }

  /** The longest time at a stretch, picoseconds. */
  get longestLeaderless(): number {
    return Math.max(this.longest, this.gap)
  }
}
