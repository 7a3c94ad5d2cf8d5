/**
 * What a sweep found: plain data for reports. Durations are picoseconds, rates bits per second, sizes
 * bytes, shares fractions of one. Same scenario and plan, same data, whatever ran first.
 */
import type { MetricInfo } from './metrics.ts'

/** One thing that is varied: the argument of a `--vary`. */
export interface Dimension {
  /** As `--set` takes it, such as `containers.perHost`. */
  readonly path: string
  /** In the order of the plan. */
  readonly values: readonly DimensionValue[]
  /** How a range was given; a list is `list`. A geometric range wants a logarithmic axis. */
  readonly spacing: 'list' | 'linear' | 'geometric'
  /** The unit in which `number` of all values is, such as `Gbps`; '' for plain numbers. */
  readonly unit: string
}

export interface DimensionValue {
  /** As it stands in `--set`, such as `10Gbps`. */
  readonly text: string
  /** For an axis, in `Dimension.unit`; null when some value of the dimension is no number. */
  readonly number: number | null
}

/** One panel and variant of the file: a line of a chart. */
export interface Series {
  readonly panel: string | null
  readonly variant: string | null
}

export interface SweepPlan {
  readonly scenario: string
  readonly why: string
  readonly dimensions: readonly Dimension[]
  readonly series: readonly Series[]
  /** Seeds of the replicas; the first is that of the file. */
  readonly seeds: readonly string[]
  /** Arguments of `--set`. */
  readonly settings: readonly string[]
  /** Points times series times seeds: the runs of a full sweep. */
  readonly total: number
}

/** One finished run. */
export interface SweepRow {
  /** Place in the plan: series, then the values of each dimension, then seeds. */
  readonly index: number
  /** Index into `SweepPlan.series`. */
  readonly series: number
  /** For each dimension the index of its value. */
  readonly point: readonly number[]
  /** Index into `SweepPlan.seeds`. */
  readonly replica: number
  /** By name; a metric that this run did not measure is not there. */
  readonly metrics: Readonly<Record<string, number>>
  /** What kept each workload from going faster, by workload. */
  readonly limitedBy: Readonly<Record<string, string>>
  /** Texts of expectations of the file that failed. */
  readonly failed: readonly string[]
}

/** The replicas of one point of one series. */
export interface SweepCell {
  readonly series: number
  readonly point: readonly number[]
  /** Replicas that are finished. */
  readonly n: number
  /** By metric; only those that at least one replica measured. */
  readonly metrics: Readonly<Record<string, Estimate>>
}

export interface Estimate {
  /** Replicas that measured it. */
  readonly n: number
  readonly mean: number
  /** Of the sample, with n - 1; null for one replica. */
  readonly sd: number | null
  /** Half the width of the 95 % interval of the mean by Student's t; null for one replica. */
  readonly halfWidth: number | null
  readonly min: number
  readonly max: number
}

/** What `--find` looks for. */
export interface Condition {
  readonly metric: string
  readonly operator: '>' | '>=' | '<' | '<='
  /** In the metric's unit. */
  readonly value: number
  /** As it was given. */
  readonly text: string
}

/** The tipping point of one series at one choice of the other dimensions' values. */
export interface Knee {
  readonly series: number
  /** Indices of the values of all dimensions but the last. */
  readonly others: readonly number[]
  /** The last dimension's value just before the condition holds; null: it holds from the first on. */
  readonly below: KneeSide | null
  /** The first value for which it holds; null: it holds for none. */
  readonly above: KneeSide | null
  /**
   * Values that were run and contradict this: the condition holds below `above`, or does not hold from
   * there on, so it turns more than once. In the order of the plan.
   */
  readonly against: readonly KneeSide[]
  /** Runs that the search needed, those that the journal had already included. */
  readonly runs: number
}

export interface KneeSide {
  /** Index of the last dimension's value. */
  readonly value: number
  readonly estimate: Estimate
}

/**
 * The search for a tipping point; it takes for granted that the metric crosses the value once, and
 * `Knee.against` says where that was seen to be wrong.
 */
export interface Search {
  readonly condition: Condition
  readonly knees: readonly Knee[]
  readonly runs: number
}

export interface SweepResult {
  readonly format: 1
  readonly version: string
  readonly plan: SweepPlan
  /** All metrics that some run measured, in the order of the catalogue. */
  readonly metrics: readonly MetricInfo[]
  /** Names of those to show first: as asked for, or those of the catalogue that vary. */
  readonly shown: readonly string[]
  /** Finished runs in plan order; after a search only some of the plan's. */
  readonly rows: readonly SweepRow[]
  /** In plan order. */
  readonly cells: readonly SweepCell[]
  /** Null without `--find`. */
  readonly search: Search | null
}
