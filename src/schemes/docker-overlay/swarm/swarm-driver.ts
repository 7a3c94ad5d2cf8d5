import { NETWORKDB, type NetworkDbConfig } from '../../../control/gossip/networkdb/config.ts'
import { NetworkDb, type TableChange } from '../../../control/gossip/networkdb/networkdb.ts'
import type { Program } from '../../../control/program/program.ts'
import type { Host } from '../../../host/host.ts'
import { type Process, sleep, spawn } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import { type Ipv4Address, maskOf } from '../../../wire/ipv4-address.ts'
import type { MacAddress } from '../../../wire/mac-address.ts'
import { macOfAddress } from '../../address-mac.ts'
import { announceAddress } from '../../announce-address.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../../contract.ts'
import { randomHex } from '../identifier.ts'
import type { NetworkSandbox, SandboxPlan } from '../network-sandbox.ts'
import { type DockerOverlayOptions, overlayMtu } from '../options.ts'
import { OverlayNetworks } from '../overlay-networks.ts'
import type { Peer } from '../peer-table.ts'
import { OverlayEncryption } from './encryption.ts'
import type { ManagerPlace } from './manager.ts'
import {
  decodePeer,
  ENDPOINT_TABLE,
  encodeEndpoint,
  encodePeer,
  PEER_TABLE,
} from './peer-record.ts'
import type { SwarmKey, SwarmNetwork } from './records.ts'

/** As long as with an external store, where it was measured. */
const KERNEL_WORK = 180 * MILLISECOND
const JOIN_RETRY = SECOND
/** What libnetwork leaves of the control plane's MTU for headers. */
const CONTROL_HEADERS = 100
const LEAVE_TIMEOUT = SECOND
/** Of the part of a node's name in the gossip that is drawn. */
const NODE_NAME_DIGITS = 12

/** An endpoint of this host on a network. */
export interface LocalEndpoint {
  readonly id: string
  readonly network: SwarmNetwork
  readonly peer: Peer
}

/** A network's load balancer on this host: a sandbox with an address and nothing to balance. */
interface BalancerSandbox {
  readonly namespace: NetNamespace
  readonly endpoint: LocalEndpoint
}

type DriverOptions = Pick<
  DockerOverlayOptions,
  'version' | 'dataPathPort' | 'networkControlPlaneMtu'
>

/** drivers/overlay in swarm mode, for one life of the daemon: peers by the tables of networkdb. */
export class SwarmDriver {
  readonly program: Program
  private readonly host: Host
  private readonly dataPathPort: number
  private readonly config: NetworkDbConfig
  private readonly version: DockerOverlayOptions['version']
  private readonly networks: OverlayNetworks
  private readonly encryption: OverlayEncryption
  private readonly joined = new Map<string, SwarmNetwork>()
  private readonly balancers = new Map<string, BalancerSandbox>()
  private gossip: NetworkDb | null = null

  constructor(
    program: Program,
    host: Host,
    { version, dataPathPort, networkControlPlaneMtu }: DriverOptions,
  ) {
    this.program = program
    this.host = host
    this.dataPathPort = dataPathPort
    const udpBufferSize = networkControlPlaneMtu - CONTROL_HEADERS
    this.config = { ...NETWORKDB, memberlist: { ...NETWORKDB.memberlist, udpBufferSize } }
    this.version = version
    this.networks = new OverlayNetworks(host, version)
    this.encryption = new OverlayEncryption(host)
  }

  /** Joins the gossip of the swarm by its managers, under a name of its own in each life. */
  *start(managers: readonly ManagerPlace[]): Process {
    const { host, program } = this
    const name = `${host.name}-${randomHex(program.random, NODE_NAME_DIGITS)}`
    const self = { name, address: host.address }
    this.gossip = NetworkDb.start(program, self, this.config, (change) => this.notify(change))
    if (this.gossip === null) {
      program.log.push('listen tcp :7946: bind: address already in use')
      return
    }
    const { port } = this.config
    const others = managers.filter(({ address }) => address !== host.address)
    const peers = others.map(({ address }) => ({ address, port }))
    while (peers.length > 0 && (yield* this.gossip.join(peers)) === 0) yield* sleep(JOIN_RETRY)
  }

  keys(keys: readonly SwarmKey[]): void {
    this.encryption.setKeys(keys)
  }

  /** Says good-bye: the others drop its endpoints at once. */
  *leaveCluster(): Process {
    if (this.gossip !== null) yield* this.gossip.leave(LEAVE_TIMEOUT)
  }

  /** The namespaces that are there, load balancers not among them. */
  get active(): readonly NetworkSandbox[] {
    return this.networks.active
  }

  get balancerNamespaces(): readonly NetNamespace[] {
    return [...this.balancers.values()].map(({ namespace }) => namespace)
  }

  /** A network comes to this host with its first container. @param balancer null in old versions. */
  *createNetwork(network: SwarmNetwork, balancer: Ipv4Address | null): Process {
    const { id } = network
    if (!this.joined.has(id)) {
      this.joined.set(id, network)
      if (this.gossip !== null) yield* this.gossip.joinNetwork(id)
    }
    if (balancer === null || this.balancers.has(id)) return
    yield* sleep(KERNEL_WORK)
    this.addBalancer(network, balancer)
  }

