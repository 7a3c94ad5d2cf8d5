import type { RunResult, SwitchResult, WorkloadRow } from '../result.ts'
import type { Run } from '../run.ts'
import type { MetricBase } from './metrics.ts'
import type { SweepRow } from './result.ts'

/** What is kept of a run. */
export type RunMeasures = Pick<SweepRow, 'metrics' | 'limitedBy' | 'failed'>

type Numbers = Partial<Record<MetricBase, number>>

/** Numbers of a run by name; what it did not measure is left out. */
export function measureRun(run: Run): RunMeasures {
  const result = run.result()
  const metrics: Record<string, number> = {}
  const add = (numbers: Numbers, prefix = '') => {
    for (const [base, value] of Object.entries(numbers)) metrics[`${prefix}${base}`] = value
  }
  const workloads = result.workloads.map((row) => ({ name: row.name, numbers: ofWorkload(row) }))
  add(together(workloads.map(({ numbers }) => numbers)))
  for (const { name, numbers } of workloads) add(numbers, `${name}.`)
  add(ofRun(result))
  for (const [reason, count] of dropsByReason(result)) metrics[`drops.${reason}`] = count
  for (const { kind, share, refused } of result.tables) {
    metrics[`tableShare.${kind}`] = share
    metrics[`tableRefused.${kind}`] = refused
  }
  const framesIn = framesToNodes(run, result)
  const switches = result.switches.map((row) => ofSwitch(row, framesIn.get(row.name) ?? 0))
  if (switches.length > 0) add(ofSwitches(switches, result.switches))
  for (const [i, row] of result.switches.entries()) add(shown(switches[i]!), `${row.name}.`)
  const failed = result.expectations.filter(({ passed }) => !passed).map(({ text }) => text)
  return { metrics, limitedBy: limitsOf(result), failed }
}

function ofWorkload(row: WorkloadRow): Numbers {
  const { lost, sent, cpu, flows } = row
  const times = row.rtt ?? row.latency ?? null
  // What TCP's sockets took for round trips comes without percentiles: these are undefined then.
  const percentiles = times as WorkloadRow['latency']
  return known({
    goodput: row.goodput,
    offered: row.offered,
    packetRate: row.packetsPerSecond,
    transactions: row.transactionsPerSecond,
    sent,
    delivered: row.delivered,
    lost,
    loss: lost === undefined || sent === 0 ? undefined : lost / sent,
    duplicates: row.duplicates,
    reordered: row.reordered,
    retransmits: row.retransmits,
    'rtt.min': times?.min,
    'rtt.mean': times?.mean,
    'rtt.p50': percentiles?.p50,
    'rtt.p90': percentiles?.p90,
    'rtt.p99': percentiles?.p99,
    'rtt.p999': percentiles?.p999,
    'rtt.max': times?.max,
    jitter: row.jitter,
    'connectTime.p50': row.connectTime?.p50,
    'connectTime.p99': row.connectTime?.p99,
    completion: flows === undefined ? undefined : completionOf(flows),
    stall: row.stall,
    fairness: row.fairness,
    cores: cpu?.cores,
    'cores.send': cpu?.senders.cores,
    'cores.receive': cpu?.receivers.cores,
    coresPerGoodput: cpu?.perGoodput,
    timePerPacket: cpu?.perPacket,
    payloadShare: row.wireEfficiency,
  })
}

function known(values: Partial<Record<MetricBase, number | null | undefined>>): Numbers {
  const entries = Object.entries(values).filter(
    ([, value]) => value !== null && value !== undefined,
  )
  return Object.fromEntries(entries) as Numbers
}

function completionOf(flows: NonNullable<WorkloadRow['flows']>): number | null {
  let latest: number | null = null
  for (const { completionTime } of flows) {
    if (completionTime === null) return null
    latest = Math.max(latest ?? 0, completionTime)
  }
  return latest
}

/** Those that add up. */
const SUMS: readonly MetricBase[] = [
  'goodput',
  'offered',
  'packetRate',
  'transactions',
  'sent',
  'delivered',
  'lost',
  'duplicates',
  'reordered',
  'retransmits',
]

