/** From the text of a scenario file to scenarios, or to everything that is wrong with it. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import type { z } from 'zod'
import type { Fault } from './faults.ts'
import type { Issue } from './issues.ts'
import { type JsonSchema, runJsonSchema, schemasAt } from './json-schema.ts'
import type { Scenario } from './model.ts'
import { formatPath, isMapping, type Path, type Place, type Target, valueAt } from './place.ts'
import type { SchemeRegistry } from './registry.ts'
import { Context } from './resolve/context.ts'
import { type Expectation, resolveScenario } from './resolve/scenario.ts'
import { type ScenarioInput, scenarioSchema, VARIANTS_MAX } from './schema.ts'
import { applySetting, parseSetting, Setting } from './settings.ts'
import { checkShape } from './shape.ts'
import { mergeVariant } from './variants.ts'
import { BYTES_MAX, readYaml, tooLarge, type YamlTree } from './yaml-tree.ts'

export type LoadResult =
  /** One scenario, or one for each variant in the order of the file. */
  | { readonly ok: true; readonly scenarios: readonly Scenario[] }
  | { readonly ok: false; readonly issues: readonly Issue[] }

export interface LoadOptions {
  /** Arguments of `--set`, `path=value`. */
  readonly settings?: readonly string[]
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
  return loader.issues.length > 0
    ? { ok: false, issues: sorted(loader.issues) }
    : { ok: true, scenarios }
}

function sorted(issues: readonly Issue[]): Issue[] {
  return issues.toSorted((a, b) => {
    if (a.file !== b.file) return a.file < b.file ? -1 : 1
    return a.line - b.line || a.column - b.column
  })
}

/** One run of the file: the file itself, or a variant merged into it. */
interface Run {
  readonly variant: string | null
  readonly raw: unknown
}

class Loader {
  readonly issues: Issue[]
  private readonly tree: YamlTree
  private readonly file: string
  private readonly registry: SchemeRegistry
  private readonly schema: z.ZodType<ScenarioInput>
  private settings: readonly Setting[] = []
  private variants: readonly string[] = []
  /** Issues by place and message, with the variants in which they are. */
  private readonly found = new Map<string, { issue: Issue; variants: (string | null)[] }>()

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

  load(settings: readonly string[]): Scenario[] {
    if (!isMapping(this.tree.value)) {
      const what = this.tree.value === null ? 'the file says nothing' : 'the file is no mapping'
      this.add(null, fault('wrong_type', what, 'begin with "name: ..." and "workload:"'))
      this.collect()
      return []
    }
    this.settings = this.parseSettings(settings)
    const runs = this.runsOf(this.tree.value)
    const scenarios = runs.flatMap((run) => this.loadRun(run))
    this.collect()
    return scenarios
  }

  private parseSettings(settings: readonly string[]): Setting[] {
    return settings.flatMap((argument, i) => {
      const setting = parseSetting(argument, i)
      if (setting instanceof Setting) return [setting]
      this.issues.push(setting)
      return []
    })
  }

  private runsOf(file: Record<string, unknown>): Run[] {
    const ofVariants = this.settings.filter((setting) => setting.path[0] === 'variants')
    const ofRuns = this.settings.filter((setting) => setting.path[0] !== 'variants')
    const whole = this.applied(file, ofVariants) as Record<string, unknown>
    const { variants, ...base } = whole
    const overs = this.variantsOf(variants)
    this.variants = [...overs.keys()]
    const runs: Run[] =
      overs.size === 0
        ? [{ variant: null, raw: base }]
        : [...overs].map(([variant, over]) => ({ variant, raw: this.merged(base, over) }))
    return runs.map((run) => ({ ...run, raw: this.applied(run.raw, ofRuns) }))
  }

  private applied(value: unknown, settings: readonly Setting[]): unknown {
    for (const setting of settings) {
      const result = applySetting(value, setting)
      if (result.ok) value = result.value
      else this.note(null, result.issue)
    }
    return value
  }

