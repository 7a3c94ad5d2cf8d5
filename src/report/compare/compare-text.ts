/** A comparison as text: a table for a few rows of a section at once, with a line for each entrant. */
import type { ComparedCell, Matrix } from '../../study/compare/cell.ts'
import type { ComparisonResult } from '../../study/compare/compare.ts'
import { SECTIONS } from '../../study/compare/question.ts'
import { type Layout, paint, widthOf, wrap } from '../lines.ts'
import { draw, fold } from '../table.ts'
import { glance } from './glance.ts'
import { needsText } from './needs-text.ts'

/** Wider values are folded. */
const VALUE_WIDTH = 26
/** Narrower heads are not folded further. */
const HEAD_WIDTH = 10
const GAP = 2

export function compareText(result: ComparisonResult, layout: Layout): string[] {
  const { plan, cells, candidates, missing, total } = result
  const entrants = plan.entrants.map(({ name }) => name)
  const lines = wrap(headOf(result), layout.columns)
  if (missing > 0) {
    const text = `Interrupted: ${total - missing} of ${total} pieces were done; this is what they say.`
    lines.push('', ...wrap(text, layout.columns))
  }
  lines.push(...glance(cells, entrants, layout))
  const present = new Set(cells.map(({ section }) => section))
  for (const section of SECTIONS.filter((name) => present.has(name))) {
    const title = `${section} `
    lines.push('', paint(layout, 'bold', title.padEnd(layout.columns, '-')))
    const own = cells.filter((cell) => cell.section === section)
    lines.push(...tablesOf(own, entrants, layout), ...matricesOf(own, layout))
  }
  if (candidates.length > 0) lines.push(...needsText(candidates, layout))
  return [...lines, ...refusalsOf(result, layout)]
}

function headOf({ plan, scenarios }: ComparisonResult): string {
  const { name, entrants, seeds } = plan
  const ofSeeds = seeds.length === 1 ? `seed ${seeds[0]}` : `seeds ${seeds.join(', ')}`
  return (
    `${name}: ${entrants.length} entrants, ${scenarios.size} runs, ${ofSeeds}. ` +
    'Every value was measured in a run; where the seeds differ, the least and the most are shown.'
  )
}

interface Column {
  readonly head: string
  /** A value an entrant. */
  readonly values: readonly string[]
  readonly width: number
}

function tablesOf(
  cells: readonly ComparedCell[],
  entrants: readonly string[],
  layout: Layout,
): string[] {
  const present = entrants.filter((name) => cells.some(({ entrant }) => entrant === name))
  const names = Math.max(...present.map(widthOf))
  const rows = [...new Set(cells.map(({ row }) => row))]
  const columns = rows.map((row) => columnOf(row, cells, present))
  const lines: string[] = []
  for (const group of groupsOf(columns, layout.columns - names)) {
    const body = present
      .map((name, i) => [name, ...group.map(({ values }) => values[i]!)])
      .filter(([, ...values]) => values.some((value) => value !== ''))
    const table = [['', ...group.map(({ head, width }) => fold(head, width))], ...body]
    lines.push('', ...draw(table, layout))
  }
  return lines
}

function columnOf(
  row: string,
  cells: readonly ComparedCell[],
  entrants: readonly string[],
): Column {
  const texts = new Map(
    cells.filter((cell) => cell.row === row).map(({ entrant, text }) => [entrant, text]),
  )
  const values = entrants.map((name) => fold(texts.get(name) ?? '', VALUE_WIDTH))
  const ofValues = Math.max(...values.flatMap((value) => value.split('\n').map(widthOf)))
  const ofHead = Math.max(...fold(row, HEAD_WIDTH).split('\n').map(widthOf))
  return { head: row, values, width: Math.max(ofValues, ofHead) }
}

/** As many columns in a row as there is room for. */
function groupsOf(columns: readonly Column[], room: number): Column[][] {
  const groups: Column[][] = []
  let left = 0
  for (const column of columns) {
    const needed = column.width + GAP
    if (groups.length === 0 || needed > left) {
      groups.push([])
      left = room
    }
    groups.at(-1)!.push(column)
    left -= needed
  }
  return groups
}

/** Each matrix once, with all who have it with the first seed. */
function matricesOf(cells: readonly ComparedCell[], layout: Layout): string[] {
  const groups = new Map<string, { matrix: Matrix; entrants: string[] }>()
  for (const { entrant, seeds } of cells) {
    const value = seeds[0]?.value
    if (typeof value !== 'object' || value === null) continue
    const key = JSON.stringify(value)
    const group = groups.get(key) ?? { matrix: value, entrants: [] }
    group.entrants.push(entrant)
    groups.set(key, group)
  }
  return [...groups.values()].flatMap(({ matrix, entrants }) => [
    '',
    ...wrap(`Who answers whom (a line a sender) with ${entrants.join(', ')}:`, layout.columns),
    ...drawMatrix(matrix, layout),
  ])
}

function drawMatrix({ ends, reached }: Matrix, layout: Layout): string[] {
  const rows = reached.map((row, i) => [
    `  ${ends[i]}`,
    ...row.map((isReached, j) => (i === j ? '' : isReached ? 'yes' : '-')),
  ])
  return draw([['', ...ends], ...rows], layout)
}

function refusalsOf({ refusals }: ComparisonResult, { columns }: Layout): string[] {
  if (refusals.length === 0) return []
  const lines = refusals.flatMap(({ entrant, message }) =>
    wrap(`${entrant}: ${message}`, columns, '  ', 4),
  )
  return ['', 'Not possible here:', ...lines]
}
