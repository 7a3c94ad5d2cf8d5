import type { Simulator } from '../../sim/simulator.ts'
import type { Role } from '../raft/types.ts'

/** A time for which a member took itself for the leader; two may do so at once, in different terms. */
export interface Reign {
  readonly leader: string
  /** Picoseconds. */
  readonly from: number
  /** Null = it leads still. */
  until: number | null
}

/** Who leads a cluster over the run, as its members see themselves. */
export class Leadership {
  /** In the order in which they began. */
  readonly reigns: readonly Reign[]
  /** Times that a member asked for votes. */
  campaigns = 0
  private readonly begun: Reign[] = []
  private readonly simulator: Simulator
  private readonly current = new Map<string, Reign>()
  /** Since when nobody leads; null while somebody does. */
  private leaderlessSince: number | null = 0
  private leaderlessBefore = 0
  private longest = 0

  constructor(simulator: Simulator) {
    this.simulator = simulator
    this.reigns = this.begun
  }

  /** Times that a member became leader. */
  get elections(): number {
    return this.begun.length
  }

  /** A member has changed its role or, as leader, its term; null = its program has ended. */
  note(member: string, role: Role | null): void {
    this.endReign(member)
    if (role === 'leader') this.beginReign(member)
    else if (role === 'candidate') this.campaigns++
  }

  private beginReign(leader: string): void {
    const reign = { leader, from: this.simulator.now, until: null }
    this.begun.push(reign)
    this.current.set(leader, reign)
    if (this.leaderlessSince === null) return
    // The first leader ends no outage: there was nothing to be out.
    if (this.begun.length > 1) {
      this.leaderlessBefore += this.gap
      this.longest = Math.max(this.longest, this.gap)
    }
    this.leaderlessSince = null
  }

  private endReign(member: string): void {
    const reign = this.current.get(member)
    if (reign === undefined) return
    const { now } = this.simulator
    reign.until = now
    this.current.delete(member)
    if (this.current.size === 0) this.leaderlessSince = now
  }

  private get gap(): number {
    return this.leaderlessSince === null ? 0 : this.simulator.now - this.leaderlessSince
  }

  /** Picoseconds without a leader since there was a first one; without any, since the start. */
  get leaderless(): number {
    return this.leaderlessBefore + this.gap
  }

  /** The longest time at a stretch, picoseconds. */
  get longestLeaderless(): number {
    return Math.max(this.longest, this.gap)
  }
}
