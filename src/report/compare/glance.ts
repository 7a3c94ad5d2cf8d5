/** The rows of a comparison that tell most, in one table before all others. */
import type { ComparedCell } from '../../study/compare/cell.ts'
import { type Layout, paint, widthOf } from '../lines.ts'
import { draw, fold } from '../table.ts'

const GAP = 2
/** Narrower heads are not folded further. */
const HEAD_WIDTH = 9
/** Wider values are folded. */
const VALUE_WIDTH = 12

/** A row, and a shorter head for it. */
interface Choice {
  readonly section: string
  readonly row: string
  readonly head: string
}

const BEFORE: readonly Choice[] = [
  { section: 'network model', row: 'bytes added', head: 'bytes added' },
  { section: 'distributed store', row: 'store', head: 'store' },
  {
    section: 'connectivity and isolation',
    row: 'other network, other host',
    head: 'reaches other network',
  },
]

const AFTER: readonly Choice[] = [
  { section: 'network model', row: 'class', head: 'class' },
  { section: 'limits of segments', row: 'told apart in frames by', head: 'segments by' },
  { section: 'footprint', row: 'switch MACs', head: 'switch MACs' },
]

interface Column {
  readonly head: string
  /** A value an entrant; empty where nothing was said. */
  readonly values: readonly string[]
}

/** Of all rows that the comparison has, the first the most telling. */
export function glanceColumns(
  cells: readonly ComparedCell[],
  entrants: readonly string[],
): Column[] {
  return [...BEFORE, ...speedsOf(cells), ...AFTER].flatMap(({ section, row, head }) => {
    const own = cells.filter((cell) => cell.section === section && cell.row === row)
    const texts = new Map(own.map(({ entrant, text }) => [entrant, text]))
    const values = entrants.map((name) => texts.get(name) ?? '')
    return own.length === 0 ? [] : [{ head, values }]
  })
}

/** As many columns as there is room for; nothing where there is less to see than in two. */
export function glance(
  cells: readonly ComparedCell[],
  entrants: readonly string[],
  layout: Layout,
): string[] {
  const columns: string[][] = []
  let room = layout.columns - Math.max(0, ...entrants.map(widthOf))
  for (const { head, values } of glanceColumns(cells, entrants)) {
    const column = [fold(head, HEAD_WIDTH), ...values.map((text) => fold(text, VALUE_WIDTH))]
    const width = Math.max(...column.flatMap((text) => text.split('\n').map(widthOf)))
    if (width + GAP > room) continue
    room -= width + GAP
    columns.push(column)
  }
  if (columns.length < 2) return []
  const table = ['', ...entrants].map((name, i) => [name, ...columns.map((column) => column[i]!)])
  const title = 'at a glance '.padEnd(layout.columns, '-')
  return ['', paint(layout, 'bold', title), '', ...draw(table, layout)]
}

/** The first figure of each workload, and the first packet's: further ones have a comma in their names. */
function speedsOf(cells: readonly ComparedCell[]): Choice[] {
  const own = cells.filter(({ section, row }) => section === 'performance' && !row.includes(','))
  const rows = [...new Set(own.map(({ row }) => row))]
  return rows.map((row) => ({ section: 'performance', row, head: row }))
}
