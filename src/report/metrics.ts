import type { CpuResult, NetworkResult, RunResult } from '../study/result.ts'
import { formatCount, formatShare, formatTime } from './format.ts'
import { isSmallPackets, LIMIT_WORDS, type Load, loadsOf } from './loads.ts'
import {
  bytesAdded,
  classOf,
  goodput,
  isKnown,
  latencies,
  leaderElections,
  lossReasons,
  lostFrames,
  type Measure,
  macEntries,
  macRefusals,
  packetRates,
  storeStalls,
  transactionRates,
  unknownFloods,
  wireEfficiency,
  workloadLosses,
} from './measures.ts'
import type { Metric } from './table.ts'

/** Loads that stand in the table; further ones stand in the details. */
const LOADS_MAX = 4

function formatCores(value: number): string {
  return String(Number(value.toFixed(2)))
}

/** What a load achieved, what it cost, and what kept it from more. */
function loadMetrics(load: Load, isAlone: boolean): readonly Metric[] {
  const of = (name: string, pick: (cpu: CpuResult) => number | null, format = formatCores) => {
    const values = load.rows.map((row) => (row?.cpu ? pick(row.cpu) : null))
    return toMetric({ name: `  ${name}`, values, format })
  }
  const isShared = load.rows.every((row) => !row?.cpu || row.cpu.isShared)
  const hasCpu = load.rows.some((row) => Boolean(row?.cpu))
  const { title, values, format } = load
  const isAboutPackets = load.rows.some((row) => row !== null && isSmallPackets(row))
  const sides = isShared
    ? [of('cores, both sides', ({ cores }) => cores)]
    : [
        of('send cores', ({ senders }) => senders.cores),
        of('receive cores', ({ receivers }) => receivers.cores),
      ]
  const cost = isAboutPackets
    ? of('CPU time a packet', ({ perPacket }) => perPacket, formatTime)
    : of('cores per 10 Gb/s', ({ perGoodput }) => perGoodput)
  return [
    ...(isInSums(load) ? [] : [toMetric({ name: title, values, format })]),
    ...(hasCpu ? [...sides, cost] : []),
    ...(isAlone || isAboutPackets ? [] : efficiencyMetrics(load)),
    ...limitMetrics(load),
  ]
}

/** Streams that stand in the table as one already. */
function isInSums({ rows }: Load): boolean {
  return rows.some((row) => row?.kind === 'udp' && !isSmallPackets(row))
}

/** In its own window, of the bytes that its receivers' cables brought. */
function efficiencyMetrics({ rows }: Load): readonly Metric[] {
  const values = rows.map((row) => row?.wireEfficiency ?? null)
  const measure = { name: '  wire efficiency', values, format: formatShare }
  return isKnown(measure) ? [toMetric(measure)] : []
}

/** Not where everything went as it was asked for. */
function limitMetrics({ rows }: Load): readonly Metric[] {
  const limits = rows.map((row) => row?.limitedBy ?? null)
  if (limits.every((limit) => limit === null || limit.kind === 'application')) return []
  const values = limits.map((limit) => (limit === null ? '-' : LIMIT_WORDS[limit.kind]))
  return [{ name: '  limited by', values }]
}

/** The lines of the table that stands first in a report. */
export function metricsOf(
  runs: readonly RunResult[],
  subjects: readonly string[],
): readonly Metric[] {
  const texts = (name: string, pick: (run: RunResult) => string): Metric => ({
    name,
    values: runs.map(pick),
  })
  const each = (run: RunResult, pick: (network: NetworkResult) => string) =>
    [...new Set(run.networks.map(pick))].join(', ')
  const schemes = texts('Scheme', (run) => each(run, ({ variant }) => variant))
  const mtu = ({ innerMtu }: NetworkResult) => (innerMtu === null ? '-' : formatCount(innerMtu))
  const isNamed = schemes.values.every((value, i) => value === subjects[i])
  const loads = loadsOf(runs).slice(0, LOADS_MAX)
  const sums = loads.filter(isInSums)
  const streams = [...packetRates(runs), goodput(runs)].filter(isKnown).map(toMetric)
  const isAlone = loads.length < 2
  const ofLoads = (some: readonly Load[]) => some.flatMap((load) => loadMetrics(load, isAlone))
  const numbers = [
    ...(isAlone ? [wireEfficiency(runs)] : []),
    ...latencies(runs),
    ...transactionRates(runs),
    ...storeStalls(runs),
    ...leaderElections(runs),
    ...workloadLosses(runs),
    lostFrames(runs),
    ...lossReasons(runs),
    macEntries(runs),
    ...[macRefusals(runs), unknownFloods(runs)].filter(({ values }) => values.some(Number)),
  ]
  return [
    ...(isNamed ? [] : [schemes]),
    texts('Class', (run) => each(run, classOf)),
    texts('Inner MTU', (run) => each(run, mtu)),
    ...[bytesAdded(runs)].filter(isKnown).map(toMetric),
    ...ofLoads(loads.filter((load) => !isInSums(load))),
    ...streams,
    ...(sums.length === 1 ? ofLoads(sums) : []),
    ...numbers.filter(isKnown).map(toMetric),
    ...expectationMetric(runs),
  ].filter(({ values }) => values.some((value) => value !== ''))
}

function toMetric({ name, values, format }: Measure): Metric {
  return { name, values: values.map((value) => (value === null ? '-' : format(value))) }
}

function expectationMetric(runs: readonly RunResult[]): readonly Metric[] {
  if (runs.every(({ expectations }) => expectations.length === 0)) return []
  const values = runs.map(({ expectations }) => {
    const passed = expectations.filter((each) => each.passed).length
    return expectations.length === 0 ? '-' : `${passed} of ${expectations.length}`
  })
  return [{ name: 'Expectations met', values }]
}
