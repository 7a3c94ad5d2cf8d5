import { suggest } from '../did-you-mean.ts'
import type { LimitKind } from '../limit-kind.ts'
import type {
  Comparison,
  ExpectationModel,
  FabricModel,
  HostModel,
  Metric,
  Percentile,
  WorkloadModel,
} from '../model.ts'
import type { Path } from '../place.ts'
import type { ExpectationEntry } from '../schema/expect.ts'
import type { Context } from './context.ts'
import { knownNodes } from './faults.ts'
import { type Ends, endsOf, workloadNames } from './workloads.ts'

export type MetricKey = Exclude<keyof ExpectationEntry, 'variant' | 'panel'>

const METRICS: readonly MetricKey[] = [
  'goodput',
  'loss',
  'sent',
  'delivered',
  'rtt',
  'watchDelay',
  'watchGaps',
  'packetRate',
  'transactions',
  'retransmits',
  'completion',
  'stall',
  'fairness',
  'cores',
  'coresPerGoodput',
  'limitedBy',
  'drops',
  'macEntries',
  'macRefused',
  'macMoves',
  'floodedFrames',
  'floodRate',
  'floodShare',
  'tableShare',
  'wireEfficiency',
  'elections',
  'leaderless',
  'bgpSessions',
  'bgpUpdates',
  'bgpConverged',
  'attached',
  'bytesAdded',
  'reachable',
]

export const COMPARISONS = ['equals', 'atLeast', 'atMost', 'between'] as const

/** What the file compares a measured value with, whatever its unit. */
export interface Compared {
  readonly equals?: number | boolean
  readonly within?: number
  readonly atLeast?: number
  readonly atMost?: number
  readonly between?: readonly [number, number]
  readonly is?: readonly LimitKind[]
}

type Kind = WorkloadModel['kind']

/** Those that know of each packet or request whether it arrived. */
const COUNTED: readonly Kind[] = ['ping', 'udp', 'udp-rr', 'tcp-rr', 'tcp-crr', 'macof', 'kv']

/** Those that carry a payload of their own. */
const CARRIERS: readonly Kind[] = ['ping', 'udp', 'udp-rr', 'tcp', 'tcp-rr', 'tcp-crr', 'macof']

/** Metrics that only some kinds of workload have, and what to measure them with. */
const KINDS: Partial<Record<MetricKey, { kinds: readonly Kind[]; remedy: string }>> = {
  goodput: { kinds: CARRIERS, remedy: 'expect transactions' },
  rtt: {
    kinds: ['ping', 'udp-rr', 'tcp-rr', 'tcp-crr', 'kv'],
    remedy: 'measure it with ping, udp-rr or tcp-rr',
  },
  watchDelay: { kinds: ['kv'], remedy: 'measure it with kv and watch: true' },
  watchGaps: { kinds: ['kv'], remedy: 'measure them with kv and watch: true' },
  packetRate: { kinds: ['udp', 'udp-rr'], remedy: 'measure it with udp' },
  transactions: {
    kinds: ['udp-rr', 'tcp-rr', 'tcp-crr', 'kv'],
    remedy: 'measure them with udp-rr, tcp-rr or tcp-crr',
  },
  retransmits: { kinds: ['tcp', 'tcp-rr'], remedy: 'measure them with tcp' },
  completion: { kinds: ['tcp'], remedy: 'measure it with tcp and bytes' },
  stall: { kinds: ['tcp', 'kv', 'udp', 'ping'], remedy: 'measure it with tcp, udp, ping or kv' },
  fairness: { kinds: ['tcp'], remedy: 'measure it with tcp' },
  loss: { kinds: COUNTED, remedy: 'expect retransmits, or drops' },
  delivered: { kinds: COUNTED, remedy: 'expect goodput' },
  coresPerGoodput: { kinds: ['udp', 'tcp'], remedy: 'measure it with udp or tcp' },
}

/** What is read off the cores. */
const OF_CORES: readonly MetricKey[] = ['cores', 'coresPerGoodput']

/** What watchers of a store measure. */
const OF_WATCHERS: readonly MetricKey[] = ['watchDelay', 'watchGaps']

export interface Measured {
  readonly fabric: FabricModel
  readonly workloads: readonly WorkloadModel[]
  readonly ends: Ends
  readonly hosts: readonly HostModel[]
}

/** An expectation, but for its words and line, which the loader knows. */
export type Expectation = Omit<ExpectationModel, 'text' | 'line'> & { readonly path: Path }

/** Which run the expectations are of, and the names of all panels and variants of the file. */
export interface RunNames {
  readonly panel: string | null
  readonly panels: readonly string[]
  readonly variant: string | null
  readonly variants: readonly string[]
}

