import type { WorkloadRow } from '../study/result.ts'
import { cpuText } from './cpu-text.ts'
import { errorWords } from './error-words.ts'
import {
  enumerate,
  formatCount,
  formatPacketRate,
  formatRate,
  formatShare,
  formatTime,
  plural,
} from './format.ts'
import { type Layout, wrap } from './lines.ts'
import { LIMIT_WORDS } from './loads.ts'
import { storeLoadTexts } from './store-load-text.ts'
import { tcpTexts } from './tcp-text.ts'

const KINDS: Readonly<Record<WorkloadRow['kind'], string>> = {
  ping: 'ping',
  udp: 'UDP stream',
  'udp-rr': 'UDP request and response',
  tcp: 'TCP',
  'tcp-rr': 'TCP request and response',
  'tcp-crr': 'TCP connect, request and response',
  macof: 'frames from ever new MAC addresses',
  frames: 'Ethernet frames',
  kv: 'clients of the store',
}
const PAIRS_SHOWN = 8

/** What one workload measured. */
export function workloadLines(row: WorkloadRow, layout: Layout, verbose: boolean): string[] {
  const { start, end } = row.window
  const window = `measured from ${formatTime(start)} to ${formatTime(end)}`
  const partial = row.partial ? ', interrupted before its end' : ''
  const lines = wrap(
    `${row.name}: ${KINDS[row.kind]}, ${window}${partial}`,
    layout.columns,
    '  ',
    4,
  )
  const facts = [
    ...measuredTexts(row, verbose),
    ...row.errors.map(errorWords),
    ...(row.kind === 'tcp' ? [] : pairTexts(row, verbose)),
    limitText(row),
    linkText(row),
    cpuText(row),
  ]
  for (const fact of facts) if (fact !== '') lines.push(...wrap(fact, layout.columns, '    ', 6))
  if (verbose) lines.push(...toolOutput(row, layout))
  return lines
}

function measuredTexts(row: WorkloadRow, verbose: boolean): readonly string[] {
  if (row.kind === 'tcp') return tcpTexts(row, verbose)
  if (row.kind === 'kv') return storeLoadTexts(row)
  return [
    countsText(row),
    ratesText(row),
    timesText('round trip', percentilesOf(row.rtt), null),
    timesText('one-way latency', row.latency, row.jitter),
    firstPacketText(row),
    outageText(row),
  ]
}

function countsText(row: WorkloadRow): string {
  const { sent, refused, delivered, lost, duplicates, reordered } = row
  const parts = [`sent ${formatCount(sent)}`]
  if (refused > 0) parts.push(`of which the system refused ${formatCount(refused)}`)
  if (delivered !== undefined) parts.push(`delivered ${formatCount(delivered)}`)
  if (lost !== undefined) {
    const share = sent === 0 || lost === 0 ? '' : ` (${formatShare(lost / sent)})`
    parts.push(`lost ${lost === 0 ? 'none' : formatCount(lost)}${share}`)
  }
  if (duplicates) parts.push(plural(duplicates, 'duplicate'))
  if (reordered) parts.push(`${formatCount(reordered)} out of order`)
  const misdelivered = numberOf(row, 'misdelivered')
  if (misdelivered > 0) parts.push(`${formatCount(misdelivered)} at a wrong receiver`)
  const late = numberOf(row, 'late')
  if (late > 0) parts.push(`${formatCount(late)} answered too late`)
  const sources = numberOf(row, 'sources')
  if (sources > 0) parts.push(`from ${plural(sources, 'source address', 'source addresses')}`)
  return parts.join(', ')
}

function numberOf(row: Readonly<Record<string, unknown>>, key: string): number {
  const value = row[key]
  return typeof value === 'number' ? value : 0
}

function ratesText(row: WorkloadRow): string {
  const { goodput, offered, packetsPerSecond } = row
  if (goodput === undefined || packetsPerSecond === undefined) return ''
  const of = offered === undefined ? '' : ` of ${formatRate(offered)} offered`
  const packets =
    row.transactionsPerSecond !== undefined
      ? `${formatCount(Math.round(row.transactionsPerSecond))} transactions a second`
      : formatPacketRate(packetsPerSecond)
  return `goodput ${formatRate(goodput)}${of}, ${packets}`
}

