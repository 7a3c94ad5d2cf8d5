import { BroadcastQueue } from '../memberlist/broadcast-queue.ts'
import type { MemberlistDelegate } from '../memberlist/delegate.ts'
import type { Node } from '../memberlist/node-table.ts'
import type { Peer } from './cluster-view.ts'
import {
  type BulkSync,
  encodePresence,
  encodePushPull,
  type GossipMessage,
  type NetworkEntry,
  type NetworkEvent,
  type NodeEvent,
  type TableEvent,
} from './messages.ts'
import type { NetworkDb } from './networkdb.ts'
import { readMessage } from './reading.ts'

const NO_BYTES = new Uint8Array()

/** What networkdb makes of the messages of its cluster, and what it adds to those of memberlist. */
export class NetworkDbDelegate implements MemberlistDelegate {
  private readonly db: NetworkDb
  private readonly networkQueue: BroadcastQueue
  private readonly nodeQueue: BroadcastQueue

  constructor(db: NetworkDb) {
    this.db = db
    const newQueue = (): BroadcastQueue =>
      new BroadcastQueue(db.config.memberlist.retransmitMult, () => db.view.activeCount)
    this.networkQueue = newQueue()
    this.nodeQueue = newQueue()
  }

  nodeMeta(): Uint8Array {
    return NO_BYTES
  }

  ackPayload(): Uint8Array {
    return NO_BYTES
  }

  broadcasts(overhead: number, limit: number): Uint8Array[] {
    const messages = this.networkQueue.take(overhead, limit)
    let left = limit
    for (const { length } of messages) left -= length + overhead
    return [...messages, ...this.nodeQueue.take(overhead, left)]
  }

  tellNode(action: NodeEvent['action']): void {
    const { name: node, networkClock } = this.db
    const time = networkClock.increment()
    this.nodeQueue.queue({
      content: encodePresence({ type: 'node', action, time, node }),
      name: node,
    })
  }

  tellNetwork(action: NetworkEvent['action'], network: string, time: number): void {
    const { name: node } = this.db
    this.passOn({ type: 'network', action, time, node, network })
  }

  private passOn(event: NetworkEvent): void {
    const content = encodePresence(event)
    this.networkQueue.queue({ content, name: `${event.network} ${event.node}` })
  }

  notifyJoin(node: Node): void {
    const peer = this.db.view.put(node)
    if (this.isFormerSelf(node)) return this.gone(peer, 'left')
    this.purgeFormerLife(node)
    this.backAgain(peer)
  }

  /** A daemon that starts again has a new name: what has its address under another is gone. */
  private purgeFormerLife({ name, address, port }: Node): void {
    for (const peer of this.db.view.all) {
      const { node } = peer
      if (peer.name === name || peer.state === 'left') continue
      if (node.address === address && node.port === port) this.gone(peer, 'left')
    }
  }

  /** What the others still say of this node's life before. */
  private isFormerSelf({ name, address, port }: Node): boolean {
    const { memberlist, name: self } = this.db
    if (name === self || memberlist === null) return false
    const { localNode } = memberlist
    return localNode.address === address && localNode.port === port
  }

  /** Memberlist has it alive: what it says of itself counts again. */
  private backAgain(peer: Peer): void {
    peer.state = 'active'
    peer.reapAt = Infinity
  }

  notifyLeave(node: Node): void {
    const peer = this.db.view.get(node.name)
    if (peer?.state === 'active') this.gone(peer, node.state === 'left' ? 'left' : 'failed')
  }

  notifyUpdate(): void {}

  private gone(peer: Peer, state: 'failed' | 'left'): void {
    const { config, program, view } = this.db
    peer.state = state
    peer.reapAt = program.now + config.nodeReapInterval
    if (peer.name === this.db.name) return
    view.dropParts(peer.name)
    this.db.dropRowsOf(peer.name)
  }

  notifyMessage(content: Uint8Array): void {
    const message = readMessage(content)
    if (message !== null) this.take(message, false)
  }

  private take(message: GossipMessage, isBulkSync: boolean): void {
    switch (message.type) {
      case 'table':
        return this.takeTableEvent(message, isBulkSync)
      case 'compound':
        for (const part of message.messages) this.take(part, isBulkSync)
        return
      case 'bulk-sync':
        return this.takeBulkSync(message)
      case 'node':
        return this.takeNodeEvent(message)
      case 'network':
        if (this.takeNetworkEvent(message)) this.passOn(message)
    }
  }

  private takeTableEvent(event: TableEvent, isBulkSync: boolean): void {
    if (!this.db.takeEvent(event, isBulkSync)) return
    const rows = this.db.rowsOf(event.network)!
    // A bulk sync of many rows must not fill the queue: the others get them by their own.
    if (!isBulkSync || rows.queue.length <= this.db.config.queueMax) rows.tell(event)
  }

  private takeBulkSync(sync: BulkSync): void {
    const { db } = this
    db.tableClock.witness(sync.time)
    this.take(sync.payload, true)
    db.program.spawn(db.syncs.answer(sync))
  }

  private takeNodeEvent(event: NodeEvent): void {
    const { networkClock, view } = this.db
    networkClock.witness(event.time)
    const peer = view.get(event.node)
    if (peer === undefined || event.node === this.db.name || peer.time >= event.time) return
    peer.time = event.time
    if (event.action === 'join') {
      // News of a node that memberlist has as dead wait for memberlist.
      if (peer.node.state === 'alive' && !this.isFormerSelf(peer.node)) this.backAgain(peer)
    } else if (peer.state === 'active') this.gone(peer, 'left')
    this.nodeQueue.queue({ content: encodePresence(event), name: event.node })
  }

  /** @returns whether it is news. */
  private takeNetworkEvent(event: NetworkEvent): boolean {
    const { db } = this
    const { view } = db
    const { action, network, node, time } = event
    db.networkClock.witness(time)
    if (node === db.name) return false
    const known = view.part(node, network)
    if (known === undefined) {
      if (action === 'leave') return false
      view.enter(node, network, time)
      return true
    }
    if (known.time >= time) return false
    known.time = time
    known.isLeaving = action === 'leave'
    if (known.isLeaving) {
      db.deleteRowsOf(node, network)
      view.discount(node, network)
    } else view.count(node, network)
    return true
  }

  localState(): Uint8Array {
    const { name, networkClock, view } = this.db
    const networks: NetworkEntry[] = view.everyPart.flatMap(([node, parts]) =>
      [...parts].map(([network, { time, isLeaving }]) => ({ network, time, node, isLeaving })),
    )
    return encodePushPull({ type: 'push-pull', time: networkClock.time, networks, node: name })
  }

  mergeRemoteState(state: Uint8Array): void {
    const remote = readMessage(state)
    if (remote?.type !== 'push-pull') return
    if (remote.time > 0) this.db.networkClock.witness(remote.time)
    this.takeNodeEvent({ type: 'node', action: 'join', time: remote.time, node: remote.node })
    for (const { network, time, node, isLeaving } of remote.networks) {
      // Of those that are gone others may still have the networks.
      if (this.db.view.active(node) === null) continue
      const action = isLeaving ? 'leave' : 'join'
      const event: NetworkEvent = { type: 'network', action, time, node, network }
      if (this.takeNetworkEvent(event)) this.passOn(event)
    }
  }
}
