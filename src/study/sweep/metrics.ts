import { DROP_REASONS } from '../../measure/drop-reason.ts'
import { suggest } from '../../scenario/did-you-mean.ts'
import { LIMITED_TABLES } from '../../scenario/limited-table.ts'
import { SweepError } from './sweep-error.ts'

export type MetricUnit =
  | 'bits/s'
  | 'packets/s'
  | 'transactions/s'
  | 'ps'
  | 'share'
  | 'bytes'
  | 'cores'
  | 'count'
  | 'ratio'

export interface MetricInfo {
  /** `goodput`, or with the workload or switch that it is of before it: `stream.goodput`. */
  readonly name: string
  /** The name without what it is of. */
  readonly base: string
  /** The workload or switch; null when it is of the whole run. */
  readonly of: string | null
  readonly unit: MetricUnit
  readonly about: string
}

/** Whose number it is: each kind has its own whole. */
type Subject = 'workload' | 'switch' | 'run'

interface MetricKind {
  readonly unit: MetricUnit
  readonly subject: Subject
  readonly about: string
}

const workload = (unit: MetricUnit, about: string): MetricKind => ({
  unit,
  subject: 'workload',
  about,
})
const atSwitch = (unit: MetricUnit, about: string): MetricKind => ({
  unit,
  subject: 'switch',
  about,
})
const run = (unit: MetricUnit, about: string): MetricKind => ({ unit, subject: 'run', about })

/**
 * All that a run measures in numbers. Those of workloads and switches stand for all of them together
 * (times and cores: only where one workload has them), and with a name before them for one.
 */
export const METRICS = {
  goodput: workload('bits/s', 'Payload that arrived, a second.'),
  offered: workload('bits/s', 'Payload that was sent, a second.'),
  packetRate: workload('packets/s', 'Packets that arrived, a second.'),
  transactions: workload('transactions/s', 'Requests answered, a second.'),
  sent: workload('count', 'Packets, requests, frames or connections begun.'),
  delivered: workload('count', 'Of these, how many arrived or were answered.'),
  lost: workload('count', 'Sent and not delivered.'),
  loss: workload('share', 'Lost by sent.'),
  duplicates: workload('count', 'Further copies.'),
  reordered: workload('count', 'Arrived after a later one.'),
  retransmits: workload('count', 'TCP segments sent again.'),
  'rtt.min': workload('ps', 'Least round-trip time or latency.'),
  'rtt.mean': workload('ps', 'Mean round-trip time or latency.'),
  'rtt.p50': workload('ps', 'Median of round-trip time or latency.'),
  'rtt.p90': workload('ps', '90th percentile of round-trip time or latency.'),
  'rtt.p99': workload('ps', '99th percentile of round-trip time or latency.'),
  'rtt.p999': workload('ps', '99.9th percentile of round-trip time or latency.'),
  'rtt.max': workload('ps', 'Longest round-trip time or latency.'),
  jitter: workload('ps', 'RFC 3550.'),
  'connectTime.p50': workload('ps', 'Median time of a TCP handshake.'),
  'connectTime.p99': workload('ps', '99th percentile of the time of a TCP handshake.'),
  completion: workload('ps', 'Until the last flow had all its bytes.'),
  stall: workload('ps', 'Longest time in which a flow got nothing.'),
  fairness: workload('ratio', 'Jain’s index over the flows.'),
  cores: workload('cores', 'Cores busy on both sides, on average.'),
  'cores.send': workload('cores', 'Cores busy on the senders’ machines.'),
  'cores.receive': workload('cores', 'Cores busy on the receivers’ machines.'),
  coresPerGoodput: workload('cores', 'Cores for each 10 Gb/s of goodput.'),
  timePerPacket: workload('ps', 'CPU time of a packet or transaction.'),
  payloadShare: workload('share', 'Payload by what its receivers’ cables brought.'),
  wireEfficiency: run('share', 'Payload by all bytes that the hosts’ cables brought.'),
  drops: run('count', 'Frames lost.'),
  hops: run('count', 'Crossings of a link or a veth.'),
  linkUtilisation: run('share', 'Of the busiest direction of a link.'),
  queuePeak: run('bytes', 'Fullest transmit queue of a link’s end.'),
  busyCores: run('cores', 'Cores busy on all machines, over the whole run.'),
  attachFailures: run('count', 'Containers that got no place on a network.'),
  events: run('count', 'Events of the simulator.'),
  flooded: atSwitch('share', 'Frames flooded to an unknown station, by frames that came in.'),
  floodedFrames: atSwitch('count', 'Frames flooded for an unknown station.'),
  broadcastFrames: atSwitch('count', 'Broadcast frames flooded.'),
  floodRate: atSwitch(
    'bits/s',
    'Unknown unicast on the wire of a port to a host, at the worst one.',
  ),
  floodShare: atSwitch('share', 'Of the rate of that link.'),
  macEntries: atSwitch('count', 'MAC addresses known at the end.'),
  macPeak: atSwitch('count', 'MAC addresses known at most; all switches: their sum.'),
  macLearned: atSwitch('count', 'Entries made.'),
  macRefused: atSwitch('count', 'Times that an address found no room.'),
  macMoves: atSwitch('count', 'Times that an address changed its port.'),
  macAged: atSwitch('count', 'Entries that ended by age.'),
  learnLimited: atSwitch('count', 'Frames whose source the learning rate left unlearned.'),
} as const satisfies Readonly<Record<string, MetricKind>>

