import { type Process, sleep } from '../../../sim/process.ts'
import { MICROSECOND } from '../../../sim/units.ts'
import { formatMac } from '../../../wire/mac-address.ts'
import type { Connection } from './connection.ts'
import { type GobReader, GobWriter } from './gob.ts'
import type { GossipData, Gossiper } from './gossip.ts'
import type { PeerName } from './peer.ts'
import { type Message, TAG_GOSSIP, TAG_GOSSIP_BROADCAST, TAG_GOSSIP_UNICAST } from './protocol.ts'
import type { MeshRouter } from './router.ts'

/**
 * To read a message, find its next hop and write it, where work is not modelled. A program is never done in no time,
 * and while routes disagree messages go round in circles: at the pace of the wire that is millions of hops a second.
 */
const RELAY_TIME = 50 * MICROSECOND

/** A named channel on which a part of the program tells its like on all peers: weaveworks/mesh, gossip_channel.go. */
export class GossipChannel {
  readonly name: string
  readonly gossiper: Gossiper
  private readonly router: MeshRouter

  constructor(router: MeshRouter, name: string, gossiper: Gossiper) {
    this.router = router
    this.name = name
    this.gossiper = gossiper
  }

  /** Sends to one peer, by way of others if need be. @returns why it cannot, or null. */
  gossipUnicast(to: PeerName, message: Uint8Array): string | null {
    const head = new GobWriter().text(this.name).uint(this.router.ourself.name).uint(to)
    return this.relayUnicast(to, head.content(message).finish())
  }

  /** Sends to all, each of whom hands on what is new to it. */
  gossipBroadcast(update: GossipData): void {
    this.afterRecalculation(() => this.relayBroadcast(this.router.ourself.name, update))
  }

  /** Sends to some neighbours by lot. */
  gossipNeighbourSubset(update: GossipData): void {
    this.afterRecalculation(() => this.relay(this.router.ourself.name, update))
  }

  /** Sends to one neighbour. */
  sendDown(connection: Connection, data: GossipData): void {
    connection.gossip(this, data)
  }

  /** Takes a message of the mesh. @returns the error that ends the connection, or null. */
  *deliver(
    tag: number,
    source: PeerName,
    reader: GobReader,
    whole: Uint8Array,
  ): Process<string | null> {
    if (tag === TAG_GOSSIP_UNICAST) return yield* this.deliverUnicast(source, reader, whole)
    const payload = reader.content()
    if (reader.isBroken) return 'unexpected EOF'
    const { gossiper, router } = this
    const isBroadcast = tag === TAG_GOSSIP_BROADCAST
    const data = isBroadcast
      ? gossiper.onGossipBroadcast(source, payload)
      : gossiper.onGossip(payload)
    if (data === null || typeof data === 'string') return data
    yield* router.routes.ensureRecalculated()
    if (isBroadcast) this.relayBroadcast(source, data)
    else this.relay(source, data)
    return null
  }

  gossipMessage(payload: Uint8Array): Message {
    return this.message(TAG_GOSSIP, this.router.ourself.name, payload)
  }

  broadcastMessage(source: PeerName, payload: Uint8Array): Message {
    return this.message(TAG_GOSSIP_BROADCAST, source, payload)
  }

  private message(tag: number, source: PeerName, payload: Uint8Array): Message {
    const head = new GobWriter().uint(tag).text(this.name).uint(source).uint(payload.length)
    return { head: head.finish(), payload }
  }

  private *deliverUnicast(
    source: PeerName,
    reader: GobReader,
    whole: Uint8Array,
  ): Process<string | null> {
    const to = reader.uint()
    const payload = reader.content()
    if (reader.isBroken) return 'unexpected EOF'
    if (to === this.router.ourself.name) return this.gossiper.onGossipUnicast(source, payload)
    if (this.router.program.namespace.kernel.machine === null) yield* sleep(RELAY_TIME)
    const error = this.relayUnicast(to, whole)
    if (error !== null) this.router.print(`[gossip ${this.name}]: ${error}`)
    return null
  }

  private relayUnicast(to: PeerName, message: Uint8Array): string | null {
    const hop = this.router.routes.unicastAll(to)
    if (hop === null) return `unknown relay destination: ${formatMac(to)}`
    const connection = this.router.connectionTo(hop)
    if (connection === null) return `unable to find connection to relay peer ${formatMac(hop)}`
    connection.send(TAG_GOSSIP_UNICAST, message)
    return null
  }

  private relayBroadcast(source: PeerName, update: GossipData): void {
    for (const name of this.router.routes.broadcastAll(source)) {
      this.router.connectionTo(name)?.gossipBroadcast(this, source, update)
    }
  }

  private relay(source: PeerName, data: GossipData): void {
    for (const name of this.router.routes.randomNeighbours(source)) {
      this.router.connectionTo(name)?.gossip(this, data)
    }
  }

  private afterRecalculation(act: () => void): void {
    const { program, routes } = this.router
    if (!routes.isStale) return act()
    program.spawn(
      (function* (): Process {
        yield* routes.ensureRecalculated()
        act()
      })(),
    )
  }
}
