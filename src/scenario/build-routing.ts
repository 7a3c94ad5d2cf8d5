import { L2Switch } from '../fabric/l2-switch.ts'
import { equalCostNexthops } from '../fabric/routing.ts'
import { switchProfile } from '../fabric/switch-profiles.ts'
import { Port } from '../link/port.ts'
import type { Ledger } from '../measure/ledger.ts'
import type { Simulator } from '../sim/simulator.ts'
import { formatPrefix, type Ipv4Address, type Ipv4Prefix, maskOf } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import type { MacPlan } from './mac-plan.ts'
import type { HostModel, LinkModel, Scenario } from './model.ts'
import { trunkTo } from './vlan-trunk.ts'
import type { WorldFabric } from './world.ts'

/** The backplane between a leaf's host ports and its routed interface: fast enough not to matter. */
const BACKPLANE = { rate: 8e12, delay: 0 }

interface Segment {
  readonly subnet: Ipv4Prefix
  readonly gateway: Ipv4Address
}

/** A link between two routers. */
export interface Transit {
  readonly link: string
  readonly from: string
  readonly to: string
  readonly fromAddress: Ipv4Address
  readonly toAddress: Ipv4Address
}

/**
 * Ports of the routers. Those that lead to one subnet of hosts are a switch with a routed interface
 * (SVI), as on a leaf; those between routers have a /31 each.
 */
export class RouterPorts {
  readonly served = new Map<string, Ipv4Prefix[]>()
  readonly transits: Transit[] = []
  private readonly scenario: Scenario
  private readonly simulator: Simulator
  private readonly ledger: Ledger
  private readonly fabric: WorldFabric
  private readonly macs: MacPlan
  private readonly bridges = new Map<string, L2Switch>()
  private readonly stations = new Map<Port, { mac: MacAddress; address: Ipv4Address }>()
  private readonly halves = new Map<string, Ipv4Address>()
  private nextTransit: number

  constructor(
    scenario: Scenario,
    simulator: Simulator,
    ledger: Ledger,
    fabric: WorldFabric,
    macs: MacPlan,
  ) {
    this.scenario = scenario
    this.simulator = simulator
    this.ledger = ledger
    this.fabric = fabric
    this.macs = macs
    this.nextTransit = scenario.fabric.transit.base
  }

  /** The port of `router` on a cable to `other`. */
  add(router: string, other: string, link: LinkModel): Port {
    if (this.fabric.routers.has(other)) return this.addTransit(router, other, link)
    const segment = this.segmentBehind(router, other)
    if (segment === null)
      throw new Error(`no hosts behind ${other}: ${router} has no subnet for it`)
    const key = `${router} ${formatPrefix(segment.subnet)}`
    let bridge = this.bridges.get(key)
    if (!bridge) {
      bridge = this.addInterface(router, segment, link.mtu)
      this.bridges.set(key, bridge)
      this.served.set(router, [...(this.served.get(router) ?? []), segment.subnet])
    }
    const port = bridge.addPort(
      isOfVlans(this.scenario, segment) ? trunkTo(this.scenario.fabric) : {},
    )
    port.mtu = link.mtu
    this.stations.set(port, this.stations.get(bridge.ports[0]!)!)
    return port
  }

  /** The routed interface and the switch that joins it to the host ports. */
  private addInterface(router: string, segment: Segment, mtu: number): L2Switch {
    const profile = { ...switchProfile('generic')!, latency: 0 }
    const number = [...this.bridges.keys()].filter((key) => key.startsWith(`${router} `)).length + 1
    const bridge = new L2Switch(this.simulator, this.ledger, `${router}.br${number}`, profile)
    const mac = this.macs.router()
    const name = `vlan${number}`
    const { gateway, subnet } = segment
    const routed = this.fabric.routers.get(router)!.addPort(name, gateway, subnet.length, mtu, mac)
    const uplink = bridge.addPort({}, name)
    uplink.mtu = mtu
    routed.mtu = mtu
    Port.connect(uplink, routed, BACKPLANE)
    this.stations.set(uplink, { mac, address: gateway })
    if (isOfVlans(this.scenario, segment)) this.addSubInterfaces(router, name, bridge, mtu)
    return bridge
  }

  /** A router on a stick: an interface of its own for each VLAN of the trunk that it has an address in. */
  private addSubInterfaces(router: string, parent: string, bridge: L2Switch, mtu: number): void {
    for (const { id, gateway } of this.scenario.fabric.vlans) {
      if (gateway === null) continue
      const name = `${parent}.${id}`
      const { address, length } = gateway
      const device = this.fabric.routers.get(router)!
      const routed = device.addPort(name, address, length, mtu, this.macs.router())
      const uplink = bridge.addPort({ vlans: { kind: 'access', vlan: id } }, name)
      uplink.mtu = mtu
      routed.mtu = mtu
      Port.connect(uplink, routed, BACKPLANE)
    }
  }

