import type { Dimension, SweepResult } from '../../study/sweep/result.ts'
import { enumerate, plural } from '../format.ts'
import { type Layout, paint, wrap } from '../lines.ts'
import { kneeLines } from './knee-text.ts'
import { seriesNames } from './names.ts'
import { pointTables } from './point-tables.ts'

export interface SweepTextOptions extends Layout {
  /** Where the files are, as the user named it. */
  readonly directory: string
  /** Paths in `directory`. */
  readonly files: readonly string[]
}

/** Expectations that failed are told by the first of them. */
const FAILED_MAX = 5
/** Lists are told in full up to this many values. */
const VALUES_MAX = 8

/**
 * What a sweep found, for a reader at a terminal: what was varied, the tipping point if one was
 * asked for, the values at each point with the half width of their 95 % intervals, and where the
 * files are. Without a line feed at the end.
 */
export function sweepText(result: SweepResult, options: SweepTextOptions): string {
  return [
    ...headingLines(result, options),
    ...kneeLines(result, options),
    ...pointTables(result, options),
    ...failureLines(result, options),
    ...fileLines(options),
  ].join('\n')
}

function headingLines(result: SweepResult, layout: Layout): string[] {
  const { plan, rows, version } = result
  const { scenario, why, dimensions, series, seeds, settings, total } = plan
  const lines = wrap(scenario, layout.columns).map((line) => paint(layout, 'bold', line))
  if (why.trim() !== '') lines.push(...wrap(why, layout.columns))
  lines.push('')
  for (const dimension of dimensions) {
    lines.push(...wrap(`varied ${dimensionText(dimension)}`, layout.columns, '', 2))
  }
  if (settings.length > 0) lines.push(...wrap(`set ${settings.join(', ')}`, layout.columns, '', 2))
  if (series.length > 1) lines.push(...wrap(`of ${enumerate(seriesNames(plan))}`, layout.columns))
  const [seed = ''] = seeds
  const replicas =
    seeds.length === 1
      ? `seed ${seed}, one replica: no intervals`
      : `${seeds.length} seeds from ${seed}: mean ±half the 95 % interval (Student's t)`
  const many = rows.length === total ? plural(total, 'run') : `${rows.length} of ${total} runs`
  const facts = `${many}, ${replicas}, encap ${version}`
  return [...lines, ...wrap(facts, layout.columns).map((line) => paint(layout, 'dim', line))]
}

/** `containers.perHost: 8 to 4096, 10 values`. */
function dimensionText({ path, values, spacing }: Dimension): string {
  const texts = values.map(({ text }) => text)
  if (spacing === 'list' && texts.length <= VALUES_MAX) return `${path}: ${texts.join(', ')}`
  const how = spacing === 'geometric' ? ', geometric' : ''
  return `${path}: ${texts[0]} to ${texts.at(-1)}, ${plural(texts.length, 'value')}${how}`
}

/** Expectations of the file that did not hold, by how many runs each failed in. */
function failureLines({ rows }: SweepResult, layout: Layout): string[] {
  const counts = new Map<string, number>()
  for (const text of rows.flatMap(({ failed }) => failed)) {
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  if (counts.size === 0) return []
  const told = [...counts].slice(0, FAILED_MAX).map(([text, count]) => {
    return `Not met in ${count} of ${plural(rows.length, 'run')}: ${text}`
  })
  if (counts.size > told.length) {
    told.push(`and ${plural(counts.size - told.length, 'further expectation')}`)
  }
  const lines = told.flatMap((text) => wrap(text, layout.columns, '', 2))
  return ['', ...lines.map((line) => paint(layout, 'red', line))]
}

/** Charts by their folder: there may be many. */
function fileLines({ directory, files, columns }: SweepTextOptions): string[] {
  if (files.length === 0) return []
  const charts = files.filter((file) => file.startsWith('charts/'))
  const others = files.filter((file) => !file.startsWith('charts/'))
  const parts = [...others, ...(charts.length > 0 ? [`charts/ (${charts.length} SVG)`] : [])]
  return ['', `Files in ${directory}:`, ...wrap(parts.join(', '), columns, '  ')]
}