export type MetricBase = keyof typeof METRICS

/** In the order of documentation, tables and files. */
const BASES = Object.keys(METRICS) as MetricBase[]
/** Longest first: `h.cores.send` is no metric `send`. */
const BY_LENGTH = BASES.toSorted((a, b) => b.length - a.length)

const DROPS_OF = 'drops.'

/** A metric for each of a list of names, which stands after the point. */
interface Family {
  readonly prefix: string
  readonly unit: MetricUnit
  readonly names: readonly string[]
  readonly about: (name: string) => string
  /** Which metric they stand behind. */
  readonly after: MetricBase
}

const FAMILIES: readonly Family[] = [
  {
    prefix: DROPS_OF,
    unit: 'count',
    names: Object.keys(DROP_REASONS),
    about: (name) => `Frames that ended as ${name}, which need be no loss.`,
    after: 'drops',
  },
  {
    prefix: 'tableShare.',
    unit: 'share',
    names: LIMITED_TABLES,
    about: (name) => `Entries by capacity of the fullest table ${name}.`,
    after: 'macAged',
  },
  {
    prefix: 'tableRefused.',
    unit: 'count',
    names: LIMITED_TABLES,
    about: (name) => `Times that a table ${name} had no room, at the fullest one.`,
    after: 'macAged',
  },
]

/** What a metric's name stands for; throws a SweepError for one that there is not. */
export function metricInfo(name: string): MetricInfo {
  for (const base of BY_LENGTH) {
    const { unit, about, subject } = METRICS[base] as MetricKind
    if (name === base) return { name, base, of: null, unit, about }
    const of = name.slice(0, -base.length - 1)
    if (subject !== 'run' && of !== '' && name === `${of}.${base}`) {
      return { name, base, of, unit, about }
    }
  }
  const family = familyOf(name)
  if (family !== undefined) {
    const { prefix, unit, names, about } = family
    const one = name.slice(prefix.length)
    if (names.includes(one)) return { name, base: name, of: null, unit, about: about(one) }
    throw new SweepError(`there is no metric "${name}"; ${suggest(one, names, 'names')}`)
  }
  throw new SweepError(`there is no metric "${name}"; ${suggest(name, BASES, 'metrics')}`)
}

/** What may be asked for, with a word in capitals where one of several names stands. */
export function metricCatalogue(): readonly Pick<MetricInfo, 'name' | 'about'>[] {
  const single = BASES.map((name) => ({ name, about: METRICS[name].about }))
  const families = FAMILIES.map(({ prefix, names, about }) => {
    const shown = prefix === DROPS_OF ? names.slice(0, 3).concat('and so on') : names
    return { name: `${prefix}NAME`, about: `${about('NAME')} NAME is one of ${shown.join(', ')}.` }
  })
  return [...single, ...families]
}

function familyOf(name: string): Family | undefined {
  return FAMILIES.find(({ prefix }) => name.startsWith(prefix))
}

/** A drop reason that a run did not have is none of its frames, not something unknown. */
export function metricOf(
  metrics: Readonly<Record<string, number>>,
  name: string,
): number | undefined {
  return metrics[name] ?? (name.startsWith(DROPS_OF) ? 0 : undefined)
}

/** Of the whole run first, then by what they are of; each in the order of the catalogue. */
export function compareMetrics(a: MetricInfo, b: MetricInfo): number {
  const byKind = Number(a.of !== null) - Number(b.of !== null)
  return byKind || placeOf(a) - placeOf(b) || (a.name < b.name ? -1 : Number(a.name > b.name))
}

/** Members of a family stand right after their metric. */
function placeOf({ base }: MetricInfo): number {
  const family = familyOf(base)
  if (family === undefined) return BASES.indexOf(base as MetricBase)
  return BASES.indexOf(family.after) + 0.5
}

/** Those that a report shows when none were asked for, the most telling first. */
export const TELLING: readonly MetricBase[] = [
  'goodput',
  'packetRate',
  'transactions',
  'rtt.p50',
  'rtt.p99',
  'loss',
  'flooded',
  'floodShare',
  'macEntries',
  'macRefused',
  'drops',
  'retransmits',
  'coresPerGoodput',
  'cores',
  'wireEfficiency',
  'busyCores',
]