  private addBalancer(network: SwarmNetwork, address: Ipv4Address): void {
    const { host } = this
    const namespace = host.addContainer(`${host.name}.lb_${network.id.slice(0, 9)}`)
    const container: ContainerSpec = {
      name: `${network.name}-endpoint`,
      network: network.name,
      namespace,
      device: 'eth0',
      defaultRoute: false,
      address,
      mac: null,
      labels: {},
    }
    const endpoint = this.enter(network, container, address, macOfAddress(address))
    if (endpoint instanceof AttachError) host.containers.delete(namespace.name)
    else this.balancers.set(network.id, { namespace, endpoint: endpoint.local })
  }

  /** Its last container has left this host. */
  removeNetwork(id: string): void {
    const balancer = this.balancers.get(id)
    this.balancers.delete(id)
    if (balancer !== undefined) {
      destroyNamespace(this.host, balancer.namespace)
      this.leave(balancer.endpoint)
    }
    for (const { key, value } of this.gossip?.entries(PEER_TABLE, id) ?? []) {
      const peer = decodePeer(key, value)
      if (peer !== null) this.encryption.removeEndpoint(peer.vtep, key)
    }
    this.joined.delete(id)
    this.gossip?.leaveNetwork(id)
    this.networks.flush(id)
  }

  /** Joins a container, and tells the other hosts of the network. */
  *join(
    network: SwarmNetwork,
    container: ContainerSpec,
    address: Ipv4Address,
  ): Process<{ readonly endpoint: Endpoint; readonly local: LocalEndpoint } | AttachError> {
    yield* sleep(KERNEL_WORK)
    const mac = container.mac ?? macOfAddress(address)
    const entered = this.enter(network, container, address, mac)
    if (entered instanceof AttachError) return entered
    const name = encodeEndpoint(container.name, address)
    this.gossip?.createEntry(ENDPOINT_TABLE, network.id, entered.local.id, name)
    return entered
  }

  private enter(
    network: SwarmNetwork,
    container: ContainerSpec,
    address: Ipv4Address,
    mac: MacAddress,
  ): { readonly endpoint: Endpoint; readonly local: LocalEndpoint } | AttachError {
    const isNew = this.networks.sandbox(network.id) === undefined
    const sandbox = this.networks.enter(this.planOf(network))
    if (isNew) this.changeEncryption('add', network)
    const endpoint = sandbox.attach(container, address, mac)
    if (endpoint instanceof AttachError) {
      this.exit(network)
      return endpoint
    }
    this.announce(endpoint)
    const id = randomHex(this.program.random)
    const { length } = endpoint
    const vtep = this.host.address
    const peer = { endpointId: id, address, mask: maskOf(length), mac, vtep, isLocal: true }
    this.networks.add(network.id, peer)
    this.gossip?.createEntry(PEER_TABLE, network.id, id, encodePeer(peer, length))
    return { endpoint, local: { id, network, peer } }
  }

  /** On the host: the VXLAN device forwards no ARP. */
  private announce({ namespace, device, address }: Endpoint): void {
    if (this.version !== '28.0') return
    spawn(namespace.kernel.simulator, announceAddress(namespace.device(device)!, address))
  }

  private planOf({ id, subnets, mtu, isEncrypted }: SwarmNetwork): SandboxPlan {
    const { dataPathPort: port } = this
    return { network: id, segments: subnets, mtu: overlayMtu(mtu, isEncrypted), port }
  }

  /** The container's device is gone already. */
  leave({ id, network, peer }: LocalEndpoint): void {
    this.gossip?.deleteEntry(ENDPOINT_TABLE, network.id, id)
    this.gossip?.deleteEntry(PEER_TABLE, network.id, id)
    this.networks.remove(network.id, peer)
    this.exit(network)
  }

  private exit(network: SwarmNetwork): void {
    if (this.networks.exit(network.id)) this.changeEncryption('remove', network)
  }

  private changeEncryption(
    change: Parameters<OverlayEncryption['changeNetwork']>[0],
    { isEncrypted, subnets }: SwarmNetwork,
  ): void {
    if (!isEncrypted) return
    for (const { vni } of subnets) this.encryption.changeNetwork(change, vni)
  }

  /** EventNotify: another host's endpoint has come or gone, or the host has. */
  private notify({ action, network, table, key, value }: TableChange): void {
    if (table !== PEER_TABLE) return
    const peer = decodePeer(key, value)
    if (peer === null || peer.vtep === this.host.address) return
    const isEncrypted = this.joined.get(network)?.isEncrypted === true
    if (action === 'delete') {
      this.networks.remove(network, peer)
      if (isEncrypted) this.encryption.removeEndpoint(peer.vtep, key)
    } else {
      if (isEncrypted) this.encryption.addEndpoint(peer.vtep, key)
      this.networks.add(network, peer)
    }
  }
}

/** Takes a namespace with its devices away. */
export function destroyNamespace(host: Host, namespace: NetNamespace): void {
  for (const device of [...namespace.devices]) {
    if (device.name === 'lo' || namespace.device(device.name) === undefined) continue
    device.destroy()
    namespace.removeDevice(device)
  }
  host.containers.delete(namespace.name)
}
