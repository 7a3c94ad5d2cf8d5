import type { Host } from '../../host/host.ts'
import { type Process, Signal } from '../../sim/process.ts'
import type { Simulator } from '../../sim/simulator.ts'
import { formatIpv4, type Ipv4Address, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import { macOf } from '../../wire/mac-address.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
} from '../contract.ts'
import { AllocatorDisk } from './ipam/disk.ts'
import type { PeerName } from './mesh/peer.ts'
import { attachContainer, detachContainer } from './net/attach.ts'
import {
  configureIptables,
  deleteBridge,
  ensureBridge,
  mtuOf,
  removeIptables,
} from './net/bridge.ts'
import { expose } from './net/expose.ts'
import { bridgeTypeOf, isAmong, peersOf, type WeaveOptions } from './options.ts'
import { Weaver } from './weaver.ts'

const NOT_RUNNING = new AttachError(
  'weave is not running. Have you launched it? The network is not available.',
)
/** Of the host's own addresses, as the address manager has them. */
const EXPOSED = 'weave:expose'

/** weave on one host, for all networks of the scheme: the router and its starts, and what outlives them. */
class WeaveDaemon implements Daemon {
  private readonly host: Host
  /** How the router is launched is a matter of the first network. */
  private readonly first: NetworkSpec<WeaveOptions>
  private readonly networks = new Map<string, NetworkSpec<WeaveOptions>>()
  private readonly past: string[] = []
  /** The host's own address on each network on which it is exposed. */
  private readonly exposed = new Map<string, Ipv4Address>()
  private disk = new AllocatorDisk()
  private weaver: Weaver | null = null
  private boots: number

  constructor(host: Host, network: NetworkSpec<WeaveOptions>) {
    this.host = host
    this.first = network
    this.boots = host.boots
    this.start()
  }

  get log(): readonly string[] {
    return this.weaver === null ? this.past : [...this.past, ...this.weaver.program.log]
  }

  addNetwork(network: NetworkSpec<WeaveOptions>): void {
    this.networks.set(network.name, network)
    const { weaver } = this
    if (weaver !== null && this.isExposed(network)) {
      weaver.program.spawn(this.expose(weaver, network))
    }
  }

  private isExposed({ options }: NetworkSpec<WeaveOptions>): boolean {
    return isAmong(options.expose, this.host.name)
  }

  start(): void {
    if (this.weaver !== null) return
    const { host, first } = this
    const { options, members } = first
    if (this.boots !== host.boots) {
      this.boots = host.boots
      this.exposed.clear()
    }
    const name = peerNameOf(host.kernel.simulator, host.name)
    const type = bridgeTypeOf(options, host.name)
    const bridge = { type, mtu: options.mtu ?? null, mac: name }
    // dockerd, which runs the containers, has switched both on.
    host.commands.sysctl('net.ipv4.ip_forward', 1)
    host.commands.sysctl('net.bridge.bridge-nf-call-iptables', 1)
    ensureBridge(host, bridge)
    configureIptables(host.commands)
    const seeds = members.map((member) => peerNameOf(host.kernel.simulator, member.host))
    const weaver = new Weaver(host, { options, name, bridge, seeds, disk: this.disk })
    this.weaver = weaver
    const { program } = weaver
    program.ended.wait(program.simulator, () => this.ended(weaver))
    program.spawn(weaver.run(peersOf(options, host.name, members)))
    for (const network of this.networks.values()) {
      if (this.isExposed(network)) program.spawn(this.expose(weaver, network))
    }
  }

  private ended(weaver: Weaver): void {
    this.past.push(...weaver.program.log)
    if (this.weaver === weaver) this.weaver = null
  }

  stop(): void {
    this.weaver?.program.spawn(this.shutDown(this.weaver))
  }

  private *shutDown(weaver: Weaver): Process {
    weaver.shutDown()
    yield* []
  }

  crash(): void {
    this.weaver?.program.kill()
  }

