/** From the text of a scenario file to scenarios, or to everything that is wrong with it. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import type { z } from 'zod'
import { suggest } from './did-you-mean.ts'
import type { Fault } from './faults.ts'
import type { Issue } from './issues.ts'
import { type JsonSchema, runJsonSchema, schemasAt } from './json-schema.ts'
import type { Scenario } from './model.ts'
import {
  formatPath,
  isMapping,
  type Path,
  type Place,
  SourceText,
  type Target,
  valueAt,
} from './place.ts'
import type { SchemeRegistry } from './registry.ts'
import { Context } from './resolve/context.ts'
import { type Condition, type Expectation, resolveScenario } from './resolve/scenario.ts'
import { ALL_PANELS, type RawRun, type RunName, RunPlan, waysTo } from './runs.ts'
import { type ScenarioInput, scenarioSchema } from './schema.ts'
import { applySetting, parseSetting, Setting } from './settings.ts'
import { checkShape } from './shape.ts'
import { BYTES_MAX, readYaml, tooLarge, type YamlTree } from './yaml-tree.ts'

export type LoadResult =
  /**
   * One scenario for each variant of the panels that were asked for, panel by panel, in the order of
   * the file; and the names of all its panels.
   */
  | {
      readonly ok: true
      readonly scenarios: readonly Scenario[]
      readonly panels: readonly string[]
    }
  | { readonly ok: false; readonly issues: readonly Issue[] }

export interface LoadOptions {
  /** Arguments of `--set`, `path=value`. */
  readonly settings?: readonly string[]
  /** A panel of the file, or `all`; default: the first. All are checked in any case. */
  readonly panel?: string
}

/** Reads and loads a file; a file that is too large is not read. Throws what the file system throws. */
export function loadScenarioFile(
  path: string,
  registry: SchemeRegistry,
  options: LoadOptions = {},
): LoadResult {
  const file = openSync(path, 'r')
  try {
    if (fstatSync(file).size > BYTES_MAX) return { ok: false, issues: [tooLarge(path)] }
    return loadScenario(readFileSync(file, 'utf8'), path, registry, options)
  } finally {
    closeSync(file)
  }
}

/** `fileName` is used for messages and for the default name only. */
export function loadScenario(
  text: string,
  fileName: string,
  registry: SchemeRegistry,
  options: LoadOptions = {},
): LoadResult {
  const { tree, issues } = readYaml(text, fileName)
  if (tree === null) return { ok: false, issues: sorted(issues) }
  const loader = new Loader(tree, fileName, registry, issues)
  const scenarios = loader.load(options.settings ?? [])
  const chosen = loader.choose(scenarios, options.panel)
  return loader.issues.length > 0
    ? { ok: false, issues: sorted(loader.issues) }
    : { ok: true, scenarios: chosen, panels: loader.panels }
}

function sorted(issues: readonly Issue[]): Issue[] {
  return issues.toSorted((a, b) => {
    if (a.file !== b.file) return a.file < b.file ? -1 : 1
    return a.line - b.line || a.column - b.column
  })
}

/** Of an expectation or a condition: where it holds, not what is measured. */
const CIRCUMSTANCES = ['variant', 'panel', 'when', 'above', 'below', 'by']

const WHOLE: RunName = { panel: null, variant: null }

class Loader {
  readonly issues: Issue[]
  private readonly tree: YamlTree
  private readonly file: string
  private readonly registry: SchemeRegistry
  private readonly schema: z.ZodType<ScenarioInput>
  private settings: readonly Setting[] = []
  private plan: RunPlan | null = null
  /** Issues by place and message, with the runs in which they are. */
  private readonly found = new Map<string, { issue: Issue; runs: RunName[] }>()

  constructor(tree: YamlTree, file: string, registry: SchemeRegistry, issues: readonly Issue[]) {
    this.tree = tree
    this.file = file
    this.registry = registry
    this.schema = scenarioSchema(registry)
    this.issues = [...issues]
  }

  /** Built only when something is wrong, or a variant changes a scheme. */
  private get json(): JsonSchema {
    return runJsonSchema(this.registry)
  }

  get panels(): readonly string[] {
    return this.plan?.panels ?? []
  }

  load(settings: readonly string[]): Scenario[] {
    if (!isMapping(this.tree.value)) {
      const what = this.tree.value === null ? 'the file says nothing' : 'the file is no mapping'
      this.add(WHOLE, fault('wrong_type', what, 'begin with "name: ..." and "workload:"'))
      this.collect()
      return []
    }
    this.settings = this.parseSettings(settings)
    const scenarios = this.runsOf(this.tree.value).flatMap((run) => this.loadRun(run))
    this.collect()
    return scenarios
  }

  /** Those of one panel, or of all; a panel that there is not is an issue. */
  choose(scenarios: readonly Scenario[], panel: string | undefined): readonly Scenario[] {
    if (panel === ALL_PANELS) return scenarios
    const [first = null] = this.panels
    const name = panel ?? first
    if (panel !== undefined && !this.panels.includes(panel)) {
      const remedy =
        first === null
          ? 'leave it out: the file has none'
          : suggest(panel, [...this.panels, ALL_PANELS], 'panels')
      const message = `there is no panel ${JSON.stringify(panel)}`
      const text = new SourceText('--panel', panel)
      this.issues.push(text.issueAt(0, panel.length, { code: 'unknown_name', message, remedy }))
    }
    return scenarios.filter((scenario) => scenario.panel === name)
  }

