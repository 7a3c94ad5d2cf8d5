import type { StoreCluster, StoreMember } from '../../src/control/cluster/store.ts'
import { delay, duplication, jitter, loss, reordering } from '../../src/link/fault-rules.ts'
import type { FaultRule } from '../../src/link/faulty-channel.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import type { Dice } from '../chaos/dice.ts'
import type { HostsOnSwitch } from '../control/hosts-on-switch.ts'

/** Faults of hosts 1, 2 ..., of which the first ones run the members, until they are mended. */
export class Havoc {
  private readonly bench: HostsOnSwitch
  private readonly cluster: StoreCluster
  private readonly dice: Dice
  /** Of disks without faults, picoseconds. */
  private readonly fsync: number
  /** What ends the faults of the network that are there. */
  private ends: (() => void)[] = []
  private readonly kinds: readonly (() => void)[]

  constructor(bench: HostsOnSwitch, cluster: StoreCluster, dice: Dice, fsync: number) {
    this.bench = bench
    this.cluster = cluster
    this.dice = dice
    this.fsync = fsync
    this.kinds = [
      () => this.partition(),
      () => this.partition(),
      () => this.partial(),
      () => this.cutLeaderOff(),
      () => this.cutLeaderOff(),
      () => this.dice.pick(this.cluster.members).crash(),
      () => this.leader?.crash(),
      () => this.crashMany(),
      () => this.disturb(),
      () => this.disturb(),
      () => this.disk(),
      () => this.stepClock(),
      () => this.mendNetwork(),
      () => this.mendNetwork(),
    ]
  }

  get leader(): StoreMember | undefined {
    return this.cluster.members.find((member) => member.status()?.role === 'leader')
  }

  /** One fault, of any kind, and some of those that are down come back. */
  step(): void {
    const { dice, cluster } = this
    dice.pick(this.kinds)()
    for (const member of cluster.members) if (!member.isRunning && dice.chance(0.5)) member.start()
    for (const { disk } of cluster.members) if (dice.chance(0.4)) disk.setFsync(this.fsync)
  }

  /**
   * All start anew where two of three members do not reach each other, so both ask the third for its vote, and
   * where words are slow: between its vote and the leader's first entry there is time for it to crash.
   * @param slow picoseconds. @returns the third.
   */
  beginStorm(slow: number): StoreMember {
    const { members } = this.cluster
    for (const member of members) member.crash()
    const between = this.dice.integer(0, members.length - 1)
    const apart = this.sites.filter((_, i) => i !== between)
    this.cut(apart.slice(0, 1), apart.slice(1), true)
    for (const site of this.sites) this.add(delay(slow), site)
    for (const member of members) member.start()
    return members[between]!
  }

  mend(): void {
    this.mendNetwork()
    for (const member of this.cluster.members) {
      member.disk.setFsync(this.fsync)
      member.start()
    }
  }

  mendNetwork(): void {
    for (const end of this.ends) end()
    this.ends = []
  }

  /** Hosts of members, and all hosts. */
  private get sites(): number[] {
    return this.cluster.members.map((_, i) => i + 1)
  }

  private get hosts(): number[] {
    return this.bench.hosts.map((_, i) => i + 1)
  }

  private cut(from: readonly number[], to: readonly number[], both: boolean): void {
    this.ends.push(this.bench.partition(from, to, both))
  }

  /** Clients are on either side. */
  private partition(): void {
    const { dice } = this
    const inside = this.hosts.filter(() => dice.chance(0.5))
    const outside = this.hosts.filter((host) => !inside.includes(host))
    this.cut(inside, outside, dice.chance(0.7))
  }

  /** Two members do not reach each other; both reach the others. */
  private partial(): void {
    const [a, b] = this.dice.some(this.sites, 2)
    this.cut([a!], [b!], this.dice.chance(0.6))
  }

  cutLeaderOff(): void {
    const { dice, leader } = this
    if (leader === undefined) return
    const site = this.cluster.members.indexOf(leader) + 1
    const others = this.sites.filter((host) => host !== site)
    this.cut([site], others, dice.chance(0.7))
  }

  private crashMany(): void {
    for (const member of this.cluster.members) if (this.dice.chance(0.7)) member.crash()
  }

  private disturb(): void {
    const { dice } = this
    const rule = dice.pick([
      () => loss(dice.pick([0.02, 0.1, 0.3])),
      () => delay(dice.pick([5, 50, 200]) * MILLISECOND),
      () => jitter(dice.pick([1, 20]) * MILLISECOND),
      () => duplication(0.2),
      () => reordering(0.2, dice.pick([1, 20]) * MILLISECOND),
    ])()
    for (const number of dice.some(this.hosts, dice.integer(1, this.hosts.length))) {
      this.add(rule, number)
    }
  }

  private add(rule: FaultRule, host: number): void {
    const { channel } = this.bench.host(host).port!
    channel.add(rule)
    this.ends.push(() => channel.remove(rule))
  }

  private disk(): void {
    const { dice } = this
    const { disk } = dice.pick(this.cluster.members)
    disk.setFsync(dice.pick([20 * MILLISECOND, 200 * MILLISECOND, Infinity]))
  }

  /** What the stores promise does not hang on wall clocks. */
  private stepClock(): void {
    const { kernel } = this.bench.host(this.dice.pick(this.sites))
    kernel.clockOffset += this.dice.pick([-3600, -1, 1, 3600]) * SECOND
  }
}
