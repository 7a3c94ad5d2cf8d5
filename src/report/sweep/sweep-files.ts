import type { SweepResult } from '../../study/sweep/result.ts'
import { chartsOf } from './charts.ts'
import { columnsOf } from './records.ts'

/** A file of results, for the folder of the sweep. */
export interface SweepFile {
  /** In that folder, with `/` between folders. */
  readonly path: string
  readonly content: string | Uint8Array
}

export const CHARTS_FOLDER = 'charts'

/** Reads in the packages that write the files: other commands need none of them. */
export async function loadWriters() {
  const [{ toCsv }, { toParquet }, { toSvg }] = await Promise.all([
    import('./csv.ts'),
    import('./parquet.ts'),
    import('../charts/svg.ts'),
  ])
  return { toCsv, toParquet, toSvg }
}

/** The runs as CSV and Parquet, and the charts as SVG: the same bytes for the same result. */
export async function sweepFiles(result: SweepResult): Promise<readonly SweepFile[]> {
  const columns = columnsOf(result)
  const { toCsv, toParquet, toSvg } = await loadWriters()
  return [
    { path: 'results.csv', content: toCsv(columns) },
    { path: 'results.parquet', content: toParquet(columns, result) },
    ...chartsOf(result).map((chart) => ({
      path: `${CHARTS_FOLDER}/${chart.name}.svg`,
      content: toSvg(chart),
    })),
  ]
}
