import type { Chart } from '../charts/chart.ts'

/** A page of a report: plain data, made into HTML by `reportFiles`. All of its strings are text. */
export interface Page {
  readonly title: string
  /** Paragraphs below the title. */
  readonly lead: readonly string[]
  /** What the numbers hold for: seed, version, cost profile and the like. */
  readonly facts: readonly Fact[]
  readonly sections: readonly Section[]
}

export interface Fact {
  readonly name: string
  readonly value: string
}

export interface Section {
  readonly title: string
  readonly blocks: readonly Block[]
}

export type Block = TextBlock | TableBlock | ChartBlock | DrawingBlock | SourceBlock

export interface TextBlock {
  readonly kind: 'text'
  readonly text: string
  /** `bad`: what failed. `head`: the title of what follows. */
  readonly tone: 'plain' | 'bad' | 'head'
}

export interface TableBlock {
  readonly kind: 'table'
  readonly caption: string
  readonly head: readonly string[]
  /** The first cell of a row names it. */
  readonly rows: readonly (readonly string[])[]
  /** Indices of rows that tell of a failure. */
  readonly bad?: readonly number[]
  /** Whether only its caption is seen at first. */
  readonly isFolded?: boolean
}

/** The page shows its values as a table too; it is written as an SVG file as well. */
export interface ChartBlock {
  readonly kind: 'chart'
  readonly chart: Chart
}

/** A picture that is no chart. */
export interface DrawingBlock {
  readonly kind: 'drawing'
  /** File name without ending. */
  readonly name: string
  readonly title: string
  /** What somebody who does not see it is told. */
  readonly description: string
  /** An SVG document in the colours of `charts/style.ts`. */
  readonly svg: string
}

/** Text as it stands in a file or on a terminal. */
export interface SourceBlock {
  readonly kind: 'source'
  readonly isOpen: boolean
  readonly caption: string
  readonly text: string
}
