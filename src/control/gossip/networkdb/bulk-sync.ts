import type { Process } from '../../../sim/process.ts'
import { Deferred } from '../../program/deferred.ts'
import { type BulkSync, type Compound, encodeBulkSync } from './messages.ts'
import type { NetworkDb } from './networkdb.ts'

/** Of those by chance a second is tried when the first does not answer. */
const CANDIDATES = 2

/** Comparing all that two nodes have of the networks that both are in, by TCP. */
export class BulkSyncs {
  private readonly db: NetworkDb
  /** By the node that is to answer. */
  private readonly waiting = new Map<string, Deferred<true>>()

  constructor(db: NetworkDb) {
    this.db = db
  }

  /** With every node of the network, one after the other. */
  *withAll(network: string): Process {
    for (const node of this.db.view.nodesOf(network)) {
      if (node !== this.db.name) yield* this.withNode(node)
    }
  }

  /** With one node of the network by chance. @returns the networks that are done with. */
  *withAny(network: string): Process<readonly string[]> {
    for (const node of pickNodes(this.db, network, CANDIDATES)) {
      const networks = this.db.view.common(this.db.name, node)
      if (yield* this.withNode(node)) return networks
    }
    return [network]
  }

  /** @returns whether it has answered. */
  *withNode(node: string): Process<boolean> {
    const { db } = this
    const networks = db.view.common(db.name, node)
    const answered = new Deferred<true>(db.program)
    this.waiting.set(node, answered)
    const isSent = yield* this.send(node, networks, true)
    const isDone = isSent && (yield* answered.wait(db.config.bulkSyncTimeout)) !== null
    if (this.waiting.get(node) === answered) this.waiting.delete(node)
    if (isSent && !isDone) db.program.log.push(`Bulk sync to node ${node} timed out`)
    return isDone
  }

  private *send(
    node: string,
    networks: readonly string[],
    isUnsolicited: boolean,
  ): Process<boolean> {
    const { db } = this
    const peer = db.view.active(node)
    if (peer === null) return false
    const { now } = db.program
    const listings = networks.flatMap((network) => db.rowsOf(network)?.listings(now) ?? [])
    const payload: Compound = {
      type: 'compound',
      messages: listings.flatMap(({ events }) => events),
    }
    const { name, tableClock } = db
    const head = { time: tableClock.time, isUnsolicited, node: name, networks } as const
    const rows = listings.map(({ bytes }) => bytes)
    const message = encodeBulkSync({ type: 'bulk-sync', ...head, payload }, rows)
    return yield* db.memberlist!.sendReliable(peer.node, message)
  }

  /** Another node's rows have been taken in: it gets this one's, unless these are the answer. */
  *answer({ isUnsolicited, node, networks }: BulkSync): Process {
    if (isUnsolicited) yield* this.send(node, networks, false)
    else this.waiting.get(node)?.settle(true)
  }
}

/** Up to `count` other nodes of a network, by chance. */
export function pickNodes(db: NetworkDb, network: string, count: number): readonly string[] {
  const nodes = db.view.nodesOf(network)
  const picked: string[] = []
  for (let i = 0; i < 3 * nodes.length && picked.length < count; i++) {
    const node = nodes[db.program.random.integer(0, nodes.length - 1)]!
    if (node !== db.name && !picked.includes(node)) picked.push(node)
  }
  return picked
}
