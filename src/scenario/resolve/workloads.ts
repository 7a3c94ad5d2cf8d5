import { SECOND } from '../../sim/units.ts'
import { parseIpv4 } from '../../wire/ipv4-address.ts'
import type {
  ContainerModel,
  EndpointRef,
  Flow,
  HostModel,
  MacofModel,
  TcpModel,
  TcpTransactionsModel,
  UdpModel,
  WorkloadModel,
} from '../model.ts'
import type { Path } from '../place.ts'
import type { WorkloadEntry } from '../schema/workload.ts'
import type { Context, KnownNames } from './context.ts'
import { checkTakesTime, checkUnpaced, coresOf, type PairedEntry, warmupOf } from './measured.ts'
import { pairsAmong } from './pairs.ts'
import { storeLoadOf } from './store-load.ts'

const FLOWS_MAX = 200_000
const UDP_RATE_DEFAULT = 100e6
/** An IP packet of 65535 bytes less the headers of IPv4 and UDP (or ICMP). */
const PAYLOAD_MAX = 65_507
const FRAME_MIN = 14
const STREAM_MAX = 1e12
/** A value holds its number; Consul takes 512 KiB, etcd a little more. */
const STORE_VALUE_MIN = 1
const STORE_VALUE_MAX = 524_288

/** Least and most bytes of what each kind sends at once. */
const SIZES: Readonly<Record<WorkloadEntry['kind'], readonly [number, number]>> = {
  ping: [0, PAYLOAD_MAX],
  udp: [0, PAYLOAD_MAX],
  'udp-rr': [0, PAYLOAD_MAX],
  tcp: [1, STREAM_MAX],
  'tcp-rr': [1, STREAM_MAX],
  'tcp-crr': [1, STREAM_MAX],
  macof: [FRAME_MIN, 65_535],
  kv: [STORE_VALUE_MIN, STORE_VALUE_MAX],
}

/** What an end of a flow may be. */
export interface Ends {
  readonly containers: readonly ContainerModel[]
  readonly hosts: readonly HostModel[]
  readonly containerNames: KnownNames
  readonly hostNames: KnownNames
}

type Entry<K extends WorkloadEntry['kind']> = Extract<WorkloadEntry, { kind: K }>

export function resolveWorkloads(context: Context, ends: Ends): WorkloadModel[] {
  const names = workloadNames(context)
  const seen = new Set<string>()
  return context.input.workload.map((entry, i) => {
    const path = ['workload', i]
    const name = names[context.originalIndex(['workload'], i)]!
    if (seen.has(name)) {
      const message = `there are two workloads ${name}`
      const at = entry.name === undefined ? path : [...path, 'name']
      context.report('duplicate_name', at, message, 'name one of them otherwise')
    }
    seen.add(name)
    return workloadOf(context, entry, name, path, ends)
  })
}

/**
 * Of every item of the file, wrong ones included, so that a wrong one does not rename the others; null
 * where there is neither name nor kind.
 */
export function workloadNames(context: Context): (string | null)[] {
  const counts = new Map<string, number>()
  return context.rawList('workload').map((item) => {
    const { kind } = item
    if (typeof kind !== 'string') return typeof item['name'] === 'string' ? item['name'] : null
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    return typeof item['name'] === 'string' ? item['name'] : `${kind}-${count}`
  })
}

function workloadOf(
  context: Context,
  entry: WorkloadEntry,
  name: string,
  path: Path,
  ends: Ends,
): WorkloadModel {
  checkSize(context, entry, path)
  if (entry.kind === 'macof') return macofOf(context, entry, name, path, ends)
  if (entry.kind === 'kv') return storeLoadOf(context, entry, name, path, ends)
  const flows = flowsOf(context, entry, path, ends)
  const { at } = entry
  const { senderCore, receiverCore } = coresOf(context, entry, path, flows, ends)
  if (entry.kind === 'ping') {
    const { kind, count, interval, size, dontFragment, ttl, tos } = entry
    return { kind, name, at, flows, senderCore, count, interval, size, dontFragment, ttl, tos }
  }
  const { for: duration, port } = entry
  const warmup = warmupOf(context, entry, path)
  const measured = { name, at, flows, senderCore, receiverCore, duration, warmup, port }
  switch (entry.kind) {
    case 'udp':
      return udpOf(context, entry, path, measured, ends)
    case 'udp-rr': {
      const { kind, size, replySize, outstanding, timeout } = entry
      return { kind, ...measured, size, replySize, outstanding, timeout }
    }
    case 'tcp':
      return tcpOf(context, entry, path, measured, ends)
    default:
      return transactionsOf(entry, measured)
  }
}

