import type { StoreCluster } from '../../control/cluster/store.ts'
import { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import { type Process, Signal } from '../../sim/process.ts'
import { formatIpv4, formatPrefix } from '../../wire/ipv4-address.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
} from '../contract.ts'
import { BgpService } from './bird/bgp-service.ts'
import { ContainerRuntime } from './cni/container-runtime.ts'
import { GATEWAY } from './cni/sandbox.ts'
import type { CalicoNetwork } from './cni/workload.ts'
import type { Datastore } from './datastore/client.ts'
import { V2Datastore } from './datastore/v2-datastore.ts'
import { V3Datastore } from './datastore/v3-datastore.ts'
import { deleteNode } from './delete-node.ts'
import { FelixService } from './felix/felix-service.ts'
import type { NodeContext, NodeService } from './node-service.ts'
import { NodeStartup } from './node-startup.ts'
import { applyResources } from './operator.ts'
import { type CalicoOptions, datastoreOf, modesOf, podMtu } from './options.ts'

const NO_DRIVER = new AttachError('Error response from daemon: legacy plugin: plugin not found')

/** The network was made for another Calico than the one that runs. */
const OTHER_DATASTORE = new AttachError(
  'all networks of calico on a host have one datastore: etcd-v2 (libnetwork) or etcd-v3 (cni)',
)

/** calico-node on one host, for all networks of the scheme, and what runs the plugins there. */
class CalicoHost implements Daemon, NodeContext {
  readonly host: Host
  readonly node: string
  readonly nodeAddress: string
  readonly store: StoreCluster
  readonly options: CalicoOptions
  private readonly networks = new Map<string, CalicoNetwork>()
  private readonly past: string[] = []
  private readonly services: readonly NodeService[]
  private runtime: ContainerRuntime | null = null
  private startup: Program | null = null
  /** The node has been set up once: pods are scheduled on it. */
  private isReady = new Signal<void>()
  private isRunning = false
  private boots: number

  constructor(host: Host, network: NetworkSpec<CalicoOptions>) {
    this.host = host
    this.node = host.name
    const { length } = host.nic.addresses[0]!
    this.nodeAddress = `${formatIpv4(host.address)}/${length}`
    this.store = network.store!
    this.options = network.options
    this.boots = host.boots
    this.services = [new FelixService(this), new BgpService(this)]
    this.start()
  }

  datastore(program: Program): Datastore {
    const endpoints = this.store.addressesFor(this.host)
    return datastoreOf(this.options) === 'etcd-v2'
      ? new V2Datastore(program, endpoints)
      : new V3Datastore(program, endpoints)
  }

  addNetwork(network: NetworkSpec<CalicoOptions>): void {
    const { name, options, members } = network
    if (datastoreOf(options) !== datastoreOf(this.options)) return
    this.networks.set(name, { name, options })
    if (members[0]?.host !== this.node) return
    applyResources(this.host, network, (program) => this.datastore(program))
  }

  get hasVxlan(): boolean {
    return [...this.networks.values()].some(({ options }) => modesOf(options).vxlan !== 'Never')
  }

  get log(): readonly string[] {
    return [
      ...this.past,
      ...(this.startup?.log ?? []),
      ...this.services.flatMap(({ log }) => log),
      ...(this.runtime?.log ?? []),
    ]
  }

  start(): void {
    if (this.isRunning) return
    this.isRunning = true
    if (this.boots !== this.host.boots) this.runtime?.reset()
    this.boots = this.host.boots
    this.host.commands.sysctl('net.ipv4.ip_forward', 1)
    this.ensureGatewayRoute()
    const program = new Program(this.host.root, 'calico-startup')
    this.startup = program
    program.spawn(this.run(program))
  }

  /**
   * Linux answers as a proxy only for what it has a route to: where a host has no default route, its
   * administrator must give it one to the containers' gateway.
   */
  private ensureGatewayRoute(): void {
    const { commands, nic, root } = this.host
    if (root.routes.lookup(GATEWAY) !== null) return
    commands.route.replace({ dst: { base: GATEWAY, length: 32 }, dev: nic.name, scope: 'link' })
  }

  private *run(program: Program): Process {
    yield* new NodeStartup(program, this).run(() => this.pools())
    this.isReady.settle(undefined)
    for (const service of this.services) service.start()
    this.end(program)
  }

  /** CIDRs that the networks of this host need. */
  private pools(): string[] {
    return [...this.networks.values()].map(({ options }) => formatPrefix(options.subnet))
  }

  private end(program: Program): void {
    this.past.push(...program.log)
    this.startup = null
    program.kill()
  }

  /** `docker stop calico-node`: what is in the kernel stays. */
  stop(): void {
    this.halt((service) => service.stop())
  }

  crash(): void {
    this.halt((service) => service.crash())
  }

  private halt(end: (service: NodeService) => void): void {
    this.isRunning = false
    if (this.startup !== null) this.end(this.startup)
    for (const service of this.services) end(service)
  }

  /** calico-node is stopped, and then its node deleted, by calicoctl on this host. */
  *leave(): Process<void> {
    if (!this.isRunning) return
    this.stop()
    this.isReady = new Signal<void>()
    const program = new Program(this.host.root, 'calicoctl-delete-node')
    const done = new Signal<void>()
    const work = program.spawn(deleteNode(program, this)).done
    work.wait(program.simulator, () => done.settle(undefined))
    yield* done.receive()
    this.end(program)
  }

  /** Waits until the node has been set up: before that the orchestrator has no network to offer. */
  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    yield* this.isReady.receive()
    const network = this.networks.get(container.network)
    if (network === undefined) return OTHER_DATASTORE
    // The driver of libnetwork is a part of calico-node; the CNI plugin is a program of the host.
    if (!this.isRunning && network.options.orchestrator === 'libnetwork') return NO_DRIVER
    this.runtime ??= new ContainerRuntime(this, this.mtu())
    return yield* this.runtime.add(network, container)
  }

  /** Of all containers of the host: what the narrowest encapsulation of all pools leaves. */
  private mtu(): number {
    const all = [...this.networks.values()].map(({ options }) => podMtu(options, this.host.nic.mtu))
    return Math.min(...all)
  }

  *detach({ network, container }: Endpoint): Process<void> {
    if (this.runtime !== null) yield* this.runtime.remove(network, container)
  }
}

/** By host: there is one calico-node, whatever the number of networks. */
const hosts = new WeakMap<Host, CalicoHost>()

/** The daemon of a host as one network sees it. */
export function startCalico(host: Host, network: NetworkSpec<CalicoOptions>): Daemon {
  const daemon = hosts.get(host) ?? new CalicoHost(host, network)
  hosts.set(host, daemon)
  daemon.addNetwork(network)
  return daemon
}
