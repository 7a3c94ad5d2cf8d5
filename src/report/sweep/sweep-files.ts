import type { SweepResult } from '../../study/sweep/result.ts'
import { chartsOf } from './charts.ts'
import { columnsOf } from './records.ts'

/** A file of results, for the folder of the sweep. */
export interface SweepFile {
  /** In that folder, with `/` between folders. */
  readonly path: string
  readonly content: string | Uint8Array
}

/**
 * The runs as CSV and Parquet, and the charts as SVG: the same bytes for the same result. The
 * packages that write them are loaded here, for other commands need none of them.
 */
export async function sweepFiles(result: SweepResult): Promise<readonly SweepFile[]> {
  const columns = columnsOf(result)
  const { toCsv } = await import('./csv.ts')
  const { toParquet } = await import('./parquet.ts')
  const { toSvg } = await import('./svg.ts')
  return [
    { path: 'results.csv', content: toCsv(columns) },
    { path: 'results.parquet', content: toParquet(columns, result) },
    ...chartsOf(result).map((chart) => ({
      path: `charts/${chart.name}.svg`,
      content: toSvg(chart),
    })),
  ]
}
