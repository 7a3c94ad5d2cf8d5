import { type Layout, widthOf } from '../lines.ts'
import { draw, fold } from '../table.ts'

/** A table of points: what each line is of, and columns of values beside it. */
export interface Grid {
  /** Heads of `rows`. */
  readonly heads: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly columns: readonly GridColumn[]
}

export interface GridColumn {
  readonly name: string
  /** One for each row. */
  readonly cells: readonly string[]
}

const GAP = 2
/** Heads are folded to this width, or one long path would take the whole line. */
const HEAD_MAX = 24

/** Lines of the table; columns that do not fit go on in further tables below. */
export function gridLines({ heads, rows, columns }: Grid, layout: Layout): string[] {
  const folded = heads.map((head) => fold(head, HEAD_MAX))
  const fixed = folded.map((head, i) => widest([head, ...rows.map((row) => row[i] ?? '')]))
  const room = layout.columns - fixed.reduce((sum, width) => sum + width + GAP, 0)
  const parts: GridColumn[][] = [[]]
  let used = 0
  for (const { name, cells } of columns) {
    const column = { name: fold(name, HEAD_MAX), cells }
    const width = widest([column.name, ...cells])
    if (used > 0 && used + width > room) {
      parts.push([])
      used = 0
    }
    parts.at(-1)!.push(column)
    used += width + GAP
  }
  return parts.flatMap((part, i) => {
    const head = [...folded, ...part.map(({ name }) => name)]
    const body = rows.map((row, at) => [...row, ...part.map(({ cells }) => cells[at] ?? '')])
    return [...(i > 0 ? [''] : []), ...draw([head, ...body], layout)]
  })
}

function widest(cells: readonly string[]): number {
  return Math.max(...cells.flatMap((cell) => cell.split('\n').map(widthOf)))
}
