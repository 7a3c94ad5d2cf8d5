import type { LimitKind } from '../scenario/limit-kind.ts'
import type { RunResult, WorkloadRow } from '../study/result.ts'
import { formatPacketRate, formatRate, plural } from './format.ts'

/** What wants to go as fast as it can, or as it was told: one workload in each of several runs. */
export interface Load {
  /** `TCP, 16 flows`, `UDP, 64 B`. */
  readonly title: string
  /** Null where a run has no such workload. */
  readonly rows: readonly (WorkloadRow | null)[]
  /** What is compared: bits per second, or packets where these are what costs. */
  readonly values: readonly (number | null)[]
  readonly format: (value: number) => string
}

/** Payload of a packet up to which a stream is about packets, not about bytes. */
const SMALL_BYTES = 128

/** TCP first, for it is what most traffic is; each in the order of the file. */
export function loadsOf(runs: readonly RunResult[]): readonly Load[] {
  const rows = runs.flatMap(({ workloads }) => workloads)
  const names = (kind: WorkloadRow['kind']) => [
    ...new Set(rows.filter((row) => row.kind === kind).map(({ name }) => name)),
  ]
  const loads = [...names('tcp'), ...names('udp')].map((name) => loadOf(runs, name))
  return loads.map((load) => {
    const isUnique = loads.filter(({ title }) => title === load.title).length === 1
    return isUnique ? load : { ...load, title: `${load.title}, ${nameOf(load)}` }
  })
}

function loadOf(runs: readonly RunResult[], name: string): Load {
  const rows = runs.map((run) => run.workloads.find((row) => row.name === name) ?? null)
  const known = rows.filter((row) => row !== null)
  const first = known.find((row) => payloadOf(row) !== null) ?? known[0]!
  const isSmall = isSmallPackets(first)
  return {
    title: titleOf(first, known),
    rows,
    values: rows.map((row) => (isSmall ? row?.packetsPerSecond : row?.goodput) ?? null),
    format: isSmall ? formatPacketRate : formatRate,
  }
}

function titleOf(row: WorkloadRow, rows: readonly WorkloadRow[]): string {
  if (row.kind === 'tcp') {
    const counts = rows.map(({ flows }) => flows?.length ?? 1)
    const [least, most] = [Math.min(...counts), Math.max(...counts)]
    return least === most ? `TCP, ${plural(most, 'flow')}` : `TCP, ${least} to ${most} flows`
  }
  const size = payloadOf(row)
  return size === null ? 'UDP' : `UDP, ${size} B`
}

/** Of a packet, bytes; null when none arrived. */
function payloadOf({ goodput, packetsPerSecond }: WorkloadRow): number | null {
  if (goodput === undefined || packetsPerSecond === undefined || packetsPerSecond === 0) return null
  return Math.round(goodput / 8 / packetsPerSecond)
}

export function isSmallPackets(row: WorkloadRow): boolean {
  return row.kind === 'udp' && (payloadOf(row) ?? Infinity) <= SMALL_BYTES
}

function nameOf({ rows }: Load): string {
  return rows.find((row) => row !== null)!.name
}

/** As a phrase after `limited by`. */
export const LIMIT_WORDS: Readonly<Record<LimitKind, string>> = {
  link: 'link',
  'receive-softirq-core': 'receive softirq core',
  'receive-core': 'receive core',
  'send-core': 'send core',
  window: 'window',
  loss: 'loss',
  application: 'application',
  'round-trip': 'round trip',
  unknown: 'not known',
}
