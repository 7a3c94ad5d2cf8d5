import { CloudSwitch } from '../fabric/cloud-switch.ts'
import { L2Switch } from '../fabric/l2-switch.ts'
import { Router } from '../fabric/router.ts'
import type { SwitchPortOptions } from '../fabric/switch-port.ts'
import type { Host } from '../host/host.ts'
import { blockProtocol, blockUdpPort } from '../link/fault-rules.ts'
import { Port } from '../link/port.ts'
import type { Ledger } from '../measure/ledger.ts'
import type { Simulator } from '../sim/simulator.ts'
import { registerStations } from './build-cloud.ts'
import { buildBench, makeHost } from './build-hosts.ts'
import { connectRouters, RouterPorts } from './build-routing.ts'
import { FabricRouting } from './fabric-routing.ts'
import { MacPlan } from './mac-plan.ts'
import type { FabricBgpModel, HostModel, LinkModel, NodeModel, Scenario } from './model.ts'
import { hasSpanningTree, SpanningTreeControl } from './spanning-tree-control.ts'
import { trunkTo } from './vlan-trunk.ts'
import type { WorldFabric } from './world.ts'

/** Builds switches, routers, hosts and cables, and what an operator sets up on them beforehand. */
export function buildFabric(scenario: Scenario, simulator: Simulator, ledger: Ledger): WorldFabric {
  const fabric: WorldFabric = {
    hosts: new Map(),
    switches: new Map(),
    clouds: new Map(),
    routers: new Map(),
    links: new Map(),
    bridges: new Map(),
    routing: null,
    log: [],
  }
  if (scenario.fabric.mode === 'bench') {
    buildBench(scenario, simulator, ledger, fabric)
    return fabric
  }
  const builder = new FabricBuilder(scenario, simulator, ledger, fabric)
  for (const node of scenario.fabric.nodes) builder.addNode(node)
  for (const link of scenario.fabric.links) builder.addLink(link)
  builder.finish()
  return fabric
}

class FabricBuilder {
  private readonly scenario: Scenario
  private readonly simulator: Simulator
  private readonly ledger: Ledger
  private readonly fabric: WorldFabric
  private readonly macs = new MacPlan()
  private readonly hostModels: ReadonlyMap<string, HostModel>
  private readonly routerPorts: RouterPorts

  constructor(scenario: Scenario, simulator: Simulator, ledger: Ledger, fabric: WorldFabric) {
    this.scenario = scenario
    this.simulator = simulator
    this.ledger = ledger
    this.fabric = fabric
    this.hostModels = new Map(scenario.hosts.map((host) => [host.name, host]))
    this.routerPorts = new RouterPorts(scenario, simulator, ledger, fabric, this.macs)
  }

  addNode(node: NodeModel): void {
    const { simulator, ledger, fabric } = this
    switch (node.kind) {
      case 'host':
        fabric.hosts.set(node.name, this.makeHost(this.hostModels.get(node.name)!))
        return
      case 'bridge':
        throw new Error(`${node.name}: a bridge of namespaces is no device of a cabled fabric`)
      case 'router':
        fabric.routers.set(node.name, new Router(simulator, ledger, node.name, node.router))
        return
      case 'switch': {
        const { profile } = node.switch
        if (this.scenario.fabric.mode === 'cloud') {
          const cloud = new CloudSwitch(simulator, ledger, node.name, profile.latency)
          fabric.clouds.set(node.name, cloud)
        } else {
          fabric.switches.set(node.name, new L2Switch(simulator, ledger, node.name, profile))
        }
      }
    }
  }

  private makeHost(model: HostModel): Host {
    return makeHost(this.simulator, this.ledger, model, this.macs.host())
  }

  addLink(link: LinkModel): void {
    const a = this.portOf(link.from, link)
    const b = this.portOf(link.to, link)
    Port.connect(a, b, {
      rate: link.rate,
      delay: link.delay,
      queueBytes: link.queue,
    })
    // Bytes bound the queues of switches and routers; a host's is txqueuelen long, whatever it holds.
    for (const name of [link.from, link.to]) this.fabric.hosts.get(name)?.port?.limitQueue(Infinity)
    this.fabric.links.set(link.name, { model: link, a, b })
  }

  private portOf(name: string, link: LinkModel): Port {
    const { fabric } = this
    const host = fabric.hosts.get(name)
    if (host?.port) return host.port
    const other = link.from === name ? link.to : link.from
    const cloud = fabric.clouds.get(name)
    if (cloud) return withMtu(cloud.addPort(), link.mtu)
    const l2 = fabric.switches.get(name)
    if (l2) return withMtu(l2.addPort(this.portOptions(name, other)), link.mtu)
    return this.routerPorts.add(name, other, link)
  }

  /** Port security and storm control stand on ports to hosts: trunks carry everybody's addresses. */
  private portOptions(name: string, other: string): SwitchPortOptions {
    const node = this.scenario.fabric.nodes.find((each) => each.name === name)
    const vlans = trunkTo(this.scenario.fabric, this.fabric.hosts.has(other) ? other : null)
    if (node?.kind !== 'switch' || !this.fabric.hosts.has(other)) return vlans
    const { portSecurity, stormControl, reflective } = node.switch
    return {
      ...vlans,
      ...(portSecurity === null ? {} : { security: portSecurity }),
      ...(stormControl === null ? {} : { stormControl }),
      ...(reflective ? { hairpin: true } : {}),
    }
  }

  finish(): void {
    const { fabric } = this.scenario
    if (fabric.bgp === null) connectRouters(this.scenario, this.fabric, this.routerPorts)
    else this.startBgp(fabric.bgp)
    this.blockTraffic()
    if (fabric.mode === 'cloud') registerStations(this.fabric, this.routerPorts)
    if (hasSpanningTree(fabric)) new SpanningTreeControl(this.fabric).settle()
  }

  private startBgp(model: FabricBgpModel): void {
    const routing = new FabricRouting(this.scenario, model, this.fabric, this.routerPorts)
    this.fabric.routing = routing
    routing.start()
  }

  /** Filters of the whole fabric stand where the hosts' cables enter it. */
  private blockTraffic(): void {
    const { blockProtocols, blockUdpPorts } = this.scenario.fabric
    for (const host of this.fabric.hosts.values()) {
      for (const protocol of blockProtocols) host.port?.channel.add(blockProtocol(protocol))
      for (const port of blockUdpPorts) host.port?.channel.add(blockUdpPort(port))
    }
  }
}

function withMtu(port: Port, mtu: number): Port {
  port.mtu = mtu
  return port
}