type Measured = Omit<
  UdpModel,
  'kind' | 'packetRate' | 'size' | 'parallel' | 'dontFragment' | 'ttl' | 'tos'
>

function checkSize(context: Context, entry: WorkloadEntry, path: Path): void {
  const [least, most] = SIZES[entry.kind]
  for (const key of ['size', 'replySize', 'writeSize', 'bytes'] as const) {
    const size = (entry as { [K in typeof key]?: number })[key]
    if (size === undefined || (size >= least && size <= most)) continue
    const message = `a ${key} of ${size} bytes ${most <= 65_535 ? 'fits no packet' : 'is none'}`
    context.report('out_of_range', [...path, key], message, `${least} to ${most} bytes`)
  }
}

function udpOf(
  context: Context,
  entry: Entry<'udp'>,
  path: Path,
  measured: Measured,
  ends: Ends,
): UdpModel {
  const { kind, size, parallel, dontFragment, ttl, tos } = entry
  const packetRate = packetRateOf(context, entry, path)
  if (packetRate === Infinity) {
    checkUnpaced(context, [...path, 'packetRate'], measured.flows, ends)
  }
  return { kind, ...measured, packetRate, size, parallel, dontFragment, ttl, tos }
}

function packetRateOf(context: Context, entry: Entry<'udp'>, path: Path): number {
  const { rate, packetRate: given, size } = entry
  if (rate !== undefined && given !== undefined) {
    const message = 'both "rate" and "packetRate" are given'
    context.report('conflict', [...path, 'packetRate'], message, 'remove one of the two', 'key')
  }
  if (given === 'max') return Infinity
  const bits = rate ?? UDP_RATE_DEFAULT
  if (size === 0 && given === undefined) {
    const message = 'packets without payload have no payload rate'
    context.report('conflict', [...path, 'size'], message, 'give packetRate instead of rate')
  }
  const packetRate = given ?? bits / (8 * Math.max(1, size))
  if (packetRate === 0) {
    const key = given === undefined ? 'rate' : 'packetRate'
    const message = 'at this rate nothing is ever sent'
    context.report('out_of_range', [...path, key], message, 'a rate above 0')
  }
  return packetRate
}

function tcpOf(
  context: Context,
  entry: Entry<'tcp'>,
  path: Path,
  measured: Measured,
  ends: Ends,
): TcpModel {
  const { kind, bytes = null, parallel, writeSize, direction } = entry
  if (bytes === null) checkTakesTime(context, path, measured.flows, ends)
  return { kind, ...measured, ...socketOf(entry), bytes, parallel, writeSize, direction }
}

function transactionsOf(
  entry: Entry<'tcp-rr'> | Entry<'tcp-crr'>,
  measured: Measured,
): TcpTransactionsModel {
  const { kind, size, replySize, outstanding } = entry
  return { kind, ...measured, ...socketOf(entry), size, replySize, outstanding }
}

function socketOf(entry: Entry<'tcp' | 'tcp-rr' | 'tcp-crr'>) {
  const { congestion, sendBuffer = null, receiveBuffer = null, noDelay } = entry
  return { congestion, sendBuffer, receiveBuffer, noDelay }
}

function macofOf(
  context: Context,
  entry: Entry<'macof'>,
  name: string,
  path: Path,
  ends: Ends,
): MacofModel {
  const { kind, at, rate: packetRate, size } = entry
  const from = endsOf(context, entry.from, [...path, 'from'], ends, 'sender')
  const to =
    entry.to === undefined ? [null] : endsOf(context, [entry.to], [...path, 'to'], ends, 'sender')
  if (packetRate === 0) {
    const message = 'at this rate nothing is ever sent'
    context.report('out_of_range', [...path, 'rate'], message, 'a rate above 0')
  }
  const count = Math.min(entry.count ?? Infinity, Math.floor((packetRate * entry.for) / SECOND))
  return {
    kind,
    name,
    at,
    from,
    to: to[0] ?? null,
    packetRate,
    macs: entry.macs ?? null,
    size,
    count,
  }
}