  private variantsOf(section: unknown): Map<string, unknown> {
    if (section === undefined) return new Map()
    if (!isMapping(section)) {
      const remedy = 'variants: { name: { parts that differ } }'
      this.add(null, fault('wrong_type', '"variants" is no mapping', remedy, ['variants']))
      return new Map()
    }
    const entries = Object.entries(section)
    if (entries.length > VARIANTS_MAX) {
      const message = `${entries.length} variants`
      this.add(null, fault('out_of_range', message, `at most ${VARIANTS_MAX}`, ['variants']))
    }
    for (const [name, over] of entries) {
      if (isMapping(over) || over === null) continue
      const message = `the variant ${name} is no mapping`
      this.add(null, fault('wrong_type', message, 'a part of the file, or {}', ['variants', name]))
    }
    return new Map(
      entries
        .slice(0, VARIANTS_MAX)
        .map(([name, over]) => [name, isMapping(over) ? over : {}] as const),
    )
  }

  private merged(base: unknown, over: unknown): unknown {
    return mergeVariant(base, over, (options, newScheme) => {
      const oldKeys = this.optionKeys(options['scheme'] as string)
      const newKeys = this.optionKeys(newScheme)
      const entries = Object.entries(options)
      return Object.fromEntries(entries.filter(([key]) => newKeys.has(key) || !oldKeys.has(key)))
    })
  }

  private optionKeys(scheme: string): ReadonlySet<string> {
    const schemas = schemasAt(this.json, ['networks', 'x'], { networks: { x: { scheme } } })
    return new Set(schemas.flatMap((schema) => Object.keys(schema.properties ?? {})))
  }

  private loadRun(run: Run): Scenario[] {
    const shape = checkShape(this.schema, () => this.json, run.raw)
    for (const each of shape.faults) this.add(run.variant, each)
    if (shape.input === null) return []
    const raw = run.raw as Record<string, unknown>
    const context = new Context(shape, shape.input, raw, this.registry)
    const scenario = resolveScenario(context, {
      file: this.file,
      variant: run.variant,
      variants: this.variants,
      describe: (each) => this.describe(run, each),
    })
    for (const each of context.faults) this.add(run.variant, each)
    return [scenario]
  }

  private describe(run: Run, { path }: Expectation): { text: string; line: number } {
    const place = this.locate(run.variant, path, 'value')
    const { variant: _, ...said } = (valueAt(run.raw, path) ?? {}) as Record<string, unknown>
    return { text: inline(said), line: place.text.lineOf(place.start) }
  }

  /** Later settings win over earlier ones, settings over the variant, the variant over the rest. */
  private locate(variant: string | null, path: Path, target: Target): Place {
    const places = this.settings.toReversed().map((setting) => setting.locate(path, target))
    if (variant !== null) {
      const place = this.tree.locate(['variants', variant, ...path], target)
      places.push({ ...place, depth: place.depth - 2 })
    }
    places.push(this.tree.locate(path, target))
    let best: Place | null = null
    for (const place of places) {
      if (place === null) continue
      if (place.depth === path.length || place.owns) return place
      if (best === null || place.depth > best.depth) best = place
    }
    return best!
  }

  private add(variant: string | null, found: Fault): void {
    const place = this.locate(variant, found.path, found.target)
    this.note(
      variant,
      place.text.issueAt(place.start, place.end, { ...found, path: formatPath(found.path) }),
    )
  }

  private note(variant: string | null, issue: Issue): void {
    const key = [issue.file, issue.line, issue.column, issue.path, issue.message].join('\n')
    const known = this.found.get(key)
    if (known === undefined) this.found.set(key, { issue, variants: [variant] })
    else known.variants.push(variant)
  }

  private collect(): void {
    for (const { issue, variants } of this.found.values()) {
      const named = variants.filter((variant) => variant !== null)
      const isEverywhere = named.length === 0 || named.length === this.variants.length
      this.issues.push({ ...issue, variants: isEverywhere ? [] : named })
    }
  }
}

function fault(code: Fault['code'], message: string, remedy: string, path: Path = []): Fault {
  return { code, message, remedy, path, target: 'value' }
}

/** A part of the file on one line. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (!isMapping(value)) return String(value)
  const parts = Object.entries(value).map(([key, each]) =>
    isMapping(each) ? `${key}: { ${inline(each)} }` : `${key}: ${inline(each)}`,
  )
  return parts.join(', ')
}