/** Those that hold in the run, checked. */
export function resolveExpectations(
  context: Context,
  measured: Measured,
  run: RunNames,
): Expectation[] {
  return context.input.expect.flatMap((entry, i) => {
    const path = ['expect', i]
    checkNames(context, entry.variant, [...path, 'variant'], run.variants)
    checkNames(context, entry.panel, [...path, 'panel'], run.panels)
    const key = whatIsMeasured(context, entry, path)
    if (key === null) return []
    // Another variant may lack the workload or the switch that this one is about.
    if (isElsewhere(entry.variant, run.variant, run.variants)) return []
    if (isElsewhere(entry.panel, run.panel, run.panels)) return []
    const metric = metricOf(context, entry, key, [...path, key], measured)
    const comparison = comparisonOf(context, entry[key] as Compared, [...path, key])
    return metric === null || comparison === null ? [] : [{ metric, comparison, path }]
  })
}

/** The one metric that an item names; none or a second one is reported. */
export function whatIsMeasured(
  context: Context,
  entry: ExpectationEntry,
  path: Path,
): MetricKey | null {
  const keys = METRICS.filter((key) => entry[key] !== undefined)
  const [key] = keys
  if (key === undefined) {
    if (context.isBroken(...path)) return null
    const message = 'what is expected is not said'
    context.report('missing_key', path, message, `add one of ${METRICS.join(', ')}`)
    return null
  }
  if (keys.length > 1) {
    const message = `${keys.join(' and ')} are two expectations`
    context.report('conflict', [...path, keys[1]!], message, 'make each an item of the list', 'key')
  }
  return key
}

/** Whether it is said of others only; names that there are not count for nothing. */
export function isElsewhere(
  only: readonly string[] | undefined,
  here: string | null,
  all: readonly string[],
): boolean {
  if (!(only?.some((name) => all.includes(name)) ?? false)) return false
  return here === null || !only!.includes(here)
}

export function checkNames(
  context: Context,
  names: readonly string[] | undefined,
  path: Path,
  known: readonly string[],
  what = String(path.at(-1)),
): void {
  for (const name of names ?? []) {
    if (known.includes(name)) continue
    const remedy = suggest(name, known, `${what}s`)
    context.report('unknown_name', path, `there is no ${what} ${name}`, remedy)
  }
}

export function metricOf(
  context: Context,
  entry: ExpectationEntry,
  key: MetricKey,
  path: Path,
  measured: Measured,
): Metric | null {
  switch (key) {
    case 'goodput':
    case 'loss':
    case 'sent':
    case 'delivered':
    case 'rtt':
    case 'watchDelay':
    case 'watchGaps':
    case 'packetRate':
    case 'transactions':
    case 'retransmits':
    case 'completion':
    case 'stall':
    case 'fairness':
    case 'cores':
    case 'coresPerGoodput':
    case 'limitedBy': {
      const of = workloadOf(context, entry[key]!.of, path, measured, key)
      if (of === null) return null
      if (key === 'rtt' || key === 'watchDelay') {
        return { kind: key, of, at: percentileOf(entry[key]!.stat) }
      }
      return key === 'cores' ? { kind: key, of, side: entry.cores!.side } : { kind: key, of }
    }
    case 'drops': {
      const { reason = null, at = null } = entry.drops!
      if (at !== null) checkPlace(context, at, [...path, 'at'], measured)
      return { kind: key, reason, at }
    }
    case 'macEntries':
    case 'macRefused':
    case 'macMoves':
    case 'floodedFrames': {
      const at = entry[key]!.switch ?? null
      if (at !== null) checkSwitch(context, at, [...path, 'switch'], measured.fabric)
      return { kind: key, switch: at }
    }
    case 'floodRate':
    case 'floodShare': {
      const at = entry[key]!.at ?? null
      if (at !== null) checkPlace(context, at, [...path, 'at'], measured)
      return { kind: key, at }
    }
    case 'tableShare':
      return { kind: key, table: entry.tableShare!.table }
    case 'elections':
    case 'leaderless':
      checkStore(context, path)
      return { kind: key }
    case 'wireEfficiency':
    case 'bgpSessions':
    case 'bgpUpdates':
    case 'bgpConverged':
      return { kind: key }
    case 'attached':
    case 'bytesAdded': {
      const network = networkOf(context, entry[key]!.network, path)
      return network === null ? null : { kind: key, network }
    }
    case 'reachable': {
      const { from, to } = entry.reachable!
      const [source] = endsOf(context, [from], [...path, 'from'], measured.ends, 'sender')
      const [target] = endsOf(context, [to], [...path, 'to'], measured.ends, 'receiver')
      return source && target ? { kind: key, from: source, to: target } : null
    }
    default:
      return key satisfies never
  }
}

