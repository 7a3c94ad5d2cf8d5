import { Condition } from '../../../control/program/condition.ts'
import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND } from '../../../sim/units.ts'
import type { Peer, PeerName } from './peer.ts'
import type { Peers } from './peers.ts'
import { isSymmetric, search, wasReached } from './search.ts'

/** Requests to calculate are gathered for so long. */
const RECALCULATION_DELAY = 100 * MILLISECOND

/** Next hops, by the index of the peer where it is to; none where there is no way. */
interface Unicast {
  readonly hops: readonly PeerName[]
  /** Peers with a way to them, in the order in which they were reached. */
  readonly reached: readonly number[]
}

const NOWHERE: Unicast = { hops: [], reached: [] }

/** Where to send what is for a peer, or comes from one: weaveworks/mesh, routes.go. */
export class Routes {
  private readonly program: Program
  private readonly peers: Peers
  private readonly onChange: () => void
  private readonly wanted: Condition
  private readonly calculated: Condition
  private isPending = false
  private established = NOWHERE
  private all = NOWHERE
  /** Of the last calculation, by origin, made when asked for. */
  private broadcasts = new Map<PeerName, readonly PeerName[]>()
  private broadcastsAll = new Map<PeerName, readonly PeerName[]>()
  /** Neighbours, and to how many peers the way leads over each. */
  private neighbours: PeerName[] = []
  private weights: number[] = []

  /** @param onChange called on the program's thread after each calculation. */
  constructor(program: Program, peers: Peers, onChange: () => void) {
    this.program = program
    this.peers = peers
    this.onChange = onChange
    this.wanted = new Condition(program)
    this.calculated = new Condition(program)
    program.spawn(this.recalculateWhenWanted())
  }

  /** Next hop to a peer, over connections that both ends call established; null for ourself and where there is none. */
  unicast(to: PeerName): PeerName | null {
    return this.established.hops[this.peers.pool.knownIndexOf(to)] || null
  }

  /** As `unicast`, over all connections: for what the routers say to each other. */
  unicastAll(to: PeerName): PeerName | null {
    return this.all.hops[this.peers.pool.knownIndexOf(to)] || null
  }

  /** To whom we hand on what `origin` broadcasts, over connections that both ends call established. */
  broadcast(origin: PeerName): readonly PeerName[] {
    return this.broadcastHops(origin, true)
  }

  /** As `broadcast`, over all connections. */
  broadcastAll(origin: PeerName): readonly PeerName[] {
    return this.broadcastHops(origin, false)
  }

  /** The topology has changed: to be calculated anew soon. */
  recalculate(): void {
    if (this.isPending) return
    this.isPending = true
    this.wanted.notify()
  }

  /** Whether a calculation is due that was asked for. */
  get isStale(): boolean {
    return this.isPending
  }

  /** Waits for the calculation that was asked for, if any. */
  *ensureRecalculated(): Process {
    if (this.isPending) yield* this.calculated.wait()
  }

  /**
   * min(2 log2 of the peers, neighbours) neighbours by lot, each with the weight of the peers that are reached over
   * it, so that a message passes the bottlenecks.
   */
  randomNeighbours(except: PeerName): readonly PeerName[] {
    const names = this.neighbours.slice()
    const weights = this.weights.slice()
    let total = weights.reduce((sum, weight) => sum + weight, 0)
    const without = (at: number): void => {
      total -= weights[at]!
      names.splice(at, 1)
      weights.splice(at, 1)
    }
    // Who told us knows already.
    const at = names.indexOf(except)
    if (at >= 0) without(at)
    const chosen: PeerName[] = []
    const needed = Math.min(subsetSize(this.all.reached.length + 1), names.length)
    while (chosen.length < needed) {
      let point = this.program.random.integer(0, total - 1)
      const index = weights.findIndex((weight) => (point -= weight) < 0)
      chosen.push(names[index]!)
      without(index)
    }
    return chosen
  }

  private *recalculateWhenWanted(): Process {
    for (;;) {
      while (!this.isPending) yield* this.wanted.wait()
      yield* sleep(RECALCULATION_DELAY)
      this.isPending = false
      this.calculate()
      this.calculated.notify()
    }
  }

  private calculate(): void {
    this.established = this.calculateUnicast(true)
    this.all = this.calculateUnicast(false)
    this.broadcasts = new Map()
    this.broadcastsAll = new Map()
    const counts = new Map<PeerName, number>()
    const { hops, reached } = this.all
    for (const index of reached) counts.set(hops[index]!, (counts.get(hops[index]!) ?? 0) + 1)
    this.neighbours = [...counts.keys()]
    this.weights = [...counts.values()]
    this.onChange()
  }

  private calculateUnicast(symmetric: boolean): Unicast {
    const { peers } = this
    const { ourself } = peers
    // Zero is nobody's name: that of a peer is a unicast address of its bridge.
    const hops = new Array<PeerName>(peers.pool.size).fill(0)
    const order: number[] = []
    const reached = ({ name, record }: Peer, from: Peer): void => {
      order.push(record.index)
      hops[record.index] = from === ourself ? name : hops[from.record.index]!
    }
    search(ourself, peers, { symmetric, reached })
    return { hops, reached: order }
  }

  private broadcastHops(origin: PeerName, symmetric: boolean): readonly PeerName[] {
    const known = symmetric ? this.broadcasts : this.broadcastsAll
    let hops = known.get(origin)
    if (hops === undefined) {
      hops = this.calculateBroadcast(origin, symmetric)
      known.set(origin, hops)
    }
    return hops
  }

  /** The same search from the origin, as far as us: our neighbours that it has not reached get it from us. */
  private calculateBroadcast(origin: PeerName, symmetric: boolean): readonly PeerName[] {
    const { peers } = this
    const { ourself } = peers
    const start = peers.byName(origin)
    if (start === null) return []
    search(start, peers, { symmetric, stopAt: ourself })
    if (!wasReached(ourself)) return []
    const hops: PeerName[] = []
    for (const index of ourself.record.indexes) {
      const remote = peers.at(index)
      if (remote === null || wasReached(remote)) continue
      if (!symmetric || isSymmetric(ourself, remote)) hops.push(remote.name)
    }
    return hops
  }
}

/** floor(2 log2 n), without a logarithm: one less than the bits of n squared. */
export function subsetSize(peers: number): number {
  return 31 - Math.clz32(peers * peers)
}
