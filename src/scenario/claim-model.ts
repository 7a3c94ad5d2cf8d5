/** What a scenario claims, resolved as `model.ts` says. */
import type { Comparison, Metric } from './expectation-model.ts'

/** How a value of one run is compared with those of others. */
export interface Rivalry {
  readonly direction: 'above' | 'below'
  /** By which share of the rival's value at least. */
  readonly by: number
}

interface ConditionBase {
  /** Its place in the file's list, the same in all runs. */
  readonly index: number
  readonly metric: Metric
  /** The author's words for the circumstances; null = they are the variant and the panel. */
  readonly when: string | null
  /** As the file says it, on one line. */
  readonly text: string
  readonly line: number
}

export type ConditionModel =
  | (ConditionBase & { readonly role: 'alone'; readonly comparison: Comparison })
  /** What is measured here is compared with what is measured in the rivals of the same panel. */
  | (ConditionBase & { readonly role: 'subject'; readonly rivalry: Rivalry })
  | (ConditionBase & { readonly role: 'rival'; readonly rivalry: Rivalry })

export interface ClaimModel {
  readonly says: string
  /** Runs of the whole file: a verdict needs all of them. */
  readonly runs: number
  /** Those in which this run has a part. */
  readonly conditions: readonly ConditionModel[]
}
