import { holds } from './condition.ts'
import { estimateOf } from './estimate.ts'
import type { Journal } from './journal.ts'
import type { RunMeasures } from './measure-run.ts'
import { metricOf } from './metrics.ts'
import { indexOf, type Place, placeAt, type SweepTask, settingsOf } from './plan.ts'
import type { Condition, Estimate, Knee, KneeSide, Search, SweepPlan, SweepRow } from './result.ts'
import { bisect } from './search.ts'
import { SweepError } from './sweep-error.ts'

/** Does one run, in whatever thread. */
export type Execute = (task: SweepTask) => Promise<RunMeasures>

export interface SweepOptions {
  readonly plan: SweepPlan
  readonly text: string
  readonly file: string
  readonly journal: Journal
  readonly execute: Execute
  /** Called after each run, with those finished, from the journal or now. */
  readonly onRow?: (finished: number) => void
}

/** Runs of a plan, each at most once: what the journal holds is taken from there, the rest is added. */
export class Sweep {
  private readonly options: SweepOptions
  private readonly finished: Map<number, SweepRow>
  private readonly begun = new Map<number, Promise<SweepRow>>()

  constructor(options: SweepOptions) {
    this.options = options
    const { plan, journal } = options
    const rows = journal.rows.map((row): SweepRow => ({ index: indexOf(plan, row), ...row }))
    this.finished = new Map(rows.map((row) => [row.index, row]))
  }

  /** In plan order. */
  get rows(): readonly SweepRow[] {
    return [...this.finished.values()].toSorted((a, b) => a.index - b.index)
  }

  /** All runs of the plan, in which nothing is searched for. */
  async full(): Promise<null> {
    const { total } = this.options.plan
    // A range mostly goes from little to much: with the long runs first, all threads end together.
    await Promise.all(Array.from({ length: total }, (_, i) => this.run(total - 1 - i)))
    return null
  }

  /** The tipping point along the last dimension, for each series and choice of the other values. */
  async find(condition: Condition): Promise<Search> {
    const knees = await Promise.all(
      othersOf(this.options.plan).map((place) => this.kneeAt(place, condition)),
    )
    return { condition, knees, runs: knees.reduce((sum, { runs }) => sum + runs, 0) }
  }

  private async kneeAt({ series, point }: Place, condition: Condition): Promise<Knee> {
    const { dimensions, seeds } = this.options.plan
    const others = point.slice(0, -1)
    const { below, above, evaluations } = await bisect(
      dimensions.at(-1)!.values.length,
      condition,
      (value) => this.estimateAt(series, [...others, value], condition.metric),
    )
    const against = this.contradictions({ series, others, above }, condition)
    return { series, others, below, above, against, runs: evaluations * seeds.length }
  }

  /** Finished points of the search's line that lie on the wrong side of what it found. */
  private contradictions(
    { series, others, above }: Pick<Knee, 'series' | 'others' | 'above'>,
    condition: Condition,
  ): readonly KneeSide[] {
    const { dimensions } = this.options.plan
    const { values } = dimensions.at(-1)!
    const knee = above?.value ?? values.length
    return values.flatMap((_, value) => {
      const estimate = this.known(series, [...others, value], condition.metric)
      if (estimate === null || holds(condition, estimate.mean) === value >= knee) return []
      return [{ value, estimate }]
    })
  }

  /** Null where a replica is not finished, or none measured the metric. */
  private known(series: number, point: readonly number[], metric: string): Estimate | null {
    const { plan } = this.options
    const rows = plan.seeds.flatMap((_, replica) => {
      return this.finished.get(indexOf(plan, { series, point, replica })) ?? []
    })
    if (rows.length < plan.seeds.length) return null
    const values = rows.flatMap(({ metrics }) => metricOf(metrics, metric) ?? [])
    return values.length > 0 ? estimateOf(values) : null
  }

  private async estimateAt(
    series: number,
    point: readonly number[],
    metric: string,
  ): Promise<Estimate> {
    const { plan } = this.options
    const rows = await Promise.all(
      plan.seeds.map((_, replica) => this.run(indexOf(plan, { series, point, replica }))),
    )
    const estimate = this.known(series, point, metric)
    if (estimate !== null) return estimate
    const at = settingsOf(plan, { series, point, replica: 0 }).join(', ')
    const measured = Object.keys(rows[0]!.metrics).join(', ')
    throw new SweepError(`${metric} was not measured at ${at}; measured: ${measured}`)
  }

  private run(index: number): Promise<SweepRow> {
    const known = this.finished.get(index)
    if (known !== undefined) return Promise.resolve(known)
    let begun = this.begun.get(index)
    if (begun === undefined) {
      begun = this.execute(index)
      this.begun.set(index, begun)
    }
    return begun
  }

  private async execute(index: number): Promise<SweepRow> {
    const { plan, text, file, journal, execute, onRow } = this.options
    const place = placeAt(plan, index)
    const settings = settingsOf(plan, place)
    const measures = await execute({ text, file, settings, ...plan.series[place.series]! })
    const row = { ...place, ...measures }
    journal.append(row)
    this.finished.set(index, { index, ...row })
    onRow?.(this.finished.size)
    return { index, ...row }
  }
}

/** The places along which a search goes, each at the last dimension's first value. */
function othersOf(plan: SweepPlan): Place[] {
  const stride = plan.dimensions.at(-1)!.values.length * plan.seeds.length
  const places: Place[] = []
  for (let index = 0; index < plan.total; index += stride) places.push(placeAt(plan, index))
  return places
}
