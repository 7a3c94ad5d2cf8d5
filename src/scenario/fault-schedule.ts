import { L2Switch } from '../fabric/l2-switch.ts'
import {
  blockProtocol,
  blockUdpPort,
  corruption,
  delay,
  duplication,
  jitter,
  loss,
  maxPacket,
  reordering,
} from '../link/fault-rules.ts'
import type { FaultRule } from '../link/faulty-channel.ts'
import type { Port } from '../link/port.ts'
import { PROTOCOL_ICMP } from '../wire/frame.ts'
import { HostFaultSchedule } from './host-fault-schedule.ts'
import type { FaultAction, FaultModel } from './model.ts'
import { hasSpanningTree, SpanningTreeControl } from './spanning-tree-control.ts'
import type { World } from './world.ts'

/** Brings the scenario's faults about, and ends them. */
export class FaultSchedule {
  private readonly world: World
  /** Cuts overlap: a direction is up again when the last of them has ended. */
  private readonly cuts = new Map<Port, number>()

  constructor(world: World) {
    this.world = world
  }

  start(): void {
    const { scenario, simulator } = this.world
    const hosts = new HostFaultSchedule(this.world)
    for (const fault of scenario.faults) {
      hosts.schedule(fault)
      const ports = fault.on.flatMap(({ link, direction }) => this.portsOf(link, direction))
      const rules = fault.actions.flatMap((action) => ruleOf(action))
      const cuts = fault.actions.some((action) => action.kind === 'cut')
      simulator.callAt(fault.at, () => this.begin(fault, ports, rules, cuts))
      this.scheduleEnd(fault, ports, rules, cuts)
    }
  }

  private scheduleEnd(fault: FaultModel, ports: Port[], rules: FaultRule[], cuts: boolean): void {
    if (fault.until === null) return
    this.world.simulator.callAt(fault.until, () => {
      for (const port of ports) {
        for (const rule of rules) port.channel.remove(rule)
        if (cuts) this.cut(port, -1)
      }
      if (cuts) this.topologyChanged(fault)
    })
  }

  private begin(fault: FaultModel, ports: Port[], rules: FaultRule[], cuts: boolean): void {
    for (const port of ports) {
      for (const rule of rules) port.channel.add(rule)
      if (cuts) this.cut(port, 1)
    }
    if (cuts) this.topologyChanged(fault)
  }

  private cut(port: Port, by: number): void {
    const depth = (this.cuts.get(port) ?? 0) + by
    this.cuts.set(port, depth)
    port.setUp(depth === 0)
    // A switch forgets what it learned on a port whose link has gone.
    if (depth > 0 && port.owner instanceof L2Switch) port.owner.table.flushPort(port.index)
  }

  private topologyChanged({ on }: FaultModel): void {
    const { scenario, routing, links } = this.world
    if (hasSpanningTree(scenario.fabric)) new SpanningTreeControl(this.world).settle()
    for (const { link } of on) routing?.linkChanged(links.get(link)!)
  }

  private portsOf(name: string, direction: 'both' | 'forward' | 'backward'): Port[] {
    const { a, b } = this.world.links.get(name)!
    if (direction === 'forward') return [a]
    return direction === 'backward' ? [b] : [a, b]
  }
}

/** Each direction gets rules of its own objects only where they keep state; these do not. */
function ruleOf(action: FaultAction): FaultRule[] {
  switch (action.kind) {
    case 'cut':
      return []
    case 'loss':
      return [loss(action.probability)]
    case 'corrupt':
      return [corruption(action.probability, action.undetected)]
    case 'duplicate':
      return [duplication(action.probability)]
    case 'reorder':
      return [reordering(action.probability, action.delay)]
    case 'delay':
      return [
        ...(action.delay > 0 ? [delay(action.delay)] : []),
        ...(action.jitter > 0 ? [jitter(action.jitter)] : []),
      ]
    case 'block-udp-port':
      return [blockUdpPort(action.port)]
    case 'block-protocol':
      return [blockProtocol(action.protocol)]
    case 'filter-icmp':
      return [blockProtocol(PROTOCOL_ICMP)]
    case 'max-packet':
      return [maxPacket(action.bytes)]
  }
}
