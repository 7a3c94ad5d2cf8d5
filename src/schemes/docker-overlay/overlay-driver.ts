import { KvError } from '../../control/kv/store.ts'
import type { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { MILLISECOND } from '../../sim/units.ts'
import { type Ipv4Address, maskOf } from '../../wire/ipv4-address.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../contract.ts'
import { BitHandle } from './bit-handle.ts'
import type { Datastore } from './datastore.ts'
import type { EndpointRecord } from './endpoint-record.ts'
import { MissWatcher } from './miss-watcher.ts'
import {
  type OverlayRecord,
  overlayJson,
  overlayRecordOf,
  parseOverlay,
  type StoredNetwork,
} from './network-record.ts'
import type { NetworkSandbox } from './network-sandbox.ts'
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

  /** The network's record, with a VNI: the first container of the cluster claims it. */
  private *obtainVni(network: string): Process<OverlayRecord | KvError> {
    const path = `overlay/network/${network}`
    for (;;) {
      const found = yield* this.datastore.get(path)
      if (found instanceof KvError) return found
      const record = parseOverlay(found.value)
      if (record.vni !== 0) return record
      const ordinal = yield* this.vnis.setAny(0, VNI_LAST - VNI_FIRST, this.lastVni)
      if (ordinal instanceof KvError) return ordinal
      if (ordinal === 'none free') return new KvError('failed', 'no bit available')
      this.lastVni = ordinal
      const claimed = { ...record, vni: VNI_FIRST + ordinal }
      const written = yield* this.datastore.put(path, overlayJson(claimed), found)
      if (!(written instanceof KvError)) return claimed
      const released = yield* this.vnis.unset(ordinal)
      if (written.kind === 'failed' || released !== null) return written
    }
  }

  /** Joins a container to a network of this host, and tells the other hosts. */
  *join(
    network: StoredNetwork,
    container: ContainerSpec,
    endpoint: EndpointRecord,
  ): Process<Endpoint | AttachError | KvError> {
    const record = yield* this.obtainVni(network.id)
    if (record instanceof KvError) return record
    if (record.isSecure) return NO_KEYS
    yield* sleep(KERNEL_WORK)
    const sandbox = this.enter(network, record)
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

  private enter(network: StoredNetwork, record: OverlayRecord): NetworkSandbox {
    const { id } = network
    const sandbox = this.networks.enter({
      network: id,
      vni: record.vni,
      subnet: network.pool.subnet,
      gateway: network.gateway,
      mtu: overlayMtu(record.mtu, false),
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
