/** Faults of programs, disks, clocks, and partitions between hosts. */
import { formatDuration } from '../../sim/units.ts'
import type { FabricModel } from '../model.ts'
import type { Path } from '../place.ts'
import type { FaultEntry } from '../schema/faults.ts'
import type { HostFault, ProgramRef, StoreModel } from '../store-model.ts'
import type { Context } from './context.ts'
import { knownHosts } from './hosts.ts'

/** What faults may name beside links. */
export interface FaultTargets {
  readonly fabric: FabricModel
  readonly store: StoreModel | null
  /** Daemons as `host/network`. */
  readonly daemons: ReadonlySet<string>
}

const PROGRAM_KEYS = ['stop', 'crash', 'restart'] as const
const DISK_KEYS = ['loseDisk', 'restoreDisk', 'slowDisk'] as const

/** Whether the entry says something that befalls a host and not a link. */
export function hasHostFault(entry: FaultEntry): boolean {
  const keys = [...PROGRAM_KEYS, ...DISK_KEYS, 'partition', 'clockStep'] as const
  return keys.some((key) => entry[key] !== undefined)
}

export function hostFaultsOf(
  context: Context,
  entry: FaultEntry,
  path: Path,
  targets: FaultTargets,
): HostFault[] {
  return [
    ...programFaults(context, entry, path, targets),
    ...diskFaults(context, entry, path, targets),
    ...partitionOf(context, entry, path, targets),
    ...clockStepOf(context, entry, path, targets),
  ]
}

function programFaults(
  context: Context,
  entry: FaultEntry,
  path: Path,
  targets: FaultTargets,
): HostFault[] {
  const faults: HostFault[] = []
  for (const kind of PROGRAM_KEYS) {
    const name = entry[kind]
    if (name === undefined) continue
    const program = programOf(context, [...path, kind], name, targets)
    if (program !== null) faults.push({ kind, program })
  }
  if (entry.restart !== undefined && entry.until !== undefined) {
    const message = '"restart" happens once, at "at"'
    context.report('conflict', [...path, 'until'], message, 'remove it', 'key')
  }
  return faults
}

function programOf(
  context: Context,
  path: Path,
  name: string,
  { store, daemons }: FaultTargets,
): ProgramRef | null {
  const members = store?.members.map((member) => member.name) ?? []
  if (members.includes(name)) return { kind: 'member', name }
  const known = context.isBroken('store') ? null : new Set([...members, ...daemons])
  if (!context.checkName(known, path, 'program', name)) return null
  const [host = '', network = ''] = name.split('/')
  return { kind: 'daemon', host, network }
}

function diskFaults(
  context: Context,
  entry: FaultEntry,
  path: Path,
  { store }: FaultTargets,
): HostFault[] {
  const faults: HostFault[] = []
  const names = new Set(store?.members.map((member) => member.name))
  const known = context.isBroken('store') ? null : names
  for (const key of DISK_KEYS) {
    const member = entry[key]
    if (member === undefined) continue
    context.checkName(known, [...path, key], 'member of the store', member)
    if (key === 'loseDisk') faults.push({ kind: 'lose-disk', member })
    else if (key === 'slowDisk') faults.push({ kind: 'slow-disk', member, fsync: fsyncOf(entry) })
    else faults.push({ kind: 'restore-disk', member, of: backupTime(context, entry, path) })
  }
  for (const [key, owner] of [
    ['fsync', 'slowDisk'],
    ['of', 'restoreDisk'],
  ] as const) {
    if (entry[key] === undefined || entry[owner] !== undefined) continue
    const message = `"${key}" is of use with "${owner}" only`
    context.report('conflict', [...path, key], message, `add ${owner}: store-1`, 'key')
  }
  return faults
}

function fsyncOf({ fsync }: FaultEntry): number {
  return fsync === undefined || fsync === 'hang' ? Infinity : fsync
}

function backupTime(context: Context, { of, at }: FaultEntry, path: Path): number {
  if (of === undefined) {
    const message = 'from when the old content is, is not said'
    context.report('missing_key', path, message, 'add of: 1s, the time of the backup')
    return 0
  }
  if (of > at) {
    const message = `the backup of ${formatDuration(of)} is not made yet`
    context.report('conflict', [...path, 'of'], message, 'a time before "at"')
  }
  return of
}

function partitionOf(
  context: Context,
  entry: FaultEntry,
  path: Path,
  { fabric }: FaultTargets,
): HostFault[] {
  const { partition, oneWay } = entry
  if (partition === undefined) return []
  const known = knownHosts(context, fabric)
  const seen = new Set<string>()
  partition.forEach((side, i) => {
    side.forEach((host, j) => {
      const at = [...path, 'partition', i, j]
      if (context.checkName(known, at, 'host', host) && seen.has(host)) {
        context.report('conflict', at, `${host} stands there twice`, 'each host on one side')
      }
      seen.add(host)
    })
  })
  const [from, to] = partition
  return [{ kind: 'partition', from, to, isOneWay: oneWay }]
}

function clockStepOf(
  context: Context,
  entry: FaultEntry,
  path: Path,
  { fabric }: FaultTargets,
): HostFault[] {
  const { clockStep: host, by, backwards } = entry
  if (host === undefined) return []
  context.checkName(knownHosts(context, fabric), [...path, 'clockStep'], 'host', host)
  if (by === undefined) {
    const message = 'by how much the clock jumps is not said'
    context.report('missing_key', path, message, 'add by: 30s, and backwards: true to turn it back')
    return []
  }
  return [{ kind: 'clock-step', host, by: backwards ? -by : by }]
}
