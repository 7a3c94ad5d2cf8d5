import type { DimensionAxis } from './chart.ts'
import { GRID_LINE, INK, SOFT_INK } from './style.ts'

export const LABEL = { color: SOFT_INK, fontSize: 12 }
export const NAME = { color: INK, fontSize: 13 }
export const AXIS_LINE = { show: true, lineStyle: { color: SOFT_INK } }
export const SPLIT_LINE = { show: true, lineStyle: { color: GRID_LINE } }

/** Share of the axis that is left free at both ends, so that marks are not cut. */
const MARGIN = 0.02

const TICK_DIGITS = 3

/** Where the tick stands on the axis of `axisOption`: a number, or the index of its text. */
export function positionOf({ kind, ticks }: DimensionAxis, tick: number): number {
  const number = ticks[tick]?.number ?? tick
  if (kind === 'text') return tick
  return kind === 'logarithmic' ? Math.log2(number) : number
}

/** The axis of a dimension, its ticks being the values that were run. */
export function dimensionOption(axis: DimensionAxis) {
  const name = { name: axis.title, nameLocation: 'middle', nameTextStyle: NAME }
  if (axis.kind === 'text') {
    return {
      ...name,
      type: 'category',
      data: axis.ticks.map(({ text }) => text),
      axisLabel: { ...LABEL, hideOverlap: true },
      axisLine: AXIS_LINE,
      axisTick: { alignWithLabel: true },
    }
  }
  const places = axis.ticks.map((_, i) => positionOf(axis, i))
  const [least, greatest] = [Math.min(...places), Math.max(...places)]
  const margin = (greatest - least) * MARGIN || 1
  const texts = new Map(places.map((place, i) => [place, plainTick(axis, i)]))
  const isFew = axis.kind === 'logarithmic' || axis.ticks.length <= 12
  return {
    ...name,
    type: 'value',
    min: least - margin,
    max: greatest + margin,
    axisLine: { ...AXIS_LINE, onZero: false },
    splitLine: { show: false },
    axisTick: { show: true, ...(isFew ? { customValues: places } : {}) },
    axisLabel: {
      ...LABEL,
      hideOverlap: true,
      ...(isFew ? { customValues: places } : { showMinLabel: false, showMaxLabel: false }),
      formatter: (place: number) => texts.get(place) ?? String(place),
    },
  }
}

function plainTick({ ticks }: DimensionAxis, tick: number): string {
  const number = ticks[tick]?.number
  if (typeof number !== 'number') return ticks[tick]?.text ?? ''
  // A geometric range has values of many digits, which would stand in each other's way.
  return String(Number.isInteger(number) ? number : Number(number.toPrecision(TICK_DIGITS)))
}
