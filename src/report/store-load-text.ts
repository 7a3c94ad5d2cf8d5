import type { WorkloadRow } from '../study/result.ts'
import { formatCount, formatTime, plural } from './format.ts'

type Operations = NonNullable<WorkloadRow['operations']>[number]

const KINDS: Readonly<Record<Operations['kind'], string>> = { put: 'writes', get: 'reads' }

/** What clients of a store measured: how their operations went, and what their watchers heard. */
export function storeLoadTexts(row: WorkloadRow): readonly string[] {
  return [
    countsText(row),
    ...(row.operations ?? []).map(operationsText),
    row.stall === undefined ? '' : `longest without a success: ${formatTime(row.stall)}`,
    watchText(row),
  ]
}

function countsText({
  sent,
  delivered = 0,
  unfinished = 0,
  transactionsPerSecond = 0,
}: WorkloadRow) {
  const failed = sent - delivered - unfinished
  const parts = [`${plural(sent, 'operation')}: ${formatCount(delivered)} succeeded`]
  if (failed > 0) parts.push(`${formatCount(failed)} failed`)
  if (unfinished > 0) parts.push(`${formatCount(unfinished)} still under way`)
  return `${parts.join(', ')}; ${formatCount(Math.round(transactionsPerSecond))} a second`
}

function operationsText({ kind, completed, failed, latency }: Operations): string {
  const counts = failed === 0 ? '' : `, ${formatCount(failed)} failed`
  const count = `${KINDS[kind]}: ${formatCount(completed)}${counts}`
  return latency === null ? `${count}, none within the window` : `${count}; ${times(latency)}`
}

function watchText(row: WorkloadRow): string {
  const { watchDelay, watchEvents = 0, watchMissed = 0, watchGaps = 0 } = row
  if (watchEvents === 0 && watchMissed === 0) return ''
  const parts = [plural(watchEvents, 'event')]
  if (watchDelay) parts.push(`${times(watchDelay)} after the call`)
  if (watchGaps > 0) parts.push(`history gone ${plural(watchGaps, 'time')}, all read anew`)
  if (watchMissed > 0) parts.push(`${plural(watchMissed, 'change')} never told, replaced by then`)
  return `watch: ${parts.join('; ')}`
}

function times({ p50, p99, max }: NonNullable<WorkloadRow['latency']>): string {
  return `p50 ${formatTime(p50)}, p99 ${formatTime(p99)}, most ${formatTime(max)}`
}
