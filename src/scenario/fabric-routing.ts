import { BgpDaemon } from '../control/bgp/daemon.ts'
import { KernelRoutes } from '../control/bgp/kernel-routes.ts'
import type { Neighbour } from '../control/bgp/neighbour.ts'
import type { GracefulRestartSettings, SessionTimers } from '../control/bgp/session/settings.ts'
import { SECOND } from '../sim/units.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { contains, type Ipv4Address, type Ipv4Prefix } from '../wire/ipv4-address.ts'
import type { RouterPorts, Transit } from './build-routing.ts'
import type { FabricBgpModel, NodeModel, Scenario } from './model.ts'
import type { WorldFabric, WorldLink } from './world.ts'

/** First of the private four-octet AS numbers (RFC 6996); the spines share it (RFC 7938 section 5.2.1). */
const SPINE_AS = 4_200_000_000
/** Equal ways that a router uses: as many as the hardware of a spine has ports. */
const MULTIPATH = 128
/** Between the end of a session and the next attempt: FRR's BGP_INIT_START_TIMER. */
const START_DELAY = SECOND

/** Routers of the field help others that restart gracefully, and do not ask for it themselves. */
const GRACEFUL_RESTART: GracefulRestartSettings = {
  mode: 'aware',
  restartTime: 120,
}

const DEFAULT_ROUTE: Ipv4Prefix = { base: 0, length: 0 }

/** A router's neighbour across one link. */
interface Adjacency {
  readonly link: string
  readonly address: Ipv4Address
  readonly peer: string
  readonly peerAddress: Ipv4Address
}

/**
 * BGP on all routers of the fabric, laid out as RFC 7938 does it: a session on each link, one AS for
 * each leaf and a common one for the spines, and all equal ways in use.
 */
export class FabricRouting {
  private readonly routers = new Map<string, RoutedNode>()

  constructor(scenario: Scenario, model: FabricBgpModel, fabric: WorldFabric, ports: RouterPorts) {
    const numbers = asNumbers(scenario.fabric.nodes)
    const adjacencies = adjacenciesOf(ports.transits)
    for (const [name, { namespace }] of fabric.routers) {
      const racks = ports.served.get(name) ?? []
      const served = [...racks]
      // Where the fabric has a way out, all routers learn of it.
      if (isWayOut(scenario, name)) served.push(DEFAULT_ROUTE)
      this.routers.set(
        name,
        new RoutedNode(model, {
          name,
          namespace,
          served,
          racks,
          numbers,
          adjacencies: adjacencies.get(name) ?? [],
          log: fabric.log,
        }),
      )
    }
  }

  start(): void {
    for (const router of this.routers.values()) router.start()
  }

  /** The BGP process of a router; undefined when there is none. */
  processOf(router: string): RoutedNode | undefined {
    return this.routers.get(router)
  }

  /** A direction of a link has gone down or come up. */
  linkChanged({ model, a, b }: WorldLink): void {
    // Of a link that is cut one way only, the light is still there: the hold time has to tell.
    const hasCarrier = a.isUp || b.isUp
    for (const end of [model.from, model.to]) {
      this.routers.get(end)?.setCarrier(model.name, hasCarrier)
    }
  }
}

interface NodeOptions {
  readonly name: string
  readonly namespace: NetNamespace
  /** Destinations that it advertises. */
  readonly served: readonly Ipv4Prefix[]
  /** Subnets of hosts. */
  readonly racks: readonly Ipv4Prefix[]
  readonly numbers: ReadonlyMap<string, number>
  readonly adjacencies: readonly Adjacency[]
  readonly log: string[]
}

/** One router's BGP process, which can end and begin again; its routes stay in the hardware meanwhile. */
class RoutedNode {
  private readonly model: FabricBgpModel
  private readonly options: NodeOptions
  private readonly timers: SessionTimers
  private readonly routes: KernelRoutes
  private readonly down = new Set<string>()
  private daemon: BgpDaemon | null = null

  constructor(model: FabricBgpModel, options: NodeOptions) {
    this.model = model
    this.options = options
    this.timers = {
      holdTime: model.holdTime / SECOND,
      keepalive: model.keepalive,
      startDelay: 0,
      connectRetry: model.connectRetry,
      connectDelay: START_DELAY,
      errorWait: { least: START_DELAY, most: START_DELAY },
      errorForget: 0,
    }
    const { name, namespace, log } = options
    this.routes = new KernelRoutes(namespace, 'bgp', (message) => log.push(`${name}: ${message}`))
  }

