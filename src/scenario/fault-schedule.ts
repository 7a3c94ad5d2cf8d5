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
import type { ContainerLife } from './container-life.ts'
import { HostFaultSchedule } from './host-fault-schedule.ts'
import { HostLife } from './host-life.ts'
import { LinkCuts } from './link-cuts.ts'
import type { FaultAction, FaultModel } from './model.ts'
import type { World, WorldLink } from './world.ts'

/** Brings the scenario's faults about, and ends them. */
export class FaultSchedule {
  private readonly world: World
  private readonly containers: ContainerLife
  private readonly cuts: LinkCuts

  constructor(world: World, containers: ContainerLife) {
    this.world = world
    this.containers = containers
    this.cuts = new LinkCuts(world)
  }

  start(): void {
    const { scenario, simulator } = this.world
    const hosts = new HostLife(this.world, this.containers, this.cuts)
    const ofHosts = new HostFaultSchedule(this.world, hosts, this.containers)
    for (const fault of scenario.faults) {
      ofHosts.schedule(fault)
      const ports = fault.on.flatMap(({ link, direction }) => this.portsOf(link, direction))
      const rules = fault.actions.flatMap((action) => ruleOf(action))
      simulator.callAt(fault.at, () => this.begin(fault, ports, rules))
      if (fault.until !== null) simulator.callAt(fault.until, () => this.end(fault, ports, rules))
    }
  }

  private begin(fault: FaultModel, ports: Port[], rules: FaultRule[]): void {
    for (const port of ports) for (const rule of rules) port.channel.add(rule)
    if (isCut(fault)) this.cuts.cut(ports, this.linksOf(fault))
  }

  private end(fault: FaultModel, ports: Port[], rules: FaultRule[]): void {
    for (const port of ports) for (const rule of rules) port.channel.remove(rule)
    if (isCut(fault)) this.cuts.mend(ports, this.linksOf(fault))
  }

  private linksOf({ on }: FaultModel): WorldLink[] {
    return on.map(({ link }) => this.world.links.get(link)!)
  }

  private portsOf(name: string, direction: 'both' | 'forward' | 'backward'): Port[] {
    const { a, b } = this.world.links.get(name)!
    if (direction === 'forward') return [a]
    return direction === 'backward' ? [b] : [a, b]
  }
}

function isCut({ actions }: FaultModel): boolean {
  return actions.some(({ kind }) => kind === 'cut')
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
