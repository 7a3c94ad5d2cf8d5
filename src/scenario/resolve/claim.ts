import type { ClaimModel, ConditionModel, Rivalry } from '../claim-model.ts'
import type { Path } from '../place.ts'
import type { ConditionEntry } from '../schema/claim.ts'
import type { Context } from './context.ts'
import {
  COMPARISONS,
  type Compared,
  checkNames,
  comparisonOf,
  isElsewhere,
  type Measured,
  type MetricKey,
  metricOf,
  type RunNames,
  whatIsMeasured,
} from './expectations.ts'

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** A condition, but for its words and line, which the loader knows. */
export type Condition = Without<ConditionModel, 'text' | 'line'> & { readonly path: Path }

export type Claim = Omit<ClaimModel, 'conditions' | 'runs'> & {
  readonly conditions: readonly Condition[]
}

/** What the file claims, as far as this run has a part in it; null when it claims nothing. */
export function resolveClaim(context: Context, measured: Measured, run: RunNames): Claim | null {
  const { claim } = context.input
  if (claim === undefined) return null
  const conditions = claim.holds.flatMap((entry, i) => {
    const condition = conditionOf(context, entry, i, measured, run)
    return condition === null ? [] : [condition]
  })
  return { says: claim.says.trim(), conditions }
}

function conditionOf(
  context: Context,
  entry: ConditionEntry,
  i: number,
  measured: Measured,
  run: RunNames,
): Condition | null {
  const path = ['claim', 'holds', i]
  checkNames(context, entry.variant, [...path, 'variant'], run.variants)
  checkNames(context, entry.panel, [...path, 'panel'], run.panels)
  const key = whatIsMeasured(context, entry, path)
  if (key === null || isElsewhere(entry.panel, run.panel, run.panels)) return null
  const { when = null } = entry
  const index = context.originalIndex(['claim', 'holds'], i)
  const rivals = rivalsOf(context, entry, path, run)
  const isRival = rivals?.names.includes(run.variant ?? '') ?? false
  if (!isRival && isElsewhere(entry.variant, run.variant, run.variants)) return null
  const metric = metricOf(context, entry, key, [...path, key], measured)
  if (metric === null) return null
  if (rivals !== null) {
    checkRivalry(context, entry, key, path)
    const { rivalry } = rivals
    return { index, metric, when, path, role: isRival ? 'rival' : 'subject', rivalry }
  }
  const comparison = comparisonOf(context, entry[key] as Compared, [...path, key])
  return comparison === null ? null : { index, metric, when, path, role: 'alone', comparison }
}

/** The variants that a condition compares with; null when it names a value. */
function rivalsOf(
  context: Context,
  entry: ConditionEntry,
  path: Path,
  run: RunNames,
): { readonly names: readonly string[]; readonly rivalry: Rivalry } | null {
  const { above, below, by = 0 } = entry
  const names = above ?? below
  if (names === undefined) {
    if (entry.by === undefined) return null
    const message = '"by" is of use with "above" or "below" only'
    context.report('conflict', [...path, 'by'], message, 'remove it', 'key')
    return null
  }
  const direction = above === undefined ? 'below' : 'above'
  if (above !== undefined && below !== undefined) {
    const message = 'above and below are given at once'
    context.report('conflict', [...path, 'below'], message, 'make each an item of the list', 'key')
  }
  checkNames(context, names, [...path, direction], run.variants, 'variant')
  const both = names.find((name) => entry.variant?.includes(name) ?? false)
  if (both !== undefined) {
    const message = `${both} would be compared with itself`
    context.report('conflict', [...path, direction], message, 'name it on one side only')
  }
  return { names, rivalry: { direction, by } }
}

/** What is compared with other variants has no value of its own to be compared with. */
function checkRivalry(context: Context, entry: ConditionEntry, key: MetricKey, path: Path): void {
  if (key === 'limitedBy' || key === 'reachable') {
    const message = `${key} is no quantity that could be more or less`
    context.report('conflict', [...path, key], message, 'compare a number', 'key')
    return
  }
  const given = COMPARISONS.find((each) => (entry[key] as Compared)[each] !== undefined)
  if (given === undefined) return
  const message = `"${given}" and another variant are given at once`
  context.report('conflict', [...path, key, given], message, 'keep one of them', 'key')
}