  start(): void {
    if (this.daemon?.program.isRunning) return
    const { name, namespace, numbers, adjacencies, served, racks } = this.options
    const routerId = adjacencies[0]?.address ?? this.gatewayOf(racks[0])
    if (routerId === undefined) return
    const settings = { as: numbers.get(name)!, routerId, multipath: MULTIPATH }
    const daemon = new BgpDaemon(namespace, 'bgpd', settings, this.routes)
    this.daemon = daemon
    this.routes.clear()
    for (const adjacency of adjacencies) this.addNeighbour(daemon, adjacency)
    for (const rack of racks) this.listen(daemon, rack)
    daemon.post(() => {
      for (const prefix of served) daemon.speaker.originate(prefix)
    })
    daemon.start()
    for (const link of this.down) this.applyCarrier(link, false)
  }

  private addNeighbour({ speaker }: BgpDaemon, { address, peer, peerAddress }: Adjacency): void {
    speaker.addNeighbour({
      remoteAs: this.options.numbers.get(peer)!,
      localAddress: address,
      remoteAddress: peerAddress,
      timers: this.timers,
      isPassive: false,
      gracefulRestart: GRACEFUL_RESTART,
      advertisementInterval: this.model.advertisementInterval,
    })
  }

  /** Sessions that hosts of a rack begin. */
  private listen({ speaker }: BgpDaemon, range: Ipv4Prefix): void {
    const { hosts, advertisementInterval } = this.model
    if (hosts === undefined) return
    speaker.listen({
      range,
      limit: hosts.limit,
      options: {
        remoteAs: hosts.as ?? 'external',
        localAddress: this.gatewayOf(range)!,
        timers: this.timers,
        gracefulRestart: GRACEFUL_RESTART,
        advertisementInterval,
      },
    })
  }

  /** Our address among the hosts of a rack. */
  private gatewayOf(rack: Ipv4Prefix | undefined): Ipv4Address | undefined {
    if (rack === undefined) return undefined
    const addresses = this.options.namespace.devices.flatMap((device) => device.addresses)
    return addresses.find(({ address }) => contains(rack, address))?.address
  }

  stop(): void {
    this.daemon?.stop()
  }

  crash(): void {
    this.daemon?.crash()
  }

  setCarrier(link: string, hasCarrier: boolean): void {
    if (!this.model.fastFailover || hasCarrier !== this.down.has(link)) return
    if (hasCarrier) this.down.delete(link)
    else this.down.add(link)
    this.applyCarrier(link, hasCarrier)
  }

  private applyCarrier(link: string, hasCarrier: boolean): void {
    const neighbour = this.neighbourAcross(link)
    if (neighbour === null) return
    this.daemon!.post(() => {
      if (hasCarrier) neighbour.session.start()
      else neighbour.session.stop(null)
    })
  }

  private neighbourAcross(link: string): Neighbour | null {
    const adjacency = this.options.adjacencies.find((each) => each.link === link)
    if (adjacency === undefined) return null
    return this.daemon?.speaker.neighbour(adjacency.peerAddress) ?? null
  }
}

/** Each router an AS of its own, but for the spines. */
function asNumbers(nodes: readonly NodeModel[]): Map<string, number> {
  const numbers = new Map<string, number>()
  let next = SPINE_AS
  for (const { name, kind, role } of nodes) {
    if (kind === 'router') numbers.set(name, role === 'spine' ? SPINE_AS : ++next)
  }
  return numbers
}

function isWayOut({ fabric }: Scenario, name: string): boolean {
  return fabric.nodes.some((node) => node.name === name && node.role === 'gateway')
}

function adjacenciesOf(transits: readonly Transit[]): Map<string, Adjacency[]> {
  const found = new Map<string, Adjacency[]>()
  const add = (router: string, adjacency: Adjacency): void => {
    const known = found.get(router)
    if (known === undefined) found.set(router, [adjacency])
    else known.push(adjacency)
  }
  for (const { link, from, to, fromAddress, toAddress } of transits) {
    add(from, { link, address: fromAddress, peer: to, peerAddress: toAddress })
    add(to, { link, address: toAddress, peer: from, peerAddress: fromAddress })
  }
  return found
}
