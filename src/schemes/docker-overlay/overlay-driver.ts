import { KvError } from '../../control/kv/store.ts'
import type { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { MILLISECOND } from '../../sim/units.ts'
import {
  contains,
  type Ipv4Address,
  maskOf,
  parseInterfaceAddress,
  prefix,
} from '../../wire/ipv4-address.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../contract.ts'
import { BitHandle } from './bit-handle.ts'
import type { Datastore } from './datastore.ts'
import type { EndpointRecord } from './endpoint-record.ts'
import { MissWatcher } from './miss-watcher.ts'
import {
  type OverlayRecord,
  type OverlaySubnet,
  overlayJson,
  overlayRecordOf,
  parseOverlay,
  type StoredNetwork,
} from './network-record.ts'
import type { NetworkSandbox, SegmentPlan } from './network-sandbox.ts'
import { type DockerOverlayOptions, overlayMtu, VXLAN_PORT } from './options.ts'
import { OverlayNetworks } from './overlay-networks.ts'
import { PeerGossip, type PeerListener } from './peer-gossip.ts'
import type { PeerEvent } from './peer-messages.ts'
import type { Peer } from './peer-table.ts'

/** vxlanIDStart and vxlanIDEnd. */
const VNI_FIRST = 256
const VNI_LAST = 16_777_215
/** Namespaces, VXLAN device and pair took 160 to 250 ms of a measured start. */
const KERNEL_WORK = 180 * MILLISECOND

/** Only swarm mode has somebody who hands keys out. */
const NO_KEYS = new KvError('failed', 'cannot join secure network: encryption keys not present')

/** drivers/overlay, for one life of the daemon. */
export class OverlayDriver implements PeerListener {
  private readonly program: Program
  private readonly datastore: Datastore
  private readonly networks: OverlayNetworks
  /** Of the namespaces that are there, by network. */
  private readonly watchers = new Map<string, MissWatcher>()
  private readonly vnis: BitHandle
  /** Where the search for a VNI begins: behind the last one that this daemon has given. */
  private lastVni = -1
  private gossip: PeerGossip | null = null
  private hasJoined = false

  constructor(
    program: Program,
    host: Host,
    datastore: Datastore,
    version: DockerOverlayOptions['version'],
  ) {
    this.program = program
    this.datastore = datastore
    this.networks = new OverlayNetworks(host, version)
    this.networks.onUnclaimed = (network, peer) => {
      program.spawn(this.claimFor(network, peer))
    }
    const bits = VNI_LAST - VNI_FIRST + 1
    this.vnis = new BitHandle(datastore, 'idm/vxlan-id', 'vxlan-id', bits)
    program.ended.wait(program.simulator, () => this.stopListening())
  }

  /** What it leaves to the kernel, when it is killed, goes on without it. */
  private stopListening(): void {
    for (const watcher of this.watchers.values()) watcher.stop()
  }

  /** The namespaces that are there. */
  get active(): readonly NetworkSandbox[] {
    return this.networks.active
  }

  /** Nodes were discovered: one of them is joined, and told of the containers that are here. */
  *discovered(nodes: readonly Ipv4Address[]): Process {
    const { program } = this
    const { host } = this.networks
    if (nodes.includes(host.address)) {
      this.gossip ??= PeerGossip.start(program, host.name, host.address, this)
    }
    const neighbour = nodes.find((address) => address !== host.address)
    const { gossip } = this
    if (gossip === null || neighbour === undefined || this.hasJoined) return
    this.hasJoined = true
    this.hasJoined = yield* gossip.join(neighbour)
    if (!this.hasJoined) return
    for (const [network, table] of this.networks.known) {
      for (const peer of table.peers) if (peer.isLocal) gossip.tell('join', network, peer)
    }
  }

  *createNetwork(network: StoredNetwork, options: DockerOverlayOptions): Process<KvError | null> {
    const refusal = yield* this.vnis.create()
    if (refusal !== null) return refusal
    const record = overlayJson(overlayRecordOf(network, options))
    const written = yield* this.datastore.put(`overlay/network/${network.id}`, record, null)
    return written instanceof KvError ? written : null
  }

  /** The network's record, with a VNI for an address's subnet: its first container of the cluster claims it. */
  private *obtainVni(network: string, address: Ipv4Address): Process<OverlayRecord | KvError> {
    const path = `overlay/network/${network}`
    for (;;) {
      const found = yield* this.datastore.get(path)
      if (found instanceof KvError) return found
      const record = parseOverlay(found.value)
      const own = record.subnets.find(({ SubnetIP }) => contains(prefix(SubnetIP), address))!
      if (own.Vni !== 0) return record
      const ordinal = yield* this.vnis.setAny(0, VNI_LAST - VNI_FIRST, this.lastVni)
      if (ordinal instanceof KvError) return ordinal
      if (ordinal === 'none free') return new KvError('failed', 'no bit available')
      this.lastVni = ordinal
      const subnets = record.subnets.map((each) =>
        each === own ? { ...each, Vni: VNI_FIRST + ordinal } : each,
      )
      const claimed = { ...record, subnets }
      const written = yield* this.datastore.put(path, overlayJson(claimed), found)
      if (!(written instanceof KvError)) return claimed
      const released = yield* this.vnis.unset(ordinal)
      if (written.kind === 'failed' || released !== null) return written
    }
  }

  /** A peer is the first of its subnet that this host hears of. */
  private *claimFor(network: string, peer: Peer): Process {
    const record = yield* this.obtainVni(network, peer.address)
    const sandbox = this.networks.sandbox(network)
    if (record instanceof KvError || sandbox === undefined) return
    sandbox.learn(record.subnets.map(segmentOf))
    // It may have gone meanwhile.
    if (this.networks.find(network, peer.address) === peer) sandbox.addPeer(peer)
  }

  /** The host on which it is removed forgets its peers, and gives the VNIs back. */
  *deleteNetwork(network: string): Process<KvError | null> {
    this.networks.flush(network)
    const path = `overlay/network/${network}`
    const found = yield* this.datastore.get(path)
    // Another host was faster.
    if (found instanceof KvError) return found.kind === 'not-found' ? null : found
    const error = yield* this.datastore.delete(path, found)
    if (error !== null) return error.kind === 'failed' ? error : null
    for (const { Vni } of parseOverlay(found.value).subnets) {
      if (Vni === 0) continue
      const released = yield* this.vnis.unset(Vni - VNI_FIRST)
      if (released !== null) return released
    }
    return null
  }

  /** Joins a container to a network of this host, and tells the other hosts. */
  *join(
    network: StoredNetwork,
    container: ContainerSpec,
    endpoint: EndpointRecord,
  ): Process<Endpoint | AttachError | KvError> {
    const record = yield* this.obtainVni(network.id, endpoint.address)
    if (record instanceof KvError) return record
    if (record.secure) return NO_KEYS
    yield* sleep(KERNEL_WORK)
    const sandbox = this.enter(network.id, record)
    const { address, mac } = endpoint
    const joined = sandbox.attach(container, address, mac)
    if (joined instanceof AttachError) {
      this.exit(network.id)
      return joined
    }
    const peer = this.localPeer(endpoint)
    this.networks.add(network.id, peer)
    this.gossip?.tell('join', network.id, peer)
    return joined
  }

  private localPeer({ id, address, mac, pool, locator }: EndpointRecord): Peer {
    const mask = maskOf(pool.subnet.length)
    return { endpointId: id, address, mask, mac, vtep: locator, isLocal: true }
  }

  private enter(id: string, { mtu, subnets }: OverlayRecord): NetworkSandbox {
    const sandbox = this.networks.enter({
      network: id,
      segments: subnets.map(segmentOf),
      mtu: overlayMtu(mtu, false),
      port: VXLAN_PORT,
    })
    if (this.watchers.has(id)) return sandbox
    const resolve = (address: Ipv4Address) => this.resolve(id, address)
    this.watchers.set(id, new MissWatcher(this.program, sandbox, resolve))
    return sandbox
  }

  private exit(network: string): void {
    if (!this.networks.exit(network)) return
    this.watchers.get(network)?.stop()
    this.watchers.delete(network)
  }

  /** The container's device is gone already. */
  leave(network: string, endpoint: EndpointRecord): void {
    const peer = this.localPeer(endpoint)
    this.networks.remove(network, peer)
    this.gossip?.tell('leave', network, peer)
    this.exit(network)
  }

  find(network: string, address: Ipv4Address): Peer | null {
    return this.networks.find(network, address)
  }

  apply({ action, network, peer }: PeerEvent): void {
    if (action === 'join') this.networks.add(network, peer)
    else this.networks.remove(network, peer)
  }

  private *resolve(network: string, address: Ipv4Address): Process<boolean> {
    if (this.gossip === null) return false
    const peer = yield* this.gossip.resolve(network, address)
    if (peer === null) return false
    // Of one that is known only the neighbour is put back, not the entry of the FDB.
    const { added } = this.networks.add(network, peer)
    if (added === null) this.networks.sandbox(network)?.addNeighbour(peer)
    return true
  }
}

function segmentOf({ SubnetIP, GwIP, Vni }: OverlaySubnet): SegmentPlan {
  return { subnet: prefix(SubnetIP), gateway: parseInterfaceAddress(GwIP)!.address, vni: Vni }
}
