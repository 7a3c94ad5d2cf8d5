import { formatIssues, type Issue } from '../../scenario/issues.ts'
import { loadScenario } from '../../scenario/load.ts'
import type { Scenario } from '../../scenario/model.ts'
import type { SchemeRegistry } from '../../scenario/registry.ts'
import type { Series } from './result.ts'

/** One point of a plan to be checked, in whatever thread: plain data. */
export interface PointRequest {
  /** The scenario file's text and name. */
  readonly text: string
  readonly file: string
  /** Those of the whole sweep, then `varied`. */
  readonly settings: readonly string[]
  readonly varied: readonly string[]
  /** A panel of the file, or `all`; null: the first. */
  readonly panel: string | null
  /** Variants that are run; none: all. */
  readonly variants: readonly string[]
  /** Whether messages are coloured. */
  readonly color: boolean
}

export type PointCheck =
  | { readonly ok: true; readonly series: readonly Series[]; readonly subjects: readonly string[] }
  | { readonly ok: false; readonly complaint: string }

/** Does what a run of the point would do before it begins, and says what is wrong. */
export function checkPoint(request: PointRequest, registry: SchemeRegistry): PointCheck {
  const { text, file, settings, varied, panel, variants, color } = request
  const all = [...settings, ...varied]
  const options = panel === null ? { settings: all } : { settings: all, panel }
  const loaded = loadScenario(text, file, registry, options)
  if (!loaded.ok) return { ok: false, complaint: complaintOf(varied, loaded.issues, color) }
  const chosen = loaded.scenarios.filter(
    ({ variant }) => variants.length === 0 || (variant !== null && variants.includes(variant)),
  )
  return { ok: true, series: chosen.map(seriesOf), subjects: subjectsOf(chosen) }
}

/** What is wrong at a point, below a line that says where that is. */
export function complaintOf(
  varied: readonly string[],
  issues: readonly Issue[],
  color: boolean,
): string {
  return `At ${varied.join(', ')}:\n${formatIssues(issues, { color })}`
}

function seriesOf({ panel, variant }: Scenario): Series {
  return { panel, variant }
}

/** Names that metrics may be of: workloads and switches. */
function subjectsOf(scenarios: readonly Scenario[]): readonly string[] {
  const names = scenarios.flatMap(({ workloads, fabric }) => [
    ...workloads.map(({ name }) => name),
    ...fabric.nodes.flatMap(({ kind, name }) => (kind === 'switch' ? [name] : [])),
  ])
  return [...new Set(names)]
}
