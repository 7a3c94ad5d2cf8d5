import CliTable3 from 'cli-table3'
import { cut, type Layout, paint, widthOf } from './lines.ts'

/** What is compared: one line of values for each thing measured. */
export interface Metric {
  readonly name: string
  /** One for each subject; empty where there is nothing to say. */
  readonly values: readonly string[]
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Below this a column of values is no longer read; then the subjects go to further tables. */
const COLUMN_MIN = 9

/**
 * Subjects side by side. Where one line a subject does not fit, the metrics become the lines; where
 * that does not fit either, columns are wrapped, and what is still too much stands in tables below.
 * @param subject heads the names of the subjects.
 */
export function comparisonTable(
  subject: string,
  subjects: readonly string[],
  metrics: readonly Metric[],
  layout: Layout,
): string[] {
  const byLine = [
    [subject, ...metrics.map(({ name }) => name)],
    ...subjects.map((name, i) => [name, ...metrics.map(({ values }) => values[i] ?? '')]),
  ]
  if (widthOfRows(byLine) <= layout.columns) return draw(byLine, layout)
  const names = Math.max(widthOf(subject), ...metrics.map(({ name }) => widthOf(name)))
  const room = Math.max(1, Math.floor((layout.columns - names) / (COLUMN_MIN + 2)))
  const lines: string[] = []
  const tables = Math.ceil(subjects.length / room)
  const share = Math.ceil(subjects.length / tables)
  for (let from = 0; from < subjects.length; from += share) {
    if (from > 0) lines.push('')
    const part = subjects.slice(from, from + share)
    const rows = [
      [subject, ...part],
      ...metrics.map(({ name, values }) => [name, ...part.map((_, i) => values[from + i] ?? '')]),
    ]
    lines.push(...draw(narrowed(rows, names, layout.columns), layout))
  }
  return lines
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const columns = rows[0]?.length ?? 0
  return Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.flatMap((row) => (row[column] ?? '').split('\n').map(widthOf))),
  )
}

function widthOfRows(rows: readonly (readonly string[])[]): number {
  return widthsOf(rows).reduce((sum, width) => sum + width + 2, -2)
}

/** Wraps the cells of the columns that are wider than their share of the line. */
function narrowed(rows: readonly (readonly string[])[], names: number, columns: number) {
  const [, ...widths] = widthsOf(rows)
  let spare = columns - names - 2 * widths.length
  let wide = widths.length
  // Narrow columns take what they need; the others share the rest evenly.
  for (const width of [...widths].sort((a, b) => a - b)) {
    if (width * wide > spare) break
    spare -= width
    wide--
  }
  const limit = wide === 0 ? columns : Math.floor(spare / wide)
  return rows.map(([name = '', ...cells]) => [name, ...cells.map((cell) => fold(cell, limit))])
}

/** Lines of at most `width`, broken at blanks and after signs. */
export function fold(cell: string, width: number): string {
  if (widthOf(cell) <= width) return cell
  const lines: string[] = []
  for (const word of cell.split(' ').flatMap((word) => cut(word, width))) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`
    } else lines.push(word)
  }
  return lines.join('\n')
}

/** The first row is the head; columns of values are aligned right. */
export function draw(rows: readonly (readonly string[])[], layout: Layout): string[] {
  const [head = [], ...body] = rows
  const table = new CliTable3({
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
  })
  const dim = (text: string) =>
    text
      .split('\n')
      .map((line) => paint(layout, 'dim', line))
      .join('\n')
  table.push(head.map(dim), ...body.map((row) => [...row]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
}