/** A network by its name, or the only one there is. */
function networkOf(context: Context, wanted: string | undefined, path: Path): string | null {
  const names = context.rawKeys('networks')
  const name = wanted ?? names[0]
  if (name === undefined || (wanted === undefined && names.length > 1)) {
    const message = names.length === 0 ? 'there is no network' : 'which network is not said'
    const remedy = names.length === 0 ? 'add one under "networks:"' : `network: ${names[0]}`
    context.report('missing_key', [...path, 'network'], message, remedy)
    return null
  }
  return context.checkName(new Set(names), [...path, 'network'], 'network', name) ? name : null
}

function workloadOf(
  context: Context,
  of: string | undefined,
  path: Path,
  measured: Measured,
  metric: MetricKey,
): string | null {
  const names = workloadNames(context).filter((each) => each !== null)
  const name = of ?? names[0]
  if (of === undefined && names.length !== 1) {
    const message = names.length === 0 ? 'there is no workload' : 'which workload is not said'
    const remedy =
      names.length === 0
        ? 'add one under "workload:"'
        : `of: one of ${names.slice(0, 12).join(', ')}`
    context.report('missing_key', [...path, 'of'], message, remedy)
    return null
  }
  if (!context.checkName(new Set(names), [...path, 'of'], 'workload', name!)) return null
  const workload = measured.workloads.find((each) => each.name === name)
  const { kinds, remedy } = KINDS[metric] ?? { kinds: null, remedy: '' }
  if (workload !== undefined && kinds !== null && !kinds.includes(workload.kind)) {
    context.report('conflict', path, `${workload.kind} does not measure ${metric}`, remedy)
  }
  if (workload?.kind === 'kv' && !workload.watch && OF_WATCHERS.includes(metric)) {
    const message = `the clients of ${workload.name} watch nothing`
    context.report('conflict', path, message, 'add watch: true to the workload')
  }
  if (OF_CORES.includes(metric) && measured.hosts.every(({ costs }) => costs === 'none')) {
    const message = 'with hosts.costs: none no work takes any time of a core'
    context.report('conflict', path, message, 'remove it, or hosts.costs: server-2020s')
  }
  return name!
}

function checkStore(context: Context, path: Path): void {
  if (context.input.store !== undefined || context.isBroken('store')) return
  context.report('missing_key', path, 'there is no store', 'add store: { kind: etcd }')
}

function percentileOf(stat: string): Percentile {
  return stat === 'min' || stat === 'mean' || stat === 'max' ? stat : Number(stat.slice(1))
}

function checkPlace(context: Context, at: string, path: Path, measured: Measured): void {
  const known = knownNodes(context, measured.fabric)
  const { containerNames } = measured.ends
  if (known === null || containerNames === null) return
  context.checkName(new Set([...known, ...containerNames]), path, 'node', at.split('/')[0]!)
}

function checkSwitch(context: Context, name: string, path: Path, fabric: FabricModel): void {
  const known = knownNodes(context, fabric)
  if (known === null) return
  const node = fabric.nodes.find((each) => each.name === name)
  if (node !== undefined && node.kind !== 'switch') {
    const message = `${name} is a ${node.kind} and has no MAC table of the fabric`
    context.report('conflict', path, message, 'name a switch')
    return
  }
  if (known.has(name)) return
  const switches = fabric.nodes.filter((each) => each.kind === 'switch')
  context.checkName(new Set(switches.map((each) => each.name)), path, 'switch', name)
}

export function comparisonOf(context: Context, given: Compared, path: Path): Comparison | null {
  if (given.is !== undefined) return { kind: 'is', values: given.is }
  const keys = COMPARISONS.filter((key) => given[key] !== undefined)
  if (keys.length !== 1) {
    if (context.isBroken(...path)) return null
    const message =
      keys.length === 0
        ? 'which value is right is not said'
        : `${keys.join(' and ')} are given at once`
    const remedy =
      keys.length === 0
        ? `add one of ${COMPARISONS.join(', ')}`
        : 'keep one; between: [least, most] says both'
    context.report(keys.length === 0 ? 'missing_key' : 'conflict', path, message, remedy)
    return null
  }
  if (given.within !== undefined && given.equals === undefined) {
    const message = '"within" is of use with "equals" only'
    context.report('conflict', [...path, 'within'], message, 'remove it', 'key')
  }
  if (given.equals !== undefined) {
    return { kind: 'equals', value: Number(given.equals), tolerance: given.within ?? 0 }
  }
  if (given.atLeast !== undefined) return { kind: 'atLeast', value: given.atLeast }
  if (given.atMost !== undefined) return { kind: 'atMost', value: given.atMost }
  const [low, high] = given.between!
  if (low > high) {
    const message = 'the first value is larger than the second'
    context.report('conflict', [...path, 'between'], message, 'write the smaller one first')
  }
  return { kind: 'between', low, high }
}
