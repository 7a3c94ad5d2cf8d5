import type { Metric, Scenario } from '../scenario/model.ts'

/** Whatever a scenario asks to be measured. */
export function measuredOf({
  expectations,
  claim,
}: Scenario): readonly { readonly metric: Metric }[] {
  return [...expectations, ...(claim?.conditions ?? [])]
}
