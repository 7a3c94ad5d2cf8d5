import { L2Switch } from '../fabric/l2-switch.ts'
import type { Port } from '../link/port.ts'
import { hasSpanningTree, SpanningTreeControl } from './spanning-tree-control.ts'
import type { World, WorldLink } from './world.ts'

/** Which directions of links are down, and why they may still be when one of their cuts has ended. */
export class LinkCuts {
  private readonly world: World
  /** Cuts overlap: a direction is up again when the last of them has ended. */
  private readonly depths = new Map<Port, number>()

  constructor(world: World) {
    this.world = world
  }

  /** @param ports that send nothing from now on. */
  cut(ports: readonly Port[], links: readonly WorldLink[]): void {
    for (const port of ports) this.change(port, 1)
    this.topologyChanged(links)
  }

  mend(ports: readonly Port[], links: readonly WorldLink[]): void {
    for (const port of ports) this.change(port, -1)
    this.topologyChanged(links)
  }

  private change(port: Port, by: number): void {
    const depth = (this.depths.get(port) ?? 0) + by
    this.depths.set(port, depth)
    port.setUp(depth === 0)
    // A switch forgets what it learned on a port whose link has gone.
    if (depth > 0 && port.owner instanceof L2Switch) port.owner.table.flushPort(port.index)
  }

  private topologyChanged(links: readonly WorldLink[]): void {
    const { scenario, routing } = this.world
    if (hasSpanningTree(scenario.fabric)) new SpanningTreeControl(this.world).settle()
    for (const link of links) routing?.linkChanged(link)
  }
}
