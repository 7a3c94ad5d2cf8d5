import type { SweepResult } from '../../study/sweep/result.ts'
import { isNumeric } from './names.ts'

/** One column of the result files: a value for each finished run, null where there is none. */
export type Column =
  | { readonly name: string; readonly kind: 'text'; readonly values: readonly (string | null)[] }
  | {
      readonly name: string
      readonly kind: 'integer' | 'number'
      readonly values: readonly (number | null)[]
    }

/**
 * The runs as a tidy table: one row a run, in plan order, one column a variable. First what the run
 * was (`index`, `panel`, `variant`, a column for each dimension, `replica`, `seed`), then each metric
 * under its name and in its own unit (bits/s, ps, shares of one), then what limited each workload
 * (`stream.limitedBy`) and the texts of the expectations that failed, joined by `; `. The column of a
 * dimension has the name of its path, and behind it the unit where its numbers have one
 * (`fabric.links_Gbps`); a name that is taken already gets `vary.` before it.
 */
export function columnsOf(result: SweepResult): readonly Column[] {
  const { plan, rows, metrics } = result
  const series = rows.map((row) => plan.series[row.series])
  const workloads = [...new Set(rows.flatMap(({ limitedBy }) => Object.keys(limitedBy)))].sort()
  const before: Column[] = [
    { name: 'index', kind: 'integer', values: rows.map(({ index }) => index) },
    { name: 'panel', kind: 'text', values: series.map((each) => each?.panel ?? null) },
    { name: 'variant', kind: 'text', values: series.map((each) => each?.variant ?? null) },
  ]
  const after: Column[] = [
    { name: 'replica', kind: 'integer', values: rows.map(({ replica }) => replica) },
    { name: 'seed', kind: 'text', values: rows.map(({ replica }) => plan.seeds[replica] ?? null) },
    ...metrics.map(({ name }): Column => {
      const values = rows.map((row) => row.metrics[name] ?? null)
      return { name, kind: 'number', values }
    }),
    ...workloads.map((name): Column => {
      const values = rows.map(({ limitedBy }) => limitedBy[name] ?? null)
      return { name: `${name}.limitedBy`, kind: 'text', values }
    }),
    { name: 'failed', kind: 'text', values: rows.map(({ failed }) => failed.join('; ') || null) },
  ]
  const taken = new Set([...before, ...after].map(({ name }) => name))
  const varied = dimensionColumns(result).map((column) => {
    let { name } = column
    while (taken.has(name)) name = `vary.${name}`
    taken.add(name)
    return { ...column, name }
  })
  return [...before, ...varied, ...after]
}

function dimensionColumns({ plan, rows }: SweepResult): readonly Column[] {
  return plan.dimensions.map((dimension, i) => {
    const { path, unit } = dimension
    const values = rows.map((row) => dimension.values[row.point[i]!])
    if (!isNumeric(dimension)) {
      return { name: path, kind: 'text', values: values.map((value) => value?.text ?? null) }
    }
    const name = unit === '' ? path : `${path}_${unit}`
    return { name, kind: 'number', values: values.map((value) => value?.number ?? null) }
  })
}
