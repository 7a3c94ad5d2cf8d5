import { consulTiming, etcdTiming } from '../../src/control/raft/timing.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { Dice } from '../chaos/dice.ts'
import { Network, type Parts, randomOptions, SOUND } from './network.ts'

const STEPS = 60
/** By then a sound network must have made all members equal. */
const PATIENCE = 500

/** One run: clients propose and read while faults come and go; then all must agree. */
export class Trial {
  readonly network: Network
  /** About the length of an election: the unit of the run's time. */
  private readonly patience: number
  private readonly dice: Dice
  private proposals = 0

  constructor(seed: string, parts: Parts = SOUND) {
    this.dice = new Dice(`${seed}/trial`)
    const timing = this.dice.pick([
      etcdTiming(),
      etcdTiming(10 * MILLISECOND, 100 * MILLISECOND),
      etcdTiming(20 * MILLISECOND, 100 * MILLISECOND),
      consulTiming(1),
      consulTiming(1),
    ])
    this.patience = timing.election.low
    this.network = new Network(seed, randomOptions(this.dice, timing), parts)
  }

  run(): void {
    const { network, dice } = this
    const { simulator } = network
    for (let step = 0; step < STEPS; step++) {
      this.fault()
      for (let count = dice.integer(0, 4); count > 0; count--) this.request()
      simulator.run(simulator.now + Math.floor(this.patience * dice.pick([0.02, 0.2, 0.5, 2])))
    }
  }

  /** Ends the faults; throws unless the members come to agree on something new. */
  settle(): void {
    const { network } = this
    const { simulator, members } = network
    network.heal()
    network.isCalm = true
    for (const member of members) if (member.core === null) member.start()
    const before = network.appliedAnywhere
    for (let waited = 0; waited < PATIENCE; waited++) {
      simulator.run(simulator.now + this.patience)
      const isNew = network.appliedAnywhere > before
      if (isNew && network.hasConverged) return
      if (!isNew) this.proposeAtLeader()
      if (network.failures.length > 0) return
    }
    const states = members.map(({ id, core }) => {
      return `${id} ${core?.role} term ${core?.term} commit ${core?.commit} of ${core?.lastIndex}`
    })
    throw new Error(`no agreement after ${simulator.now / SECOND} s: ${states.join(', ')}`)
  }

  private fault(): void {
    const { network, dice } = this
    const member = dice.pick(network.members)
    const kind = dice.integer(0, 11)
    if (kind <= 1) member.crash()
    else if (kind === 2) for (const each of network.members) if (dice.chance(0.7)) each.crash()
    if (kind === 3 || kind === 4) {
      const some = dice.some(network.ids, dice.integer(1, network.ids.length))
      network.isolate(some, dice.chance(0.3))
    }
    if (kind === 5 && network.leaders.length > 0) {
      network.isolate([dice.pick(network.leaders).id], dice.chance(0.3))
    }
    if (kind === 6 && network.leaders.length > 0) dice.pick(network.leaders).crash()
    if (kind === 7 || kind === 8) network.heal()
    for (const each of network.members) if (each.core === null && dice.chance(0.4)) each.start()
  }

  private request(): void {
    const { network, dice } = this
    if (dice.chance(0.3)) dice.pick(network.members).read(`r${++this.proposals}`)
    else this.proposeAtLeader()
  }

  private proposeAtLeader(): void {
    const { leaders } = this.network
    if (leaders.length === 0) return
    const batch = this.dice.pick([1, 1, 5, 20])
    this.dice.pick(leaders).call((core, now) => {
      for (let i = 0; i < batch; i++) core.propose({ put: ++this.proposals }, now)
    })
  }
}
