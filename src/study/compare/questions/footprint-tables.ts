/** Tables of a world that grow with hosts and containers. */
import { Nic } from '../../../host/nic.ts'
import { showFdb } from '../../../host/show.ts'
import type { World } from '../../../scenario/world.ts'
import type { Kernel } from '../../../stack/kernel.ts'

export interface GrowingTable {
  readonly name: string
  /** Entries of the fullest such table. */
  readonly entries: number
  /** Entries that fit; Infinity where nothing limits it. */
  readonly capacity: number
}

/** @param hosts whose tables count: those with containers. */
export function growingTables(world: World, hosts: readonly string[]): GrowingTable[] {
  const machines = hosts.map((name) => world.hosts.get(name)!)
  const nics = machines.flatMap(({ nic }) => (nic instanceof Nic ? [nic] : []))
  const switches = [...world.switches.values()]
  const routers = [...world.routers.values()].map(({ namespace }) => namespace)
  const most = (name: string, rows: readonly Omit<GrowingTable, 'name'>[]): GrowingTable[] => {
    const [fullest] = rows.toSorted((a, b) => b.entries - a.entries)
    return fullest === undefined ? [] : [{ name, ...fullest }]
  }
  return [
    ...most(
      'switch MACs',
      switches.map(({ table }) => ({ entries: table.peak, capacity: table.capacity })),
    ),
    ...most(
      'router ARP',
      routers.map(({ kernel }) => neighboursOf(kernel)),
    ),
    ...most(
      'router routes',
      routers.map(({ routes }) => ({ entries: routes.size, capacity: routes.capacity })),
    ),
    ...most(
      'host routes',
      machines.map(({ root }) => ({ entries: root.routes.size, capacity: Infinity })),
    ),
    ...most(
      'host neighbours',
      machines.map(({ kernel }) => neighboursOf(kernel)),
    ),
    ...most(
      'host FDB',
      machines.map(({ kernel }) => ({ entries: fdbOf(kernel), capacity: Infinity })),
    ),
    ...most(
      'NIC filter',
      nics.map(({ filter }) => ({ entries: filter.size, capacity: filter.capacity })),
    ),
  ]
}

/** Of all namespaces: the limit gc_thresh3 is one of the whole kernel. */
function neighboursOf(kernel: Kernel): Omit<GrowingTable, 'name'> {
  return { entries: kernel.neighbourGc.peak, capacity: kernel.profile.neighbour.gcThresh3 }
}

function fdbOf(kernel: Kernel): number {
  let entries = 0
  for (const namespace of kernel.namespaces) entries += showFdb(namespace).lines.length
  return entries
}
