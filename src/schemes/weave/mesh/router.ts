import { Ticker } from '../../../control/gossip/memberlist/ticker.ts'
import type { Program } from '../../../control/program/program.ts'
import { StreamListener } from '../../../control/program/stream.ts'
import type { Process } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { contains, type Ipv4Address, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import { Connection, random64 } from './connection.ts'
import { ConnectionMaker } from './connection-maker.ts'
import { ConnectionTable } from './connection-table.ts'
import type { GossipData, Gossiper } from './gossip.ts'
import { GossipChannel } from './gossip-channel.ts'
import type { Overlay } from './overlay.ts'
import type { Peer, PeerName } from './peer.ts'
import { RecordPool } from './peer-record.ts'
import { PeerSet } from './peer-set.ts'
import { Peers } from './peers.ts'
import { Routes } from './routes.ts'
import { TokenBucket } from './token-bucket.ts'

const GOSSIP_INTERVAL = 30 * SECOND
const GARBAGE_INTERVAL = 1 * SECOND
const ACCEPT_TOKENS = 20
const ACCEPT_INTERVAL = 50 * MILLISECOND

export interface MeshConfig {
  readonly name: PeerName
  readonly nickName: string
  /** Encrypts control connections, and the data path except between trusted subnets; null for neither. */
  readonly password: string | null
  readonly trustedSubnets: readonly Ipv4Prefix[]
  /** Most connections at a time, 0 for no limit; the daemon's default is 200. */
  readonly connLimit: number
  /** Whether to connect to peers of peers. */
  readonly discovery: boolean
  readonly port: number
}

/** One peer of a mesh, with TCP connections to others and gossip over them: weaveworks/mesh, router.go. */
export class MeshRouter {
  readonly program: Program
  readonly config: MeshConfig
  readonly overlay: Overlay
  readonly peers: Peers
  readonly routes: Routes
  readonly connections: ConnectionTable
  readonly connectionMaker: ConnectionMaker
  private readonly removalListeners: ((peer: Peer) => void)[] = []
  private readonly channels = new Map<string, GossipChannel>()
  private readonly topology: GossipChannel
  private listener: StreamListener | null = null
  private isGarbagePending = false

  constructor(program: Program, config: MeshConfig, overlay: Overlay) {
    this.program = program
    this.config = config
    this.overlay = overlay
    const { name, nickName } = config
    const summary = { name, nickName, uid: random64(program.random) }
    this.peers = new Peers(RecordPool.of(program.simulator), summary, program.random, {
      peerRemoved: (peer) => this.peerRemoved(peer),
      invalidateShortIds: () => overlay.invalidateShortIds(),
      ourselfModified: () => this.connections.broadcastUpdate(),
    })
    this.connections = new ConnectionTable(this)
    this.routes = new Routes(program, this.peers, () => overlay.invalidateRoutes())
    this.connectionMaker = new ConnectionMaker(this)
    this.topology = this.newGossip('topology', new TopologyGossiper(this))
  }

  get ourself(): Peer {
    return this.peers.ourself
  }

  /** Listens, and gossips from time to time. @returns false when the port is taken. */
  start(): boolean {
    this.listener = StreamListener.open(this.program, this.config.port)
    if (this.listener === null) return false
    this.program.spawn(this.accept(this.listener))
    this.program.spawn(this.gossipEachInterval())
    return true
  }

  /** Ends all connections. The program ends with it. */
  stop(): void {
    this.overlay.stop()
    this.listener?.close()
    for (const connection of this.connections.all()) connection.shutdown('router stopped')
  }

  /** Connects to these, and again whenever a connection is lost. @param replace forgets those given before. */
  initiateConnections(addresses: readonly Ipv4Address[], replace = false): void {
    this.connectionMaker.initiate(addresses, replace)
  }

  /** Connects to these no more, unless by discovery. */
  forgetConnections(addresses: readonly Ipv4Address[]): void {
    this.connectionMaker.forget(addresses)
  }

  connectionTo(name: PeerName): Connection | null {
    return this.connections.to(name)
  }

  /** A channel of its own for a part of the program. To be called before `start`. */
  newGossip(name: string, gossiper: Gossiper): GossipChannel {
    const channel = new GossipChannel(this, name, gossiper)
    this.channels.set(name, channel)
    return channel
  }

  channel(name: string): GossipChannel | null {
    return this.channels.get(name) ?? null
  }

  /** To be told of peers that were forgotten. */
  onPeerRemoved(listener: (peer: Peer) => void): void {
    this.removalListeners.push(listener)
  }

  trusts(address: Ipv4Address): boolean {
    return this.config.trustedSubnets.some((subnet) => contains(subnet, address))
  }

  print(text: string): void {
    this.program.log.push(text)
  }

  /** Everything that is known, to a peer that is new or has started anew. */
  sendAllGossipDown(connection: Connection): void {
    for (const channel of this.channels.values()) {
      const data = channel.gossiper.gossip()
      if (data !== null) channel.sendDown(connection, data)
    }
  }

  /** Spreads what we know of some peers. */
  tellTopology(names: ReadonlySet<PeerName>): void {
    const told = new PeerSet()
    for (const name of names) told.add(this.peers.pool.indexOf(name))
    this.topology.gossipNeighbourSubset(new TopologyData(this.peers, told))
  }

  /** Garbage is collected once for all updates of a second. */
  collectGarbageSoon(): void {
    if (this.isGarbagePending) return
    this.isGarbagePending = true
    this.program.after(GARBAGE_INTERVAL, () => {
      this.program.spawn(this.collectGarbage())
    })
  }

  private *collectGarbage(): Generator<never> {
    this.isGarbagePending = false
    this.peers.collectGarbage()
    yield* []
  }

  private peerRemoved(peer: Peer): void {
    this.print(`Removed unreachable peer ${peer}`)
    this.overlay.peerRemoved(peer)
    for (const listener of this.removalListeners) listener(peer)
  }

  private *accept(listener: StreamListener): Process {
    const bucket = new TokenBucket(this.program.simulator, ACCEPT_TOKENS, ACCEPT_INTERVAL)
    for (;;) {
      const stream = yield* listener.accept()
      if (stream === null) return
      const origin = { address: stream.peerAddress, port: stream.peerPort, isOutbound: false }
      const connection = new Connection(this, stream, { ...origin, acceptNewPeer: true })
      this.print(`->[${connection.remoteText}] connection accepted`)
      this.program.spawn(connection.run())
      yield* bucket.wait()
    }
  }

  private *gossipEachInterval(): Process {
    const ticker = new Ticker(this.program, GOSSIP_INTERVAL)
    for (;;) {
      yield* ticker.wait()
      for (const channel of this.channels.values()) {
        const data = channel.gossiper.gossip()
        if (data !== null) channel.gossipNeighbourSubset(data)
      }
    }
  }
}

/** Records of some peers, as they are when the message is made. */
class TopologyData implements GossipData {
  private readonly peers: Peers
  private readonly told: PeerSet
  /** Whether it was merged, and so waits in one place only: the next may be added to it. */
  private readonly isMerged: boolean

  constructor(peers: Peers, told: PeerSet, isMerged = false) {
    this.peers = peers
    this.told = told
    this.isMerged = isMerged
  }

  merge(other: GossipData): GossipData {
    const { told } = other as TopologyData
    if (this.isMerged) {
      this.told.addAll(told)
      return this
    }
    const merged = new PeerSet(this.peers.pool.size)
    merged.addAll(this.told)
    merged.addAll(told)
    return new TopologyData(this.peers, merged, true)
  }

  encode(): readonly Uint8Array[] {
    return [this.peers.encode(this.told)]
  }
}

/** The channel by which peers learn who is connected with whom. */
class TopologyGossiper implements Gossiper {
  private readonly router: MeshRouter

  constructor(router: MeshRouter) {
    this.router = router
  }

  onGossipUnicast(): string {
    return 'unexpected topology gossip unicast'
  }

  onGossipBroadcast(_source: PeerName, update: Uint8Array): GossipData | string | null {
    return this.onGossip(update)
  }

  gossip(): GossipData {
    const { peers } = this.router
    return new TopologyData(peers, peers.setOfAll())
  }

  onGossip(update: Uint8Array): GossipData | string | null {
    const { peers, connectionMaker, routes } = this.router
    const { news, error } = peers.applyUpdate(update)
    if (error !== null) return error
    this.router.collectGarbageSoon()
    if (news.size === 0) return null
    connectionMaker.refresh()
    routes.recalculate()
    return new TopologyData(peers, news)
  }
}
