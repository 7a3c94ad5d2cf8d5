import type { ConditionModel } from '../scenario/model.ts'
import type { ClaimPartResult, ClaimRow, ClaimVerdict } from './claim-result.ts'
import { judge, type Percentiles } from './expectations.ts'
import type { Probes } from './probes.ts'
import type { RunResult } from './result.ts'

/** Measures one condition in the run that has a part in it. */
export function measureCondition(
  condition: ConditionModel,
  result: RunResult,
  percentiles: Percentiles,
  probes: Probes,
): ClaimPartResult {
  const { index, text, line, when, role } = condition
  const base = { index, text, line, when, role }
  if (condition.role === 'alone') {
    const { measured, shown, passed } = judge(condition, result, percentiles, probes)
    return { ...base, direction: null, by: 0, measured, shown, holds: passed }
  }
  const { metric, rivalry } = condition
  const anything = { kind: 'atLeast', value: 0 } as const
  const seen = judge({ metric, comparison: anything, text, line }, result, percentiles, probes)
  return { ...base, ...rivalry, measured: seen.measured, shown: seen.shown, holds: null }
}

/**
 * What becomes of the claims of the files to which the runs belong, in their order. A circumstance
 * holds when all of its rows do; the claim is confirmed when all circumstances hold.
 */
export function verdictsOf(runs: readonly RunResult[]): ClaimVerdict[] {
  const byFile = new Map<string, RunResult[]>()
  for (const run of runs) {
    if (run.claim === undefined) continue
    const key = `${run.scenario}\n${run.claim.says}`
    byFile.set(key, [...(byFile.get(key) ?? []), run])
  }
  return [...byFile.values()].map(verdictOf)
}

function verdictOf(runs: readonly RunResult[]): ClaimVerdict {
  const { scenario, source, claim } = runs[0]!
  const rows = inOrder(runs.flatMap((run) => rowsOf(run, runs)))
  const circumstances = [...new Set(rows.map((row) => row.circumstances))]
  const holdsIn = (name: string) => rows.every((row) => row.circumstances !== name || row.holds)
  const holdsIf = circumstances.filter(holdsIn)
  const failsIf = circumstances.filter((name) => !holdsIn(name))
  const isWhole = runs.length === claim!.runs && runs.every(({ partial }) => !partial)
  return {
    scenario,
    says: claim!.says,
    source,
    verdict: isWhole ? verdictBy(holdsIf.length, failsIf.length) : 'open',
    holdsIf,
    failsIf,
    rows,
  }
}

/** Circumstance by circumstance, in the order of the file. */
function inOrder(rows: readonly (ClaimRow & { readonly index: number })[]): ClaimRow[] {
  const byIndex = rows.toSorted((a, b) => a.index - b.index)
  const circumstances = [...new Set(byIndex.map((row) => row.circumstances))]
  const sorted = byIndex.toSorted(
    (a, b) => circumstances.indexOf(a.circumstances) - circumstances.indexOf(b.circumstances),
  )
  return sorted.map(({ index: _, ...row }) => row)
}

function verdictBy(holding: number, failing: number): ClaimVerdict['verdict'] {
  if (holding === 0) return 'contradicted'
  return failing === 0 ? 'confirmed' : 'holds only if'
}

function rowsOf(
  run: RunResult,
  runs: readonly RunResult[],
): (ClaimRow & { readonly index: number })[] {
  const { panel, variant } = run
  const place = [variant, panel].filter((each) => each !== null).join(', ')
  return run.claim!.parts.flatMap((part) => {
    if (part.role === 'rival') return []
    const { index, text, line, shown, direction, by } = part
    const row = {
      index,
      direction,
      by,
      circumstances: part.when ?? (place === '' ? 'as it stands' : place),
      panel,
      variant,
      text,
      line,
      shown,
    }
    if (part.role === 'alone') return [{ ...row, against: null, holds: part.holds === true }]
    return [{ ...row, ...against(part, rivalsOf(part, run, runs)) }]
  })
}

interface Rival {
  readonly name: string
  readonly part: ClaimPartResult
}

/** Whom a subject is compared with: other variants of its panel. */
function rivalsOf({ index }: ClaimPartResult, run: RunResult, runs: readonly RunResult[]): Rival[] {
  return runs.flatMap((other) => {
    if (other.panel !== run.panel) return []
    const part = other.claim!.parts.find((each) => each.index === index && each.role === 'rival')
    return part === undefined ? [] : [{ name: other.variant ?? '', part }]
  })
}

/** The rival that comes nearest to refuting it, and whether it does. */
function against(
  { direction, by, measured }: ClaimPartResult,
  rivals: readonly Rival[],
): Pick<ClaimRow, 'against' | 'holds'> {
  const isAbove = direction === 'above'
  let nearest: Rival | null = null
  for (const rival of rivals) {
    const value = rival.part.measured
    if (value === null) return { against: `${rival.name}: ${rival.part.shown}`, holds: false }
    const best = nearest?.part.measured ?? null
    if (best === null || (isAbove ? value > best : value < best)) nearest = rival
  }
  if (nearest === null || measured === null) return { against: null, holds: false }
  const value = nearest.part.measured!
  const bound = value * (isAbove ? 1 + by : 1 - by)
  return {
    against: `${nearest.name}: ${nearest.part.shown}`,
    holds: isAbove ? measured > bound : measured < bound,
  }
}
