import type { Process } from '../../../sim/process.ts'
import { Ticker } from '../memberlist/ticker.ts'
import { pickNodes } from './bulk-sync.ts'
import { COMPOUND_ENTRY_BYTES, COMPOUND_HEADER_BYTES, encodeCompound } from './compound.ts'
import type { NetworkDb } from './networkdb.ts'

/** What a node does from time to time by itself. */
export class Housekeeping {
  private readonly db: NetworkDb

  constructor(db: NetworkDb) {
    this.db = db
  }

  loops(): readonly Process[] {
    const { bulkSyncInterval, memberlist, reapPeriod, reconnectInterval, rejoinInterval } =
      this.db.config
    return [
      this.every(memberlist.gossipInterval, () => this.gossip()),
      this.every(reapPeriod, () => this.reap()),
      this.repeat(bulkSyncInterval, () => this.bulkSync()),
      this.repeat(reconnectInterval, () => this.reconnect()),
      this.repeat(rejoinInterval, () => this.rejoin()),
    ]
  }

  private *every(interval: number, work: () => void): Process {
    const ticker = new Ticker(this.db.program, interval)
    for (;;) {
      yield* ticker.wait()
      work()
    }
  }

  private *repeat(interval: number, work: () => Process): Process {
    const ticker = new Ticker(this.db.program, interval)
    for (;;) {
      yield* ticker.wait()
      yield* work()
    }
  }

  /** News of each network to some of its nodes, the same to all of them. */
  private gossip(): void {
    const { config, joined, memberlist, view } = this.db
    const { gossipNodes, udpBufferSize } = config.memberlist
    for (const { id, queue } of joined) {
      if (queue.length === 0) continue
      const nodes = pickNodes(this.db, id, gossipNodes)
      const messages = queue.take(COMPOUND_ENTRY_BYTES, udpBufferSize - COMPOUND_HEADER_BYTES)
      if (messages.length === 0) continue
      const there = nodes.flatMap((node) => view.active(node)?.node ?? [])
      memberlist!.sendBestEffort(there, encodeCompound(messages))
    }
  }

  private reap(): void {
    const { joined, left, program, view } = this.db
    for (const rows of joined) rows.reap(program.now)
    for (const rows of left) if (rows.reapAt <= program.now) this.db.forgetNetwork(rows.id)
    for (const { name, reapAt } of view.all) if (reapAt <= program.now) view.forget(name)
  }

  /** Of networks that two nodes have in common all are done at once. */
  private *bulkSync(): Process {
    const done = new Set<string>()
    for (const { id } of this.db.joined) {
      if (done.has(id)) continue
      for (const network of yield* this.db.syncs.withAny(id)) done.add(network)
    }
  }

  /** One of the nodes that failed, by chance: when it answers, both take up each other's rows. */
  private *reconnect(): Process {
    const { db } = this
    const failed = db.view.all.filter(({ state }) => state === 'failed')
    if (failed.length === 0) return
    const { node } = failed[db.program.random.integer(0, failed.length - 1)]!
    if ((yield* db.memberlist!.join([node])) === 0) return
    db.delegate.tellNode('join')
    yield* db.syncs.withNode(node.name)
  }

  /** None of the nodes that it came by is there: it may be cut off from all. */
  private *rejoin(): Process {
    const { db } = this
    const { address } = db.memberlist!.localNode
    const others = db.bootstrap.filter((peer) => peer.address !== address)
    if (others.length === 0) return
    const isThere = ({ address: wanted }: { address: number }) =>
      db.view.all.some(({ node, state }) => state === 'active' && node.address === wanted)
    if (others.some(isThere)) return
    if ((yield* db.memberlist!.join(others)) > 0) db.delegate.tellNode('join')
  }
}
