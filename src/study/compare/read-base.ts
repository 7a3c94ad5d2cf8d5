import { parse } from 'yaml'
import { type LoadResult, loadScenario } from '../../scenario/load.ts'
import { RunPlan } from '../../scenario/runs.ts'
import type { Schemes } from '../../schemes/registry.ts'
import { type Base, baseOf } from './base.ts'
import type { Section } from './entrant.ts'

/** The text of a scenario file as a base; of several variants the first. @returns else what is wrong. */
export function readBase(
  text: string,
  file: string,
  schemes: Schemes,
): { readonly ok: true; readonly base: Base } | Extract<LoadResult, { ok: false }> {
  const loaded = loadScenario(text, file, schemes)
  if (!loaded.ok) return loaded
  // It has been checked: nothing is left to report, and networks are replaced anyway.
  const { runs } = new RunPlan(
    parse(text) as Section,
    (options) => ({ ...options }),
    () => {},
  )
  return { ok: true, base: baseOf(runs[0]!.raw as Section, loaded.scenarios[0]!) }
}
