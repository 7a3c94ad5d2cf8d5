import { pathCost, spanningTree } from '../fabric/spanning-tree.ts'
import { macOf } from '../wire/mac-address.ts'
import type { FabricModel } from './model.ts'
import type { WorldFabric, WorldLink } from './world.ts'

const PRIORITY = 32768

/** Where layer 2 may have loops: by leave of the file, or because several spines join the racks. */
export function hasSpanningTree({ mode, allowLoops, spines }: FabricModel): boolean {
  return mode === 'l2' && (allowLoops || spines > 1)
}

/**
 * Keeps a looped layer-2 fabric a tree: computed when the fabric is built and again after each change
 * of a link, at once, with the tables of all bridges flushed when a port changed. The protocol's own time to
 * converge is not modelled.
 */
export class SpanningTreeControl {
  private readonly fabric: WorldFabric

  constructor(fabric: WorldFabric) {
    this.fabric = fabric
  }

  settle(): void {
    const { switches } = this.fabric
    const names = [...switches.keys()]
    const bridges = names.map((name, i) => ({
      name,
      priority: PRIORITY,
      mac: macOf(0x525402, i + 1),
    }))
    const trunks = [...this.fabric.links.values()].filter(
      ({ model }) => switches.has(model.from) && switches.has(model.to),
    )
    const tree = spanningTree(
      bridges,
      trunks.map(({ model, a, b }) => ({
        id: model.name,
        a: model.from,
        b: model.to,
        cost: pathCost(model.rate),
        up: a.isUp && b.isUp,
      })),
    )
    const changes = trunks.map((trunk) => this.apply(trunk, tree.links.get(trunk.model.name)!))
    // A topology change is told to every bridge of the tree: stale ways would lead in circles.
    if (changes.includes(true)) for (const device of switches.values()) device.table.flushAll()
  }

  private apply({ model, a, b }: WorldLink, state: { a: boolean; b: boolean }): boolean {
    const { switches } = this.fabric
    const from = switches.get(model.from)!.setForwarding(a.index, state.a)
    const to = switches.get(model.to)!.setForwarding(b.index, state.b)
    return from || to
  }
}
