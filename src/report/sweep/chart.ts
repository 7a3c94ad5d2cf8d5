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

export type Chart = LineChart | HeatMap
