import type { StoreCluster } from '../../src/control/cluster/store.ts'
import { MICROSECOND } from '../../src/sim/units.ts'
import { Dice } from '../chaos/dice.ts'
import { HostsOnSwitch } from '../control/hosts-on-switch.ts'
import { Client, type ClientOptions } from './client.ts'
import { Havoc } from './havoc.ts'
import { faultsOf, type Operation } from './history.ts'

/** A store to be tried: its members run on the first hosts. */
export interface Store {
  readonly cluster: StoreCluster
  readonly members: number
  /** About the time of an election, picoseconds. */
  readonly unit: number
  readonly fsync: number
}

export interface TrialPlan {
  readonly members: number
  readonly store: (bench: HostsOnSwitch, members: number, dice: Dice) => Store
  readonly clients: (dice: Dice, unit: number) => ClientOptions[]
}

const CLIENTS_MAX = 6
const STEPS = 9
const STORMS = 3
const RESTARTS = 12
/** Units of time that words take in a storm. */
const SLOW = 0.1
/** Units of time after each storm. */
const LULL = 2
/** Units of time by which a sound network must have made all members equal. */
const PATIENCE = 100

/** One run: clients ask while faults come and go; then all is mended, and the members must agree. */
export class Trial {
  readonly bench: HostsOnSwitch
  readonly store: Store
  readonly clients: readonly Client[]
  readonly dice: Dice
  readonly havoc: Havoc

  constructor(seed: string, plan: TrialPlan) {
    const dice = new Dice(seed)
    const { members } = plan
    const delay = dice.pick([5, 5, 500]) * MICROSECOND
    this.bench = new HostsOnSwitch(members + CLIENTS_MAX, { seed, delay })
    this.dice = dice
    this.store = plan.store(this.bench, members, dice)
    const addresses = Array.from({ length: members }, (_, i) => this.bench.address(i + 1))
    this.clients = plan.clients(dice, this.store.unit).map((options, i) => {
      const { root } = this.bench.host(members + 1 + i)
      return new Client(root, `c${i + 1}`, addresses, new Dice(`${seed}/c${i + 1}`), options)
    })
    this.havoc = new Havoc(this.bench, this.store.cluster, dice, this.store.fsync)
  }

  get history(): Operation[] {
    return this.clients.flatMap(({ operations }) => operations)
  }

  /** Faults of any kind. */
  run(): void {
    this.rage(() => this.havoc.step())
  }

  /** Leaders are cut off, again and again. */
  runDepositions(): void {
    this.rage((turn) => (turn % 2 === 0 ? this.havoc.cutLeaderOff() : this.havoc.mendNetwork()))
  }

  private rage(fault: (turn: number) => void): void {
    const { dice } = this
    const lengths = dice.times(STEPS, () => dice.pick([0.1, 0.3, 0.8, 1.5]))
    this.begin(lengths.reduce((sum, each) => sum + each, 0))
    for (const [turn, length] of lengths.entries()) {
      this.advance(length)
      fault(turn)
    }
    this.havoc.mend()
  }

  /** Elections in which whoever has the deciding vote crashes and starts again, time after time. */
  runStorm(): void {
    const { dice, havoc } = this
    const lengths = dice.times(STORMS * RESTARTS, () => dice.pick([0.2, 0.4, 0.8]))
    this.begin(lengths.reduce((sum, each) => sum + each, 0) + STORMS * LULL)
    for (let storm = 0; storm < STORMS; storm++) {
      const between = havoc.beginStorm(Math.round(SLOW * this.store.unit))
      for (const length of lengths.splice(0, RESTARTS)) {
        this.advance(length)
        between.crash()
        between.start()
      }
      havoc.mend()
      this.advance(LULL)
    }
  }

  /** Lets the members find a leader, and clients ask for so many units. */
  private begin(length: number): void {
    const { store, clients } = this
    store.cluster.start()
    this.advance(2)
    for (const client of clients) client.begin(this.now + length * store.unit)
  }

  get now(): number {
    return this.bench.simulator.now
  }

  advance(units: number): void {
    this.bench.simulator.run(Math.round(this.now + units * this.store.unit))
  }

  /** Waits until the members agree, and reads all once more. @returns what is wrong. */
  settle(): string[] {
    for (let waited = 0; !this.hasConverged; waited++) {
      if (waited >= PATIENCE) return [`no agreement: ${this.states}`]
      this.advance(1)
    }
    const [reader] = this.clients
    // A follower's proposal, as a quorum read of v2 is one, may be lost with the connection to the leader.
    reader!.readAll(PATIENCE * this.store.unit)
    for (let waited = 0; !reader!.hasReadAll; waited += 0.2) {
      if (waited >= 4 * PATIENCE) return ['reads are not answered']
      this.advance(0.2)
    }
    return reader!.unread === 0 ? [] : [`${reader!.unread} reads failed after all`]
  }

  private get hasConverged(): boolean {
    const { members } = this.store.cluster
    const states = members.map((member) => {
      const status = member.status()
      return status?.leader == null ? null : `${status.applied} ${status.commit} ${status.revision}`
    })
    if (states[0] === null || states.some((state) => state !== states[0])) return false
    const keys = members.map((member) => JSON.stringify(member.keys()))
    return keys.every((each) => each === keys[0])
  }

  private get states(): string {
    const { members } = this.store.cluster
    return members.map((member) => JSON.stringify([member.name, member.status()])).join(' ')
  }

  /** Raft's broken promises, and what the clients were told wrong. */
  faults(): string[] {
    return [...this.store.cluster.violations, ...faultsOf(this.history)]
  }
}