  private *expose(weaver: Weaver, { name, options }: NetworkSpec<WeaveOptions>): Process {
    const subnet = subnetOf(options)
    const address = yield* weaver.addressOfHost(`${EXPOSED}:${name}`, subnet)
    if (typeof address === 'string') {
      weaver.program.log.push(`weave expose: ${address}`)
      return
    }
    expose(this.host, address, subnet, options.masquerade)
    this.exposed.set(name, address)
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    const { weaver } = this
    if (weaver === null) return NOT_RUNNING
    return yield* this.within(weaver, this.run(weaver, container), NOT_RUNNING)
  }

  private *run(weaver: Weaver, container: ContainerSpec): Process<Endpoint | AttachError> {
    const { options } = this.networks.get(container.network)!
    const subnet = subnetOf(options)
    const id = idOf(container)
    const address = yield* weaver.addressFor(id, subnet, container.address)
    if (typeof address === 'string') {
      const text = container.address === null ? '' : `${formatIpv4(container.address)}: `
      return new AttachError(`weave: ${text}${address}`)
    }
    const type = bridgeTypeOf(this.first.options, this.host.name)
    const gateway = container.defaultRoute ? (this.exposed.get(container.network) ?? null) : null
    const endpoint = yield* attachContainer(this.host, container, {
      address,
      length: subnet.length,
      mtu: mtuOf({ type, mtu: this.first.options.mtu ?? null }),
      txOffload: type !== 'bridge',
      gateway,
    })
    if (endpoint instanceof AttachError) weaver.allocator.delete(id)
    return endpoint
  }

  /** The container is removed, and its address free at once. */
  *detach(endpoint: Endpoint): Process<void> {
    const { weaver } = this
    if (weaver === null) return detachContainer(endpoint)
    yield* this.within(weaver, this.remove(weaver, endpoint), undefined)
  }

  private *remove(weaver: Weaver, endpoint: Endpoint): Process {
    detachContainer(endpoint)
    weaver.allocator.delete(idOf({ name: endpoint.container, network: endpoint.network }))
    yield* []
  }

  /** `weave reset`: gives its addresses to another peer, and leaves nothing behind. */
  *leave(): Process<void> {
    const { weaver, host } = this
    if (weaver !== null) {
      yield* this.within(weaver, weaver.reset(), undefined)
    }
    deleteBridge(host)
    removeIptables(host.commands)
    this.disk = new AllocatorDisk()
    this.exposed.clear()
  }

  /** Does work on the router's thread. @param otherwise what comes of it when the router ends. */
  private *within<T>({ program }: Weaver, work: Process<T>, otherwise: T): Process<T> {
    const { simulator } = program
    const result = new Signal<T>()
    program.spawn(work).done.wait(simulator, (value) => result.settle(value as T))
    program.ended.wait(simulator, () => result.settle(otherwise))
    return yield* result.receive()
  }
}

/** The same id for a container that comes again, and so the same address while nobody else has it. */
function idOf({ name, network }: Pick<ContainerSpec, 'name' | 'network'>): string {
  return `${network}/${name}`
}

function subnetOf({ subnet, range }: WeaveOptions): Ipv4Prefix {
  return subnet ?? range
}

/** By run and host: made of what is soldered into the machine, it is the same at each start. */
const peerNames = new WeakMap<Simulator, Map<string, PeerName>>()

function peerNameOf(simulator: Simulator, host: string): PeerName {
  const names = peerNames.get(simulator) ?? new Map<string, PeerName>()
  peerNames.set(simulator, names)
  const known = names.get(host)
  if (known !== undefined) return known
  const stream = simulator.random.stream(`weave/peer/${host}`)
  const first = (stream.integer(0, 0xff) & 0xfe) | 0x02
  const name = macOf((first << 16) | stream.integer(0, 0xffff), stream.integer(0, 0xffffff))
  names.set(host, name)
  return name
}

/** By host: there is one router, whatever the number of networks. */
const daemons = new WeakMap<Host, WeaveDaemon>()

/** The router of a host as one network sees it. */
export function startWeave(host: Host, network: NetworkSpec<WeaveOptions>): Daemon {
  const known = daemons.get(host)
  const daemon = known ?? new WeaveDaemon(host, network)
  daemons.set(host, daemon)
  daemon.addNetwork(network)
  return daemon
}