  private parseSettings(settings: readonly string[]): Setting[] {
    return settings.flatMap((argument, i) => {
      const setting = parseSetting(argument, i)
      if (setting instanceof Setting) return [setting]
      this.issues.push(setting)
      return []
    })
  }

  private runsOf(file: Record<string, unknown>): RawRun[] {
    const isOfFile = ({ path }: Setting) => path[0] === 'variants' || path[0] === 'panels'
    const whole = this.applied(file, this.settings.filter(isOfFile))
    const plan = new RunPlan(
      whole as Record<string, unknown>,
      (options, newScheme) => this.keptOptions(options, newScheme),
      (found) => this.add(WHOLE, found),
    )
    this.plan = plan
    const ofRuns = this.settings.filter((setting) => !isOfFile(setting))
    return plan.runs.map((run) => ({ ...run, raw: this.applied(run.raw, ofRuns) }))
  }

  private applied(value: unknown, settings: readonly Setting[]): unknown {
    for (const setting of settings) {
      const result = applySetting(value, setting)
      if (result.ok) value = result.value
      else this.note(WHOLE, result.issue)
    }
    return value
  }

  /** What a network keeps when a variant gives it another scheme: options that both have. */
  private keptOptions(
    options: Readonly<Record<string, unknown>>,
    newScheme: string,
  ): Record<string, unknown> {
    const oldKeys = this.optionKeys(options['scheme'] as string)
    const newKeys = this.optionKeys(newScheme)
    const entries = Object.entries(options)
    return Object.fromEntries(entries.filter(([key]) => newKeys.has(key) || !oldKeys.has(key)))
  }

  private optionKeys(scheme: string): ReadonlySet<string> {
    const schemas = schemasAt(this.json, ['networks', 'x'], { networks: { x: { scheme } } })
    return new Set(schemas.flatMap((schema) => Object.keys(schema.properties ?? {})))
  }

  private loadRun(run: RawRun): Scenario[] {
    const shape = checkShape(this.schema, () => this.json, run.raw)
    for (const each of shape.faults) this.add(run, each)
    if (shape.input === null) return []
    const raw = run.raw as Record<string, unknown>
    const context = new Context(shape, shape.input, raw, this.registry)
    const scenario = resolveScenario(context, {
      file: this.file,
      panel: run.panel,
      panels: this.panels,
      variant: run.variant,
      variants: this.plan!.variants,
      runs: this.plan!.runs.length,
      describe: (each) => this.describe(run, each),
    })
    for (const each of context.faults) this.add(run, each)
    return [scenario]
  }

  private describe(run: RawRun, { path }: Expectation | Condition): { text: string; line: number } {
    const place = this.locate(run, path, 'value')
    const entry = (valueAt(run.raw, path) ?? {}) as Record<string, unknown>
    const said = Object.fromEntries(
      Object.entries(entry).filter(([key]) => !CIRCUMSTANCES.includes(key)),
    )
    return { text: inline(said), line: place.text.lineOf(place.start) }
  }

  /** Later settings win over earlier ones, settings over variant and panel, these over the rest. */
  private locate(run: RunName, path: Path, target: Target): Place {
    const places = this.settings.toReversed().map((setting) => setting.locate(path, target))
    for (const way of waysTo(run)) {
      const place = this.tree.locate([...way, ...path], target)
      places.push({ ...place, depth: place.depth - way.length })
    }
    let best: Place | null = null
    for (const place of places) {
      if (place === null) continue
      if (place.depth === path.length || place.owns) return place
      if (best === null || place.depth > best.depth) best = place
    }
    return best!
  }

  private add(run: RunName, found: Fault): void {
    const place = this.locate(run, found.path, found.target)
    this.note(
      run,
      place.text.issueAt(place.start, place.end, { ...found, path: formatPath(found.path) }),
    )
  }

  private note(run: RunName, issue: Issue): void {
    const key = [issue.file, issue.line, issue.column, issue.path, issue.message].join('\n')
    const known = this.found.get(key)
    if (known === undefined) this.found.set(key, { issue, runs: [run] })
    else known.runs.push(run)
  }

  private collect(): void {
    const total = this.plan?.runs.length ?? 0
    for (const { issue, runs } of this.found.values()) {
      const named = runs.filter(({ panel, variant }) => panel !== null || variant !== null)
      const isEverywhere = named.length === 0 || named.length === total
      this.issues.push({ ...issue, variants: isEverywhere ? [] : named.map(labelOf) })
    }
  }
}

/** `panel: variant`, as far as the file has them. */
function labelOf({ panel, variant }: RunName): string {
  return [panel, variant].filter((part) => part !== null).join(': ')
}

function fault(code: Fault['code'], message: string, remedy: string, path: Path = []): Fault {
  return { code, message, remedy, path, target: 'value' }
}

/** A part of the file on one line. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (!isMapping(value)) return String(value)
  const parts = Object.entries(value).map(([key, each]) => {
    if (!isMapping(each)) return `${key}: ${inline(each)}`
    return Object.keys(each).length === 0 ? key : `${key}: { ${inline(each)} }`
  })
  return parts.join(', ')
}
