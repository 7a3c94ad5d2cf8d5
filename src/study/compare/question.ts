import type { Case } from './case.ts'
import type { Cell } from './cell.ts'

/** Something that is asked of every entrant, by runs. One question may fill cells of several sections. */
export interface Question {
  /** The heading of what it cannot ask, when its scenarios are refused; no other question has it. */
  readonly name: string
  /** Runs what it needs, for one entrant and one seed. */
  ask(asked: Case): readonly Cell[]
}
