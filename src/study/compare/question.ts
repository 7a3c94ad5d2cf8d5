import type { Case } from './case.ts'
import type { Cell } from './cell.ts'

/** What the answers are sorted under, in the order of a report: the article's five questions, and three more. */
export const SECTIONS = [
  'network model',
  'distributed store',
  'IPAM',
  'connectivity and isolation',
  'limits of segments',
  'performance',
  'footprint',
  'failures',
] as const

export type SectionName = (typeof SECTIONS)[number]

/** Something that is asked of every entrant, by runs. One question may fill cells of several sections. */
export interface Question {
  /** The heading of what it cannot ask, when its scenarios are refused; no other question has it. */
  readonly name: string
  /** Those that its cells belong to. */
  readonly sections: readonly SectionName[]
  /** Runs what it needs, for one entrant and one seed. */
  ask(asked: Case): readonly Cell[]
}
