import type { NetworkResult, RunResult, SwitchResult, WorkloadRow } from '../study/result.ts'
import { formatCount, formatPacketRate, formatRate, formatShare, formatTime } from './format.ts'
import { isSmallPackets } from './loads.ts'

/** One thing that was measured in each of several runs; null where a run has no such thing. */
export interface Measure {
  readonly name: string
  readonly values: readonly (number | null)[]
  readonly format: (value: number) => string
}

/** Workloads whose round trips and losses stand in the table; further ones stand in the details. */
const WORKLOADS_MAX = 3
const REASONS_MAX = 3

const measure = (
  runs: readonly RunResult[],
  name: string,
  format: (value: number) => string,
  pick: (run: RunResult) => number | null,
): Measure => ({ name, values: runs.map(pick), format })

/** Whether any run has a value. */
export function isKnown({ values }: Measure): boolean {
  return values.some((value) => value !== null)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** Streams that are about bytes; those of small packets stand by themselves. */
function streamsOf(run: RunResult): readonly WorkloadRow[] {
  return run.workloads.filter((row) => row.kind === 'udp' && !isSmallPackets(row))
}

/** Sum over the UDP streams of a run, null without any. */
function ofStreams(pick: (stream: WorkloadRow) => number | null) {
  return (run: RunResult): number | null => {
    const values = streamsOf(run).map(pick)
    return values.length === 0 || values.includes(null) ? null : sum(values.map(Number))
  }
}

export function goodput(runs: readonly RunResult[]): Measure {
  return measure(
    runs,
    'UDP goodput',
    formatRate,
    ofStreams((row) => row.goodput ?? null),
  )
}

export function packetRates(runs: readonly RunResult[]): readonly Measure[] {
  const arrived = ofStreams(({ packetsPerSecond }) => packetsPerSecond ?? null)
  return [
    measure(
      runs,
      'UDP packets offered',
      formatPacketRate,
      ofStreams((row) => row.offeredPacketsPerSecond ?? null),
    ),
    measure(runs, 'UDP packets delivered', formatPacketRate, arrived),
  ]
}

/** Of all streams together; several loads have theirs each. */
export function wireEfficiency(runs: readonly RunResult[]): Measure {
  return measure(runs, 'Wire efficiency', formatShare, (run) => run.wireEfficiency)
}

/** Of the packets on the hosts' cables; several networks of one run are told apart in the details. */
export function bytesAdded(runs: readonly RunResult[]): Measure {
  return measure(runs, 'Bytes added, a packet', formatCount, ({ networks }) => {
    const seen = networks.filter(({ encapsulation }) => encapsulation !== null)
    return seen.length === 0 ? null : seen.reduce((most, net) => Math.max(most, net.bytesAdded), 0)
  })
}

type Times = Exclude<WorkloadRow['latency'], undefined>
type TimesOf = (row: WorkloadRow) => Times

/** With percentiles: what TCP's sockets took for the round trip has none. */
const roundTrips: TimesOf = ({ rtt }) => (rtt && 'p50' in rtt ? rtt : null)

/** Median and 99th percentile of round trips, or of one-way latencies where nobody measured those. */
export function latencies(runs: readonly RunResult[]): readonly Measure[] {
  const names = namesOf(runs, (row) => Boolean(roundTrips(row)))
  if (names.length > 0) {
    const isStore = (name: string) => runs.some((run) => workloadOf(run, name)?.kind === 'kv')
    const [operations, others] = [names.filter(isStore), names.filter((name) => !isStore(name))]
    return [
      ...latenciesOf(runs, others, 'RTT', roundTrips),
      ...latenciesOf(runs, operations, 'Operation', roundTrips),
    ]
  }
  const oneWay: TimesOf = (row) => row.latency ?? null
  return latenciesOf(
    runs,
    namesOf(runs, (row) => Boolean(oneWay(row))),
    'One-way latency',
    oneWay,
  )
}

function latenciesOf(
  runs: readonly RunResult[],
  names: readonly string[],
  what: string,
  timesOf: TimesOf,
): readonly Measure[] {
  return names.slice(0, WORKLOADS_MAX).flatMap((name) => {
    const of = names.length === 1 ? '' : `, ${name}`
    const times = (run: RunResult) => {
      const row = workloadOf(run, name)
      return row === undefined ? null : timesOf(row)
    }
    return [
      measure(runs, `${what} p50${of}`, formatTime, (run) => times(run)?.p50 ?? null),
      measure(runs, `${what} p99${of}`, formatTime, (run) => times(run)?.p99 ?? null),
    ]
  })
}

/** Share of the packets that did not arrive, of the workloads that lost any in some run. */
export function workloadLosses(runs: readonly RunResult[]): readonly Measure[] {
  return namesOf(runs, (row) => (row.lost ?? 0) > 0)
    .slice(0, WORKLOADS_MAX)
    .map((name) =>
      measure(runs, `Not delivered, ${name}`, formatShare, (run) => {
        const row = workloadOf(run, name)
        return row?.lost === undefined || row.sent === 0 ? null : row.lost / row.sent
      }),
    )
}

/** Of request-response workloads: transactions, or connections where each transaction is one. */
export function transactionRates(runs: readonly RunResult[]): readonly Measure[] {
  const names = namesOf(runs, (row) => row.transactionsPerSecond !== undefined)
  return names.slice(0, WORKLOADS_MAX).map((name) => {
    const of = names.length === 1 ? '' : `, ${name}`
    return measure(runs, `Transactions/s${of}`, formatRounded, (run) => {
      return workloadOf(run, name)?.transactionsPerSecond ?? null
    })
  })
}

/** How long clients of the store got nothing done at a stretch. */
export function storeStalls(runs: readonly RunResult[]): readonly Measure[] {
  const names = namesOf(runs, ({ kind }) => kind === 'kv')
  return names.slice(0, WORKLOADS_MAX).map((name) => {
    const of = names.length === 1 ? '' : `, ${name}`
    return measure(runs, `Longest stall${of}`, formatTime, (run) => {
      return workloadOf(run, name)?.stall ?? null
    })
  })
}

export function leaderElections(runs: readonly RunResult[]): readonly Measure[] {
  return [
    measure(runs, 'Elections', formatCount, ({ store }) => store?.elections ?? null),
    measure(runs, 'Longest without leader', formatTime, ({ store }) => {
      return store?.longestLeaderless ?? null
    }),
  ]
}

function formatRounded(value: number): string {
  return formatCount(Math.round(value))
}

export function lostFrames(runs: readonly RunResult[]): Measure {
  return measure(runs, 'Frames lost', formatCount, (run) => lossesOf(run, null))
}

/** The reasons that took most frames, over all runs. */
export function lossReasons(runs: readonly RunResult[]): readonly Measure[] {
  const totals = new Map<string, number>()
  for (const { drops } of runs) {
    for (const { kind, reason, count } of drops) {
      if (kind === 'loss') totals.set(reason, (totals.get(reason) ?? 0) + count)
    }
  }
  return [...totals]
    .sort((a, b) => b[1] - a[1])
    .slice(0, REASONS_MAX)
    .map(([reason]) => measure(runs, `  ${reason}`, formatCount, (run) => lossesOf(run, reason)))
}

function lossesOf({ drops }: RunResult, reason: string | null): number {
  const losses = drops.filter((drop) => drop.kind === 'loss')
  return sum(losses.map((drop) => (reason === null || drop.reason === reason ? drop.count : 0)))
}

/** Of the switch that knew most at once: tables are no larger for there being several of them. */
export function macEntries(runs: readonly RunResult[]): Measure {
  return measure(runs, 'MACs learned, at most', formatCount, ({ switches }) =>
    switches.length === 0 ? null : switches.reduce((most, { peak }) => Math.max(most, peak), 0),
  )
}

export function macRefusals(runs: readonly RunResult[]): Measure {
  return ofSwitches(runs, 'MACs refused', ({ refused }) => refused)
}

export function unknownFloods(runs: readonly RunResult[]): Measure {
  return ofSwitches(runs, 'Unknown unicast floods', ({ floods }) => floods.unknownUnicast)
}

function ofSwitches(
  runs: readonly RunResult[],
  name: string,
  pick: (row: SwitchResult) => number,
): Measure {
  return measure(runs, name, formatCount, ({ switches }) =>
    switches.length === 0 ? null : sum(switches.map(pick)),
  )
}

/** The workloads of any run that fit, in the order in which they first appear. */
function namesOf(
  runs: readonly RunResult[],
  fits: (row: WorkloadRow) => boolean,
): readonly string[] {
  return [...new Set(runs.flatMap((run) => run.workloads.filter(fits).map(({ name }) => name)))]
}

function workloadOf(run: RunResult, name: string): WorkloadRow | undefined {
  return run.workloads.find((row) => row.name === name)
}

/** `encapsulated L3`, as seen on the cables. */
export function classOf({ encapsulation, forwarding }: NetworkResult): string {
  if (encapsulation === null) return 'nothing left a host'
  return forwarding === null ? encapsulation : `${encapsulation} ${forwarding}`
}
