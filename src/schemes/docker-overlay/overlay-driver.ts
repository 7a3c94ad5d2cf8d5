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
import { NetworkSandbox } from './network-sandbox.ts'
import { type DockerOverlayOptions, overlayMtu } from './options.ts'
import { PeerGossip, type PeerListener } from './peer-gossip.ts'
import type { PeerEvent } from './peer-messages.ts'
import { type Peer, type PeerChanges, PeerTable } from './peer-table.ts'

/** vxlanIDStart and vxlanIDEnd. */
const VNI_FIRST = 256
const VNI_LAST = 16_777_215
/** Namespaces, VXLAN device and pair took 160 to 250 ms of a measured start. */
const KERNEL_WORK = 180 * MILLISECOND

/** A network's namespace on a host and how many containers of the host are in it. */
interface ActiveSandbox {
  readonly sandbox: NetworkSandbox
  readonly misses: MissWatcher
  joins: number
}

/** drivers/overlay, for one life of the daemon. */
export class OverlayDriver implements PeerListener {
  private readonly program: Program
  private readonly host: Host
  private readonly datastore: Datastore
  private readonly version: DockerOverlayOptions['version']
  /** By network, those of networks without a namespace here too. */
  private readonly tables = new Map<string, PeerTable>()
  private readonly sandboxes = new Map<string, ActiveSandbox>()
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
    this.host = host
    this.datastore = datastore
    this.version = version
    const bits = VNI_LAST - VNI_FIRST + 1
    this.vnis = new BitHandle(datastore, 'idm/vxlan-id', 'vxlan-id', bits)
    program.ended.wait(program.simulator, () => this.stopListening())
  }

  /** What it leaves to the kernel, when it is killed, goes on without it. */
  private stopListening(): void {
    for (const { misses } of this.sandboxes.values()) misses.stop()
  }

  /** The namespaces that are there. */
  get active(): readonly NetworkSandbox[] {
    return [...this.sandboxes.values()].map(({ sandbox }) => sandbox)
  }

  /** Nodes were discovered: one of them is joined, and told of the containers that are here. */
  *discovered(nodes: readonly Ipv4Address[]): Process {
    const { host, program } = this
    if (nodes.includes(host.address)) {
      this.gossip ??= PeerGossip.start(program, host.name, host.address, this)
    }
    const neighbour = nodes.find((address) => address !== host.address)
    const { gossip } = this
    if (gossip === null || neighbour === undefined || this.hasJoined) return
    this.hasJoined = true
    this.hasJoined = yield* gossip.join(neighbour)
    if (!this.hasJoined) return
    for (const [network, table] of this.tables) {
      for (const peer of table.peers) if (peer.isLocal) gossip.tell('join', network, peer)
    }
  }

  *createNetwork(network: StoredNetwork, mtu: number): Process<KvError | null> {
    const refusal = yield* this.vnis.create()
    if (refusal !== null) return refusal
    const record = overlayJson(overlayRecordOf(network, mtu))
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
    yield* sleep(KERNEL_WORK)
    const active = this.ensureSandbox(network, record)
    const { address, mac } = endpoint
    const joined = active.sandbox.attach(container, address, mac)
    if (joined instanceof AttachError) {
      this.releaseSandbox(network.id, active)
      return joined
    }
    const peer = this.localPeer(endpoint)
    this.tableOf(network.id).add(peer)
    this.gossip?.tell('join', network.id, peer)
    return joined
  }

  private localPeer({ id, address, mac, pool, locator }: EndpointRecord): Peer {
    const mask = maskOf(pool.subnet.length)
    return { endpointId: id, address, mask, mac, vtep: locator, isLocal: true }
  }

  private ensureSandbox(network: StoredNetwork, record: OverlayRecord): ActiveSandbox {
    const known = this.sandboxes.get(network.id)
    if (known !== undefined) {
      known.joins++
      return known
    }
    const sandbox = new NetworkSandbox(this.host, {
      network: network.id,
      vni: record.vni,
      subnet: network.pool.subnet,
      gateway: network.gateway,
      mtu: overlayMtu(record.mtu),
    })
    const misses = new MissWatcher(this.program, sandbox, (address) =>
      this.resolve(network.id, address),
    )
    const active = { sandbox, misses, joins: 1 }
    this.sandboxes.set(network.id, active)
    for (const peer of this.tableOf(network.id).peers) if (!peer.isLocal) sandbox.addPeer(peer)
    return active
  }

  private releaseSandbox(network: string, active: ActiveSandbox): void {
    if (--active.joins > 0) return
    this.sandboxes.delete(network)
    active.misses.stop()
    active.sandbox.destroy()
  }

  /** The container's device is gone already. */
  leave(network: string, endpoint: EndpointRecord): void {
    const peer = this.localPeer(endpoint)
    this.tableOf(network).remove(peer)
    this.gossip?.tell('leave', network, peer)
    const active = this.sandboxes.get(network)
    if (active !== undefined) this.releaseSandbox(network, active)
  }

  private tableOf(network: string): PeerTable {
    const known = this.tables.get(network)
    if (known !== undefined) return known
    const table = new PeerTable(this.version)
    this.tables.set(network, table)
    return table
  }

  find(network: string, address: Ipv4Address): Peer | null {
    return this.tables.get(network)?.find(address) ?? null
  }

  apply({ action, network, peer }: PeerEvent): void {
    const table = this.tableOf(network)
    this.tellKernel(network, action === 'join' ? table.add(peer) : table.remove(peer))
  }

  private tellKernel(network: string, { removed, added }: PeerChanges): void {
    const sandbox = this.sandboxes.get(network)?.sandbox
    if (sandbox === undefined) return
    if (removed !== null && !removed.isLocal) sandbox.removePeer(removed)
    if (added !== null && !added.isLocal) sandbox.addPeer(added)
  }

  private *resolve(network: string, address: Ipv4Address): Process<boolean> {
    if (this.gossip === null) return false
    const peer = yield* this.gossip.resolve(network, address)
    if (peer === null) return false
    const changes = this.tableOf(network).add(peer)
    if (changes.added !== null) this.tellKernel(network, changes)
    // Of one that is known only the neighbour is put back, not the entry of the FDB.
    else this.sandboxes.get(network)?.sandbox.addNeighbour(peer)
    return true
  }
}