/** What kept it from going faster, and which one it was. */
function limitText({ limitedBy }: WorkloadRow): string {
  if (!limitedBy) return ''
  const { kind, what, share } = limitedBy
  if (kind === 'unknown') return 'limited by nothing that was measured'
  const percent = `${Number((share * 100).toFixed(1))} %`
  const of = kind === 'loss' ? 'of what was sent' : 'of the window'
  const told = kind === 'application' || kind === 'round-trip' ? '' : `, ${percent} ${of}`
  return `limited by: ${LIMIT_WORDS[kind]} (${what}${told})`
}

/** The busiest cable, where it is not the one that limits. */
function linkText({ links, limitedBy }: WorkloadRow): string {
  const [busiest] = links ?? []
  if (!limitedBy || limitedBy.kind === 'link' || busiest === undefined) return ''
  const { name, direction, utilisation } = busiest
  return `busiest cable: ${name} ${direction}, ${formatShare(utilisation)} of the window`
}

function percentilesOf(times: WorkloadRow['rtt']): WorkloadRow['latency'] {
  return times && !('p50' in times) ? undefined : times
}

function timesText(
  name: string,
  times: WorkloadRow['latency'],
  jitter: number | null | undefined,
): string {
  if (times === undefined) return ''
  if (times === null) return `${name}: nothing came in the window`
  const { p50, p99, max } = times
  const parts = [`p50 ${formatTime(p50)}`, `p99 ${formatTime(p99)}`, `most ${formatTime(max)}`]
  if (typeof jitter === 'number') parts.push(`jitter ${formatTime(jitter)}`)
  return `${name}: ${parts.join(', ')}`
}

function firstPacketText(row: WorkloadRow): string {
  const latency = row['firstPacketLatency']
  if (typeof latency !== 'number') return ''
  const what = row.kind === 'udp' ? 'first packet arrived' : 'first answer came'
  return `${what} ${formatTime(latency)} after the start`
}

/** A single loss is no outage. */
function outageText({ outage, stall, lost }: WorkloadRow): string {
  if (!outage || stall === undefined || lost === undefined || lost < 2) return ''
  const { from, to } = outage
  const end = to === null ? 'not over at the end' : `to ${formatTime(to)}`
  return `longest outage: ${formatTime(stall)}, from ${formatTime(from)}, ${end}`
}

/** Pairs that lost something while others did not; all of them when everything is asked for. */
function pairTexts(row: WorkloadRow, verbose: boolean): string[] {
  const pairs = pairsOf(row)
  const uneven = pairs.filter(({ lost }) => lost > 0)
  const shown = verbose ? pairs : uneven.length === pairs.length ? [] : uneven
  const texts = shown.map(({ text }) => text)
  if (verbose || texts.length <= PAIRS_SHOWN) return texts
  const rest = texts.length - PAIRS_SHOWN
  return [...texts.slice(0, PAIRS_SHOWN), `and ${plural(rest, 'pair')} more that lost packets`]
}

function pairsOf(row: WorkloadRow): { readonly text: string; readonly lost: number }[] {
  const pairs: unknown = row['pairs']
  if (!Array.isArray(pairs) || pairs.length < 2) return []
  return pairs.filter(isRecord).map((pair) => {
    const sent = numberOf(pair, 'sent')
    const delivered = numberOf(pair, 'delivered')
    const lost = sent - delivered
    const counts = enumerate([
      `sent ${formatCount(sent)}`,
      ...(lost === 0 ? ['all delivered'] : [`lost ${formatCount(lost)}`]),
    ])
    return { text: `${String(pair['from'])} to ${String(pair['to'])}: ${counts}`, lost }
  })
}

/** What ping itself would have printed. */
function toolOutput(row: WorkloadRow, layout: Layout): string[] {
  const pairs: unknown = row['pairs']
  if (!Array.isArray(pairs)) return []
  return pairs.filter(isRecord).flatMap((pair) => {
    const lines: unknown = pair['lines']
    if (!Array.isArray(lines)) return []
    return lines.flatMap((line) => wrap(String(line), layout.columns, '      ', 8))
  })
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
