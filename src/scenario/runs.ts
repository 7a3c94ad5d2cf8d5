/** The runs of a file: each variant in each panel, both merged into what the file says for all. */
import type { Fault } from './faults.ts'
import { isMapping, type Path } from './place.ts'
import { type KeepOptions, mergeVariant } from './variants.ts'

const VARIANTS_MAX = 100
const PANELS_MAX = 20

/** What `--panel` calls all of them, so that none may have this name. */
export const ALL_PANELS = 'all'

/** Null where the file has no panels, or no variants. */
export interface RunName {
  readonly panel: string | null
  readonly variant: string | null
}

/** One run of the file, still as it was written. */
export interface RawRun extends RunName {
  readonly raw: unknown
}

/** A section of named parts of a file: `panels`, or `variants`. */
type Parts = ReadonlyMap<string, Readonly<Record<string, unknown>> | null>

/** Takes a file apart; what is wrong with its panels and variants is told to `report`. */
export class RunPlan {
  /** All names, in the order of the file; empty when it has none. */
  readonly panels: readonly string[]
  readonly runs: readonly RawRun[]
  private readonly keepOptions: KeepOptions
  private readonly report: (fault: Fault) => void

  constructor(
    file: Readonly<Record<string, unknown>>,
    keepOptions: KeepOptions,
    report: (fault: Fault) => void,
  ) {
    this.keepOptions = keepOptions
    this.report = report
    const { panels, ...rest } = file
    const parts = this.partsOf(panels, ['panels'], PANELS_MAX)
    this.panels = [...parts.keys()]
    this.runs =
      parts.size === 0
        ? this.runsOf(rest, null, {})
        : [...parts].flatMap(([panel, over]) => this.runsOf(rest, panel, over ?? {}))
  }

  /** The names of all panels' variants. */
  get variants(): readonly string[] {
    const names = this.runs.flatMap(({ variant }) => (variant === null ? [] : [variant]))
    return [...new Set(names)]
  }

  private runsOf(
    file: Readonly<Record<string, unknown>>,
    panel: string | null,
    over: Readonly<Record<string, unknown>>,
  ): RawRun[] {
    const { variants, ...base } = file
    const { variants: ownVariants, ...own } = over
    const merged = mergeVariant(base, own, this.keepOptions)
    const shared = this.partsOf(variants, ['variants'], VARIANTS_MAX)
    const ownPath = ['panels', panel ?? '', 'variants']
    const extra = this.partsOf(ownVariants, ownPath, VARIANTS_MAX)
    const names = [...new Set([...shared.keys(), ...extra.keys()])]
    // A variant that the panel sets to null does not run in it.
    const kept = names.filter((name) => extra.get(name) !== null)
    if (kept.length === 0) return [{ panel, variant: null, raw: merged }]
    return kept.map((variant) => {
      const once = mergeVariant(merged, shared.get(variant) ?? {}, this.keepOptions)
      return {
        panel,
        variant,
        raw: mergeVariant(once, extra.get(variant) ?? {}, this.keepOptions),
      }
    })
  }

  private partsOf(section: unknown, path: Path, most: number): Parts {
    if (section === undefined) return new Map()
    const what = String(path.at(-1))
    const one = what.slice(0, -1)
    if (!isMapping(section)) {
      const remedy = `${what}: { name: { parts that differ } }`
      this.add('wrong_type', `"${what}" is no mapping`, remedy, path)
      return new Map()
    }
    const entries = Object.entries(section)
    if (entries.length > most) {
      this.add('out_of_range', `${entries.length} ${what}`, `at most ${most}`, path)
    }
    const parts = new Map<string, Readonly<Record<string, unknown>> | null>()
    for (const [name, over] of entries.slice(0, most)) {
      if (what === 'panels') this.checkPanelName(name)
      if (!isMapping(over) && over !== null) {
        const message = `the ${one} ${name} is no mapping`
        this.add('wrong_type', message, 'a part of the file, or {}', [...path, name])
      }
      parts.set(name, over === null ? null : isMapping(over) ? over : {})
    }
    return parts
  }

  private checkPanelName(name: string): void {
    if (name !== ALL_PANELS) return
    const message = `a panel cannot be called ${ALL_PANELS}, which stands for all of them`
    const path = ['panels', name]
    this.report({
      code: 'wrong_value',
      message,
      remedy: 'another name',
      path,
      target: 'key',
    })
  }

  private add(code: Fault['code'], message: string, remedy: string, path: Path): void {
    this.report({ code, message, remedy, path, target: 'value' })
  }
}

/** Where a run's part at `path` may stand in the file: what wins comes first. */
export function waysTo({ panel, variant }: RunName): Path[] {
  const ways: Path[] = []
  if (panel !== null && variant !== null) ways.push(['panels', panel, 'variants', variant])
  if (variant !== null) ways.push(['variants', variant])
  if (panel !== null) ways.push(['panels', panel])
  return [...ways, []]
}
