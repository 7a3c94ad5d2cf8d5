/** Faults of programs, hosts, containers, disks, clocks, and partitions between hosts. */
import { formatDuration } from '../../sim/units.ts'
import type { FabricModel, NetworkModel } from '../model.ts'
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
  readonly containers: KnownNames
  readonly networks: readonly NetworkModel[]
}

const PROGRAM_KEYS = ['stop', 'crash', 'restart'] as const
const DISK_KEYS = ['loseDisk', 'restoreDisk', 'slowDisk'] as const
const LIFE_KEYS = ['leave', 'removeNetwork', 'move', 'flushRules'] as const
export const HOST_FAULT_KEYS = [
  ...PROGRAM_KEYS,
  ...LIFE_KEYS,
  ...DISK_KEYS,
  'partition',
  'clockStep',
] as const
const ONCE_KEYS = ['restart', 'move', 'flushRules', 'loseDisk', 'restoreDisk', 'clockStep'] as const

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
    ...lifeFaults(context, entry, path, targets),
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
  return (['stop', 'crash', 'leave', 'removeNetwork', 'slowDisk', 'partition'] as const).some(
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
  targets: FaultTargets,
): ProgramRef | null {
  const { store, daemons, containers, fabric } = targets
  const members = namesOf(store)
  if (members.includes(name)) return { kind: 'member', name }
  const hosts = knownHosts(context, fabric)
  if (hosts?.has(name)) return hostRef(context, path, name, targets)
  if (containers?.has(name)) return { kind: 'container', name }
  const isUnsure = context.isBroken('store') || hosts === null || containers === null
  const known = isUnsure ? null : new Set([...members, ...daemons, ...hosts, ...containers])
  if (!context.checkName(known, path, 'program, host or container', name)) return null
  const [host = '', network = ''] = name.split('/')
  return { kind: 'daemon', host, network }
}

function hostRef(context: Context, path: Path, name: string, { fabric }: FaultTargets): ProgramRef {
  if (fabric.mode === 'bench') {
    const message = 'the hosts of a bench are one machine'
    context.report('conflict', path, message, 'another fabric.mode')
  } else if (path.at(-1) === 'restart') {
    const message = 'how long a host takes to boot is not said'
    context.report('conflict', path, message, `crash: ${name}, and until: when it is up`)
  }
  return { kind: 'host', name }
}

/** What an operator does to hosts and containers. */
function lifeFaults(
  context: Context,
  entry: FaultEntry,
  path: Path,
  targets: FaultTargets,
): HostFault[] {
  const { move, to, keepAddress, flushRules } = entry
  const faults: HostFault[] = [
    ...leaveOf(context, entry, path, targets),
    ...removalOf(context, entry, path, targets),
  ]
  const hosts = knownHosts(context, targets.fabric)
  checkOwner(context, entry, path, 'to', 'move', 'c1')
  checkOwner(context, entry, path, 'keepAddress', 'move', 'c1')
  if (move !== undefined) {
    context.checkName(targets.containers, [...path, 'move'], 'container', move)
    if (to === undefined) {
      const message = `where ${move} goes is not said`
      context.report('missing_key', path, message, 'add to: h2, the host on which it starts')
    } else if (context.checkName(hosts, [...path, 'to'], 'host', to)) {
      faults.push({ kind: 'move', container: move, to, keepsAddress: keepAddress })
    }
  }
  if (
    flushRules !== undefined &&
    context.checkName(hosts, [...path, 'flushRules'], 'host', flushRules)
  ) {
    faults.push({ kind: 'flush-rules', host: flushRules })
  }
  return faults
}

function leaveOf(
  context: Context,
  { leave }: FaultEntry,
  path: Path,
  { fabric, daemons }: FaultTargets,
): HostFault[] {
  if (leave === undefined) return []
  const hosts = knownHosts(context, fabric)
  const known = hosts === null ? null : new Set([...hosts, ...daemons])
  if (!context.checkName(known, [...path, 'leave'], 'host', leave)) return []
  const [host = '', network] = leave.split('/')
  return [{ kind: 'leave', host, network: network ?? null }]
}

function removalOf(
  context: Context,
  { removeNetwork }: FaultEntry,
  path: Path,
  { daemons, networks }: FaultTargets,
): HostFault[] {
  if (removeNetwork === undefined) return []
  const at = [...path, 'removeNetwork']
  if (!context.checkName(daemons, at, 'network of a host', removeNetwork)) return []
  const [host = '', name = ''] = removeNetwork.split('/')
  const scheme = networks.find((network) => network.name === name)?.scheme ?? 'a router'
  if ((context.registry.removal?.(scheme) ?? null) !== null) {
    return [{ kind: 'remove-network', host, network: name }]
  }
  const message = `${scheme} has no command by which a user removes a network`
  context.report('conflict', at, message, `leave: ${removeNetwork} takes a host out of it`)
  return []
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
  key: 'fsync' | 'of' | 'by' | 'backwards' | 'to' | 'keepAddress',
  owner: 'slowDisk' | 'restoreDisk' | 'clockStep' | 'move',
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