  private addTransit(router: string, other: string, link: LinkModel): Port {
    const known = this.halves.get(link.name)
    const address = known === undefined ? this.nextTransit : known + 1
    if (known === undefined) {
      this.halves.set(link.name, address)
      this.nextTransit += 2
    } else {
      const [from, to] = [other, router]
      this.transits.push({ link: link.name, from, to, fromAddress: known, toAddress: address })
    }
    const device = this.fabric.routers.get(router)!
    const name = `eth${device.namespace.devices.length + 1}`
    const port = device.addPort(name, address | 0, 31, link.mtu, this.macs.router())
    port.mtu = link.mtu
    return port
  }

  /** The router's station on a cable, for a cloud that must know it. */
  stationBehind(port: Port): { mac: MacAddress; address: Ipv4Address } | undefined {
    return this.stations.get(port)
  }

  /** The subnet of the hosts that are reached from `router` through `other` without a further router. */
  private segmentBehind(router: string, other: string): Segment | null {
    const models = new Map(this.scenario.hosts.map((host) => [host.name, host]))
    const seen = new Set([router])
    const queue = [other]
    for (const node of queue) {
      if (seen.has(node)) continue
      seen.add(node)
      const host = models.get(node)
      if (host) return host.gateway === null ? null : segmentOf(host, host.gateway)
      if (this.fabric.routers.has(node)) continue
      for (const { from, to } of this.scenario.fabric.links) {
        if (from === node) queue.push(to)
        else if (to === node) queue.push(from)
      }
    }
    return null
  }
}

/** Whether the VLANs of the fabric end at the switches that serve this subnet. */
function isOfVlans({ fabric }: Scenario, { subnet }: Segment): boolean {
  return fabric.vlans.length > 0 && subnet.base === fabric.subnet.base
}

function segmentOf(host: HostModel, gateway: Ipv4Address): Segment {
  const length = host.prefixLength
  return { subnet: { base: host.address & maskOf(length), length }, gateway }
}

/** Installs on each router the routes to what the others serve, over all ways of equal cost. */
export function connectRouters(scenario: Scenario, fabric: WorldFabric, ports: RouterPorts): void {
  addStaticRoutes(scenario, fabric, ports)
  const names = [...fabric.routers.keys()]
  const tables = equalCostNexthops(names, ports.transits)
  for (const [destination, subnets] of ports.served) {
    for (const [router, nexthops] of tables.get(destination)!) {
      const addresses = nexthops.flatMap((next) => addressesOf(ports.transits, router, next))
      if (addresses.length === 0) continue
      for (const subnet of subnets) {
        const error = fabric.routers.get(router)!.addRoute(subnet, addresses)
        if (error) fabric.log.push(`${router}: ${formatPrefix(subnet)}: ${error.message}`)
      }
    }
  }
  addDefaultRoutes(scenario, fabric, ports, tables)
}

/** What an operator adds by hand is from then on among what its router serves. */
function addStaticRoutes(
  { fabric: { routes } }: Scenario,
  fabric: WorldFabric,
  ports: RouterPorts,
) {
  for (const { to, via } of routes) {
    for (const [name, router] of fabric.routers) {
      if (router.namespace.routes.lookup(via)?.scope !== 'link') continue
      const error = router.addRoute(to, [via])
      if (error) fabric.log.push(`${name}: ${formatPrefix(to)}: ${error.message}`)
      else ports.served.set(name, [...(ports.served.get(name) ?? []), to])
    }
  }
}

/** Where the fabric has a way out, all routers know it. */
function addDefaultRoutes(
  scenario: Scenario,
  fabric: WorldFabric,
  ports: RouterPorts,
  tables: ReadonlyMap<string, ReadonlyMap<string, string[]>>,
): void {
  const gateway = scenario.fabric.nodes.find((node) => node.role === 'gateway')
  if (!gateway) return
  for (const [router, nexthops] of tables.get(gateway.name) ?? []) {
    const addresses = nexthops.flatMap((next) => addressesOf(ports.transits, router, next))
    if (addresses.length === 0) continue
    fabric.routers.get(router)!.addRoute({ base: 0, length: 0 }, addresses)
  }
}

function addressesOf(transits: readonly Transit[], from: string, to: string): Ipv4Address[] {
  return transits.flatMap((transit) => {
    if (transit.from === from && transit.to === to) return [transit.toAddress]
    if (transit.from === to && transit.to === from) return [transit.fromAddress]
    return []
  })
}