/** Sums over workloads; what is no sum only where one workload has it. */
function together(workloads: readonly Numbers[]): Numbers {
  const all: Numbers = {}
  const bases = new Set(workloads.flatMap((each) => Object.keys(each) as MetricBase[]))
  for (const base of bases) {
    const values = workloads.flatMap((each) => each[base] ?? [])
    if (SUMS.includes(base)) all[base] = sumOf(values)
    else if (values.length === 1) all[base] = values[0]!
  }
  // Of packets that were counted at both ends: what only sends is no loss.
  const counted = workloads.filter(({ loss }) => loss !== undefined)
  const sent = sumOf(counted.map((each) => each.sent ?? 0))
  if (sent > 0) all.loss = sumOf(counted.map((each) => each.lost ?? 0)) / sent
  return all
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function ofRun({ drops, networks, links, machines, ...result }: RunResult): Numbers {
  const ends = links.flatMap(({ forward, backward }) => [forward, backward])
  const busy = machines.flatMap(({ cores }) => cores.map((core) => core.busy))
  return known({
    wireEfficiency: result.wireEfficiency,
    drops: sumOf(drops.filter(({ kind }) => kind === 'loss').map(({ count }) => count)),
    hops: result.ledger.hops,
    linkUtilisation: ends.reduce((most, end) => Math.max(most, end.utilisation), 0),
    queuePeak: ends.reduce((most, end) => Math.max(most, end.queuePeakBytes), 0),
    busyCores: machines.length === 0 ? undefined : sumOf(busy) / result.simulated,
    attachFailures: sumOf(networks.map(({ failures }) => failures.length)),
    events: result.events,
  })
}

function dropsByReason({ drops }: RunResult): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { reason, count } of drops) counts.set(reason, (counts.get(reason) ?? 0) + count)
  return counts
}

interface SwitchNumbers {
  readonly framesIn: number
  /** Sums over switches are their sums. */
  readonly numbers: Numbers & { readonly floodedFrames: number }
  readonly worst: { readonly floodRate: number; readonly floodShare: number }
}

/** Sent to each switch, as counted when the run was measured. */
function framesToNodes({ world }: Run, { links }: RunResult): Map<string, number> {
  const frames = new Map<string, number>()
  for (const { name, forward, backward } of links) {
    const { from, to } = world.links.get(name)!.model
    frames.set(to, (frames.get(to) ?? 0) + forward.frames)
    frames.set(from, (frames.get(from) ?? 0) + backward.frames)
  }
  return frames
}

function ofSwitch(row: SwitchResult, framesIn: number): SwitchNumbers {
  return {
    framesIn,
    numbers: {
      floodedFrames: row.floods.unknownUnicast,
      broadcastFrames: row.floods.broadcast,
      macEntries: row.entries,
      macPeak: row.peak,
      macLearned: row.learned,
      macRefused: row.refused,
      macMoves: row.moved,
      macAged: row.aged,
      learnLimited: row.learnLimited,
    },
    worst: worstPort(row),
  }
}

function worstPort({ flooded }: Pick<SwitchResult, 'flooded'>): SwitchNumbers['worst'] {
  return {
    floodRate: flooded.reduce((most, { rate }) => Math.max(most, rate), 0),
    floodShare: flooded.reduce((most, { share }) => Math.max(most, share), 0),
  }
}

function shown({ framesIn, numbers, worst }: SwitchNumbers): Numbers {
  return { flooded: framesIn === 0 ? 0 : numbers.floodedFrames / framesIn, ...numbers, ...worst }
}

function ofSwitches(switches: readonly SwitchNumbers[], rows: readonly SwitchResult[]): Numbers {
  const bases = Object.keys(switches[0]!.numbers) as MetricBase[]
  const sums = bases.map((base) => [base, sumOf(switches.map(({ numbers }) => numbers[base] ?? 0))])
  return shown({
    framesIn: sumOf(switches.map(({ framesIn }) => framesIn)),
    numbers: Object.fromEntries(sums),
    worst: worstPort({ flooded: rows.flatMap(({ flooded }) => flooded) }),
  })
}

function limitsOf({ workloads }: RunResult): Record<string, string> {
  const limits: Record<string, string> = {}
  for (const { name, limitedBy } of workloads) if (limitedBy) limits[name] = limitedBy.kind
  return limits
}