function flowsOf(context: Context, entry: PairedEntry, path: Path, ends: Ends): Flow[] {
  const { from, to, pairs, among } = entry
  if (pairs !== undefined) {
    for (const key of ['from', 'to'] as const) {
      if (entry[key] === undefined) continue
      const message = `"pairs" says who sends to whom, and so does "${key}"`
      context.report('conflict', [...path, key], message, 'remove one of the two', 'key')
    }
    return pairFlows(context, pairs, among, path, ends)
  }
  if (among !== undefined) {
    const message = '"among" is of use with "pairs" only'
    context.report('conflict', [...path, 'among'], message, 'remove it, or add pairs', 'key')
  }
  for (const key of ['from', 'to'] as const) {
    if (entry[key] !== undefined || context.isBroken(...path, key)) continue
    const message = `"${key}" is missing`
    context.report('missing_key', [...path, key], message, `add "${key}:", or pairs: ring`)
  }
  const sources = endsOf(context, from ?? [], [...path, 'from'], ends, 'sender')
  const targets = endsOf(context, to ?? [], [...path, 'to'], ends, 'receiver')
  const flows = sources.flatMap((source) =>
    targets
      .filter((target) => !isSame(source, target))
      .map((target) => ({ from: source, to: target })),
  )
  if (sources.length > 0 && targets.length > 0 && flows.length === 0) {
    const message = 'sender and receiver are the same'
    context.report('conflict', [...path, 'to'], message, 'name another container or host')
  }
  return limited(context, flows, path)
}

function pairFlows(
  context: Context,
  pairs: NonNullable<PairedEntry['pairs']>,
  among: PairedEntry['among'],
  path: Path,
  ends: Ends,
): Flow[] {
  if (ends.containerNames === null || ends.hostNames === null) return []
  const useContainers =
    (among ?? (ends.containers.length > 0 ? 'containers' : 'hosts')) === 'containers'
  const members = useContainers
    ? ends.containers.map(({ name, host }) => ({ ref: { kind: 'container', name } as const, host }))
    : ends.hosts.map(({ name }) => ({ ref: { kind: 'host', name } as const, host: name }))
  if (pairs === 'mesh' && members.length * (members.length - 1) > FLOWS_MAX) {
    tooMany(context, path, members.length * (members.length - 1))
    return []
  }
  const flows = pairsAmong(pairs, members)
  if (flows.length === 0) {
    const message = `${members.length} ${useContainers ? 'containers' : 'hosts'} make no pair "${pairs}"`
    const remedy = 'more containers or hosts, or "from" and "to"'
    context.report('conflict', [...path, 'pairs'], message, remedy)
  }
  return limited(context, flows, path)
}

function limited(context: Context, flows: Flow[], path: Path): Flow[] {
  if (flows.length > FLOWS_MAX) tooMany(context, path, flows.length)
  return flows
}

function tooMany(context: Context, path: Path, count: number): void {
  const message = `${count} pairs of sender and receiver`
  context.report(
    'out_of_range',
    path,
    message,
    `at most ${FLOWS_MAX}: use pairs: ring, or fewer names`,
  )
}

/** Refuses what is neither a container nor a host nor, for a receiver, an address. */
export function endsOf(
  context: Context,
  names: readonly string[],
  path: Path,
  ends: Ends,
  role: 'sender' | 'receiver',
): EndpointRef[] {
  return names.flatMap((name, i): EndpointRef[] => {
    const at = names.length > 1 ? [...path, i] : path
    if (ends.containerNames?.has(name)) return [{ kind: 'container', name }]
    if (ends.hostNames?.has(name)) return [{ kind: 'host', name }]
    const address = parseIpv4(name)
    if (address !== null && role === 'receiver') return [{ kind: 'address', address }]
    if (ends.containerNames === null || ends.hostNames === null) return []
    if (address !== null) {
      const message = `${name} is an address, and here a name is needed`
      context.report('wrong_value', at, message, 'name a container or a host')
      return []
    }
    const known = new Set([...ends.containerNames, ...ends.hostNames])
    context.checkName(known, at, 'container or host', name)
    return []
  })
}

function isSame(a: EndpointRef, b: EndpointRef): boolean {
  if (a.kind === 'address' || b.kind === 'address') return false
  return a.kind === b.kind && a.name === b.name
}

/** When a workload has sent its last packet, picoseconds. */
export function endOf(workload: WorkloadModel): number {
  switch (workload.kind) {
    case 'ping':
      return workload.at + (workload.count - 1) * workload.interval
    case 'macof':
      if (workload.count === 0) return workload.at
      return workload.at + Math.ceil((workload.count / workload.packetRate) * SECOND)
    default:
      return workload.at + workload.duration
  }
}
