import type { Estimate, SweepCell, SweepResult } from '../../study/sweep/result.ts'

/** The cells of a sweep by series and point; after a search most points have none. */
export class CellIndex {
  private readonly cells = new Map<string, SweepCell>()

  constructor({ cells }: SweepResult) {
    for (const cell of cells) this.cells.set(keyOf(cell.series, cell.point), cell)
  }

  /** Whether a run of this point is finished. */
  has(series: number, point: readonly number[]): boolean {
    return this.cells.has(keyOf(series, point))
  }

  /** Null where nothing was measured. */
  estimate(series: number, point: readonly number[], metric: string): Estimate | null {
    return this.cells.get(keyOf(series, point))?.metrics[metric] ?? null
  }
}

function keyOf(series: number, point: readonly number[]): string {
  return `${series}:${point.join(',')}`
}

/** All means of a metric, for the unit in which they are shown. */
export function meansOf({ cells }: SweepResult, metric: string): readonly number[] {
  return cells.flatMap(({ metrics }) => metrics[metric]?.mean ?? [])
}

/** Every choice of a value for each of these dimensions, the last one changing fastest. */
export function pointsOf(dimensions: readonly { readonly values: readonly unknown[] }[]) {
  return dimensions.reduce<readonly (readonly number[])[]>(
    (points, { values }) => points.flatMap((point) => values.map((_, i) => [...point, i])),
    [[]],
  )
}
