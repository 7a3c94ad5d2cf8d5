import { Bridge, MAX_PORTS } from '../host/bridge.ts'
import { Nic } from '../host/nic.ts'
import type { LimitedTable } from '../scenario/limited-table.ts'
import type { World } from '../scenario/world.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { TableResult } from './result.ts'

/**
 * The tables with a limit, of each kind the fullest, in order of how full they are: the one that a
 * larger network exhausts first stands first.
 */
export function tablesOf(world: World): TableResult[] {
  const fullest = new Map<LimitedTable, TableResult>()
  for (const table of limitedTables(world)) {
    const other = fullest.get(table.kind)
    if (other === undefined || isFuller(table, other)) fullest.set(table.kind, table)
  }
  return [...fullest.values()].sort((a, b) => (isFuller(a, b) ? -1 : Number(isFuller(b, a))))
}

function isFuller(a: TableResult, b: TableResult): boolean {
  return a.share > b.share || (a.share === b.share && a.refused > b.refused)
}

function* limitedTables(world: World): Generator<TableResult> {
  yield* switchTables(world)
  for (const { name, kernel, nic, root } of world.hosts.values()) {
    const { neighbourGc, profile } = kernel
    const { gcThresh3 } = profile.neighbour
    yield table('neighbours', name, gcThresh3, neighbourGc.peak, neighbourGc.overflows)
    if (nic instanceof Nic) {
      const { capacity, size, overflows } = nic.filter
      yield table('nic-filter', nic.label, capacity, size, overflows)
    }
    yield* bridgeTables(root)
  }
  for (const { name, namespace } of world.routers.values()) {
    const { neighbourGc, profile } = namespace.kernel
    const { gcThresh3 } = profile.neighbour
    yield table('router-arp', name, gcThresh3, neighbourGc.peak, neighbourGc.overflows)
    const { capacity, size, refused } = namespace.routes
    yield table('router-fib', name, capacity, size, refused)
  }
}

function* switchTables({ switches }: World): Generator<TableResult> {
  for (const device of switches.values()) {
    const { name, ports, table: macs } = device
    if (Number.isFinite(macs.capacity)) {
      yield table('switch-mac', name, macs.capacity, macs.peak, macs.refused)
    }
    for (const [index, port] of ports.entries()) {
      const { security } = device.portState(index)
      if (security === null) continue
      const { options, pinned, violations } = security
      yield table('port-security', port.label, options.maximum, pinned, violations)
    }
  }
}

function* bridgeTables({ devices }: NetNamespace): Generator<TableResult> {
  for (const device of devices) {
    if (!(device instanceof Bridge)) continue
    const { label, ports, refusedPorts } = device
    yield table('bridge-ports', label, MAX_PORTS - 1, ports.length, refusedPorts)
  }
}

function table(
  kind: LimitedTable,
  place: string,
  capacity: number,
  used: number,
  refused: number,
): TableResult {
  // A card may have no room at all besides its own address.
  return { kind, place, capacity, used, share: used / Math.max(1, capacity), refused }
}
