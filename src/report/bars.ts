import { type Layout, paint, widthOf } from './lines.ts'
import { fold } from './table.ts'

/** One line of bars: a value for each subject, null where there is none. */
export interface BarRow {
  readonly name: string
  readonly values: readonly (number | null)[]
}

/** With less a bar tells nothing; then the subjects go to further blocks. */
const CELL_MIN = 12
const BAR_MAX = 30
const GAP = 2

/**
 * Values with bars, subjects side by side: all bars have one scale, so that they compare in both
 * directions. What does not fit the width stands below.
 */
export function barTable(
  subjects: readonly string[],
  rows: readonly BarRow[],
  format: (value: number) => string,
  layout: Layout,
): string[] {
  const names = Math.max(0, ...rows.map(({ name }) => widthOf(name)))
  const room = Math.max(1, Math.floor((layout.columns - names) / CELL_MIN))
  const blocks = Math.ceil(subjects.length / room)
  const share = Math.ceil(subjects.length / blocks)
  const greatest = Math.max(...rows.flatMap(({ values }) => values.map(Number)))
  const values = Math.max(...rows.flatMap((row) => row.values.map((each) => textOf(each).length)))
  const cell = Math.floor((layout.columns - names) / share)
  const bar = Math.max(1, Math.min(BAR_MAX, cell - GAP - values - 1))
  const lines: string[] = []
  for (let from = 0; from < subjects.length; from += share) {
    if (from > 0) lines.push('')
    lines.push(...headLines(subjects.slice(from, from + share)))
    for (const row of rows) {
      const cells = row.values.slice(from, from + share).map(cellOf)
      lines.push(`${row.name.padEnd(names)}${cells.join('')}`.trimEnd())
    }
  }
  return lines

  function textOf(value: number | null): string {
    return value === null ? '-' : format(value)
  }

  function cellOf(value: number | null): string {
    const text = textOf(value).padStart(values)
    const length = value === null || greatest === 0 ? 0 : Math.round((value / greatest) * bar)
    const padding = ' '.repeat(bar - length)
    return `${' '.repeat(GAP)}${text} ${paint(layout, 'cyan', '█'.repeat(length))}${padding}`
  }

  function headLines(part: readonly string[]): string[] {
    const width = values + 1 + bar
    const cells = part.map((name) => fold(name, width).split('\n'))
    const height = Math.max(...cells.map(({ length }) => length))
    return Array.from({ length: height }, (_, i) => {
      const texts = cells.map((lines) => `${' '.repeat(GAP)}${(lines[i] ?? '').padEnd(width)}`)
      return paint(layout, 'dim', `${' '.repeat(names)}${texts.join('')}`.trimEnd())
    })
  }
}
