import type { Scale } from './scale.ts'

/** A place on an axis: its text, and its number where it has one. */
export interface Tick {
  readonly text: string
  readonly number: number | null
}

/** The dimension along an axis. */
export interface DimensionAxis {
  readonly title: string
  /** `text`: values side by side, at equal distances. */
  readonly kind: 'linear' | 'logarithmic' | 'text'
  readonly ticks: readonly Tick[]
}

/** A measured value; `halfWidth` of its 95 % interval, null without one. */
export interface Mark {
  /** Index of the tick. */
  readonly at: number
  readonly mean: number
  readonly halfWidth: number | null
}

/** The axis of values, which stand in the metric's own unit in the marks. */
export interface ValueAxis {
  readonly title: string
  readonly scale: Scale
  readonly isLogarithmic: boolean
}

export interface Line {
  readonly name: string
  readonly marks: readonly Mark[]
  /** Indices of the ticks between which a condition begins to hold; null: not looked for or found. */
  readonly knee: { readonly below: number; readonly above: number } | null
}

export interface LineChart {
  readonly kind: 'lines'
  /** File name without ending. */
  readonly name: string
  readonly title: string
  /** Lines below the title. */
  readonly notes: readonly string[]
  readonly across: DimensionAxis
  readonly up: ValueAxis
  readonly lines: readonly Line[]
  /** A value that a condition compares with. */
  readonly limit: { readonly value: number; readonly text: string } | null
  /** Parts of the axis that are shaded, by the numbers of its ticks. */
  readonly shades?: readonly { readonly from: number; readonly to: number }[]
}

/** Bars that lie, so that long names have room: side by side for each category, or one on another. */
export interface BarChart {
  readonly kind: 'bars'
  readonly name: string
  readonly title: string
  readonly notes: readonly string[]
  readonly categories: readonly string[]
  /** Values in the unit of the scale's metric, one for each category; null where there is none. */
  readonly series: readonly { readonly name: string; readonly values: readonly (number | null)[] }[]
  readonly axis: ValueAxis
  readonly isStacked: boolean
}

export type SpanKind = 'fault' | 'outage' | 'leader'

/** What lasted from when to when. */
export interface Timeline {
  readonly kind: 'timeline'
  readonly name: string
  readonly title: string
  readonly notes: readonly string[]
  /** Picoseconds. */
  readonly end: number
  readonly rows: readonly TimelineRow[]
}

export interface TimelineRow {
  readonly name: string
  /** Picoseconds; what ends as it begins is drawn as a stroke. */
  readonly spans: readonly TimelineSpan[]
}

export interface TimelineSpan {
  readonly from: number
  readonly to: number
  readonly kind: SpanKind
  readonly text: string
}

/** One heat map of several that share axes and colours. */
export interface HeatPanel {
  readonly name: string
  readonly cells: readonly { readonly x: number; readonly y: number; readonly mean: number }[]
}

export interface HeatMap {
  readonly kind: 'heat'
  readonly name: string
  readonly title: string
  /** Lines below the title. */
  readonly notes: readonly string[]
  readonly across: DimensionAxis
  readonly up: DimensionAxis
  readonly scale: Scale
  /** Colours by the logarithm. */
  readonly isLogarithmic: boolean
  readonly panels: readonly HeatPanel[]
  /** Of all panels of the metric. */
  readonly range: { readonly least: number; readonly greatest: number }
}

export type Chart = LineChart | HeatMap | BarChart | Timeline
