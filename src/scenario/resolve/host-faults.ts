/** Faults of programs, disks, clocks, and partitions between hosts. */
import { formatDuration } from '../../sim/units.ts'
import type { FabricModel } from '../model.ts'
import type { Path } from '../place.ts'
import type { FaultEntry } from '../schema/faults.ts'
import type { HostFault, ProgramRef, StoreModel } from '../store-model.ts'
import { STORE_ROLES } from '../store-roles.ts'
import type { Context, KnownNames } from './context.ts'
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
export const HOST_FAULT_KEYS = [...PROGRAM_KEYS, ...DISK_KEYS, 'partition', 'clockStep'] as const
const ONCE_KEYS = ['restart', 'loseDisk', 'restoreDisk', 'clockStep'] as const

/** Whether the entry says something that befalls a host and not a link. */
export function hasHostFault(entry: FaultEntry): boolean {
  return HOST_FAULT_KEYS.some((key) => entry[key] !== undefined)
}

/** Whether it says so in a way that is wrong. */
export function isHostFaultBroken(context: Context, path: Path): boolean {
  return HOST_FAULT_KEYS.some((key) => context.isBroken(...path, key))
}

export function hostFaultsOf(
  context: Context,
  entry: FaultEntry,
  path: Path,
  targets: FaultTargets,
): HostFault[] {
  checkUntil(context, entry, path)
  return [
    ...programFaults(context, entry, path, targets),
    ...diskFaults(context, entry, path, targets),
    ...partitionOf(context, entry, path, targets),
    ...clockStepOf(context, entry, path, targets),
  ]
}

/** Of an entry that also says something lasting, that one ends. */
function checkUntil(context: Context, entry: FaultEntry, path: Path): void {
  if (entry.until === undefined || hasLastingFault(entry)) return
  const once = ONCE_KEYS.find((key) => entry[key] !== undefined)
  if (once === undefined) return
  const message = `"${once}" happens once, at "at"`
  context.report('conflict', [...path, 'until'], message, 'remove it', 'key')
}

function hasLastingFault(entry: FaultEntry): boolean {
  if (entry.link !== undefined || entry.node !== undefined) return true
  return (['stop', 'crash', 'slowDisk', 'partition'] as const).some(
    (key) => entry[key] !== undefined,
  )
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
  return faults
}

function programOf(
  context: Context,
  path: Path,
  name: string,
  { store, daemons }: FaultTargets,
): ProgramRef | null {
  const members = namesOf(store)
  if (members.includes(name)) return { kind: 'member', name }
  const known = context.isBroken('store') ? null : new Set([...members, ...daemons])
  if (!context.checkName(known, path, 'program', name)) return null
  const [host = '', network = ''] = name.split('/')
  return { kind: 'daemon', host, network }
}

/** Of members, and what they may be called by what they do. */
function namesOf(store: StoreModel | null): readonly string[] {
  return store === null ? [] : [...store.members.map(({ name }) => name), ...STORE_ROLES]
}

/** Hosts, and those of members by what these do. */
function hostNames(context: Context, { fabric, store }: FaultTargets): KnownNames {
  const known = knownHosts(context, fabric)
  if (known === null || context.isBroken('store')) return null
  return store === null ? known : new Set([...known, ...STORE_ROLES])
}

function diskFaults(
  context: Context,
  entry: FaultEntry,
  path: Path,
  { store }: FaultTargets,
): HostFault[] {
  const faults: HostFault[] = []
  const named = new Set(store?.members.map((member) => member.name))
  const all = new Set(namesOf(store))
  for (const key of DISK_KEYS) {
    const member = entry[key]
    if (member === undefined) continue
    // A backup is of one member, whoever leads by then.
    const known = key === 'restoreDisk' ? named : all
    context.checkName(
      context.isBroken('store') ? null : known,
      [...path, key],
      'store member',
      member,
    )
    if (key === 'loseDisk') faults.push({ kind: 'lose-disk', member })
    else if (key === 'slowDisk') faults.push({ kind: 'slow-disk', member, fsync: fsyncOf(entry) })
    else faults.push({ kind: 'restore-disk', member, of: backupTime(context, entry, path) })
  }
  checkOwner(context, entry, path, 'fsync', 'slowDisk', 'store-1')
  checkOwner(context, entry, path, 'of', 'restoreDisk', 'store-1')
  return faults
}

/** A key that says more of another one, without that. */
function checkOwner(
  context: Context,
  entry: FaultEntry,
  path: Path,
  key: 'fsync' | 'of' | 'by' | 'backwards',
  owner: 'slowDisk' | 'restoreDisk' | 'clockStep',
  example: string,
): void {
  if (entry[key] === undefined || entry[key] === false || entry[owner] !== undefined) return
  const message = `"${key}" is of use with "${owner}" only`
  context.report('conflict', [...path, key], message, `add ${owner}: ${example}`, 'key')
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
  targets: FaultTargets,
): HostFault[] {
  const { partition, oneWay } = entry
  if (partition === undefined) return []
  if (targets.fabric.mode === 'bench') {
    const message = 'a bench has no cables on which a partition could be made'
    context.report('conflict', [...path, 'partition'], message, 'another fabric.mode', 'key')
    return []
  }
  const known = hostNames(context, targets)
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
  targets: FaultTargets,
): HostFault[] {
  const { clockStep: host, by, backwards } = entry
  checkOwner(context, entry, path, 'by', 'clockStep', 'h1')
  checkOwner(context, entry, path, 'backwards', 'clockStep', 'h1')
  if (host === undefined) return []
  context.checkName(hostNames(context, targets), [...path, 'clockStep'], 'host', host)
  if (by === undefined) {
    const message = 'by how much the clock jumps is not said'
    context.report('missing_key', path, message, 'add by: 30s, and backwards: true to turn it back')
    return []
  }
  return [{ kind: 'clock-step', host, by: backwards ? -by : by }]
}
