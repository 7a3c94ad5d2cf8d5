import type { MetricUnit } from '../../study/sweep/metrics.ts'
import type { Condition, Estimate } from '../../study/sweep/result.ts'
import { formatCount, formatShare } from '../format.ts'

/** The unit in which all values of a column or an axis stand, so that they compare. */
export interface Scale {
  readonly unit: MetricUnit
  /** One of this unit in the metric's own. */
  readonly size: number
  /** Empty for what has no unit. */
  readonly name: string
}

type Measured = Pick<Estimate, 'mean' | 'halfWidth'>

type Step = readonly [size: number, name: string]

const STEPS: Readonly<Record<MetricUnit, readonly Step[]>> = {
  'bits/s': thousands(['b/s', 'kb/s', 'Mb/s', 'Gb/s', 'Tb/s']),
  'packets/s': thousands(['pps', 'kpps', 'Mpps', 'Gpps']),
  'transactions/s': [[1, '/s']],
  ps: thousands(['ps', 'ns', 'us', 'ms', 's']),
  share: [[0.01, '%']],
  bytes: thousands(['B', 'kB', 'MB', 'GB', 'TB']),
  cores: [[1, 'cores']],
  count: [[1, '']],
  ratio: [[1, '']],
}

function thousands(names: readonly string[]): Step[] {
  return names.map((name, i) => [Number(`1e${3 * i}`), name])
}

/** The largest unit in which the greatest of `values` is not below one. */
export function scaleOf(unit: MetricUnit, values: readonly number[]): Scale {
  const greatest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const steps = STEPS[unit]
  const [size, name] = steps.findLast(([size]) => greatest >= size) ?? steps[0]!
  return { unit, size, name }
}

/** Values this far apart have no unit in which all of them read well. */
const SPAN_MAX = 1000

/** One unit for all of `values`, or null when each should stand in its own. */
export function commonScale(unit: MetricUnit, values: readonly number[]): Scale | null {
  const sizes = values.map(Math.abs).filter((size) => size > 0)
  const isWide = Math.max(...sizes) >= SPAN_MAX * Math.min(...sizes)
  return isWide && STEPS[unit].length > 1 ? null : scaleOf(unit, values)
}

/** A value with the unit that suits it: `12.3 us`. */
export function ownText(value: number, unit: MetricUnit): string {
  const scale = scaleOf(unit, [value])
  return withUnit(numberText(value, scale), scale)
}

/** An estimate with the unit that suits it: `12.3 ±0.5 us`. */
export function ownEstimateText(estimate: Measured, unit: MetricUnit): string {
  const scale = scaleOf(unit, [estimate.mean])
  return withUnit(estimateText(estimate, scale), scale)
}

/** `value` in the unit of `scale`, without its name: three digits, counts with all of theirs. */
export function numberText(value: number, scale: Scale): string {
  if (scale.unit === 'count') return formatCount(value)
  // What is not all is never rounded to all.
  if (scale.unit === 'share') return formatShare(value).slice(0, -2)
  return plainNumber(value / scale.size, 3)
}

const ROUNDING = 1e-12

/** `812 ±2.4`; without an interval where there is none. */
export function estimateText({ mean, halfWidth }: Measured, scale: Scale): string {
  const text = numberText(mean, scale)
  if (halfWidth === null) return text
  // What rounding left of replicas that measured the same is no interval.
  const width = halfWidth < ROUNDING * Math.abs(mean) ? 0 : halfWidth
  return `${text} ±${plainNumber(width / scale.size, 2)}`
}

/** `812 Mb/s`. */
export function withUnit(text: string, scale: Scale): string {
  return scale.name === '' ? text : `${text} ${scale.name}`
}

/** Whether the 95 % interval leaves open on which side of the condition's value the mean lies. */
export function isOpen({ mean, halfWidth }: Estimate, { value }: Condition): boolean {
  return halfWidth !== null && halfWidth > 0 && Math.abs(mean - value) <= halfWidth
}

/** `digits` significant digits, thousands grouped, never an exponent for what is large. */
export function plainNumber(value: number, digits: number): string {
  const rounded = Number(value.toPrecision(digits))
  return Math.abs(rounded) >= 1000 ? formatCount(rounded) : String(rounded)
}
