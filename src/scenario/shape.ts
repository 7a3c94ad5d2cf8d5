/**
 * Checks the shape of a scenario and saves what is sound: a part that is wrong is reported and taken
 * out, so that the checks of meaning still see the rest.
 */
import type { z } from 'zod'
import type { ValueIssueParams } from '../schemes/option-types.ts'
import { suggest } from './did-you-mean.ts'
import { type Fault, shown } from './faults.ts'
import { type JsonSchema, schemasAt } from './json-schema.ts'
import type { ScenarioInput } from './schema.ts'
import { formatPath, isMapping, type Path } from './source.ts'

type ZodIssue = z.core.$ZodIssue

/** Taking out one part may make another one wrong, such as a list that becomes too short. */
const ROUNDS_MAX = 16
/** With more faults than that the file is something else. */
const FAULTS_MAX = 1000

export interface Shape {
  /** What is sound, with its defaults; null when nothing is. */
  readonly input: ScenarioInput | null
  readonly faults: readonly Fault[]
  /** Whether a part at, above or below `path` (of the file) was taken out. */
  isBroken(path: Path): boolean
  /** A path of `input` as a path of the file: they differ behind a list item that was taken out. */
  toOriginal(path: Path): Path
}

export function checkShape(
  schema: z.ZodType<ScenarioInput>,
  json: () => JsonSchema,
  raw: unknown,
): Shape {
  const pruner = new Pruner(raw)
  const faults: Fault[] = []
  let input: ScenarioInput | null = null
  for (let round = 0; round < ROUNDS_MAX && input === null; round++) {
    const result = schema.safeParse(pruner.value)
    if (result.success) {
      input = result.data
      break
    }
    const { issues } = result.error
    const found = issues
      .slice(0, FAULTS_MAX)
      .flatMap((issue) => faultsOf(issue, pruner.value, json()))
    const fresh = found.map((fault) => ({ ...fault, path: pruner.toOriginal(fault.path) }))
    faults.push(...fresh.filter((fault) => round === 0 || !pruner.isBroken(fault.path)))
    if (issues.length > FAULTS_MAX || !pruner.remove(found)) break
  }
  return {
    input,
    faults,
    isBroken: (path) => pruner.isBroken(path),
    toOriginal: (path) => pruner.toOriginal(path),
  }
}

/** A copy of the raw value that loses its wrong parts. */
class Pruner {
  readonly value: unknown
  private readonly removed: Path[] = []
  /** Of each list that lost items, by its original path: where the rest stood. */
  private readonly kept = new Map<string, number[]>()

  constructor(raw: unknown) {
    this.value = structuredClone(raw)
  }

  toOriginal(path: Path): Path {
    const original: (string | number)[] = []
    for (const step of path) {
      const kept = typeof step === 'number' ? this.kept.get(formatPath(original)) : undefined
      original.push(kept === undefined ? step : (kept[step as number] ?? step))
    }
    return original
  }

  isBroken(path: Path): boolean {
    return this.removed.some((gone) => {
      const length = Math.min(gone.length, path.length)
      return gone.slice(0, length).every((step, i) => step === path[i])
    })
  }

  /** @returns false when the whole would have to go. */
  remove(faults: readonly Fault[]): boolean {
    const paths = faults.map((fault) =>
      fault.code === 'missing_key' ? fault.path.slice(0, -1) : fault.path,
    )
    if (paths.some((path) => path.length === 0)) return false
    // Later items first, so that the places of earlier ones stay right.
    const unique = new Map(paths.map((path) => [formatPath(path), path]))
    for (const path of [...unique.values()].sort(comparePaths).reverse()) this.removeOne(path)
    return true
  }

  private removeOne(whole: Path): void {
    // What is not there was filled in: its nearest ancestor in the file goes.
    let path = whole
    while (path.length > 1 && valueAt(this.value, path) === undefined) path = path.slice(0, -1)
    const parent = valueAt(this.value, path.slice(0, -1))
    const last = path.at(-1)!
    if (Array.isArray(parent) && typeof last === 'number' && last < parent.length) {
      const original = this.toOriginal(path)
      const list = formatPath(original.slice(0, -1))
      const kept = this.kept.get(list) ?? parent.map((_, index) => index)
      kept.splice(last, 1)
      this.kept.set(list, kept)
      this.removed.push(original)
      parent.splice(last, 1)
    } else if (isMapping(parent) && Object.hasOwn(parent, last)) {
      this.removed.push(this.toOriginal(path))
      delete parent[last]
    }
  }
}

function comparePaths(a: Path, b: Path): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i]!, b[i]!]
    if (x === y) continue
    if (typeof x === 'number' && typeof y === 'number') return x - y
    return String(x) < String(y) ? -1 : 1
  }
  return a.length - b.length
}

export function valueAt(value: unknown, path: Path): unknown {
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}

function faultsOf(issue: ZodIssue, raw: unknown, json: JsonSchema, above: Path = []): Fault[] {
  const path = [...above, ...issue.path.map((step) => (typeof step === 'symbol' ? '' : step))]
  const value = valueAt(raw, path)
  const fault = (code: Fault['code'], message: string, remedy: string): Fault[] => [
    { code, message, remedy, path, target: 'value' },
  ]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey([...path, key], raw, json))
    case 'invalid_union':
      return unionFaults(issue, path, raw, json)
    case 'invalid_key':
      return [invalidKey(path)]
    default:
      break
  }
  if (value === undefined) return [missingKey(path, raw, json)]
  switch (issue.code) {
    case 'invalid_type':
      return fault(
        'wrong_type',
        `${shown(value)} is not ${typeName(issue.expected)}`,
        expected(json, path, raw),
      )
    case 'invalid_value': {
      const remedy = suggest(String(value), issue.values.map(String), 'it may be')
      return fault(
        'wrong_value',
        `${shown(value)} is not one of the values of ${lastName(path)}`,
        remedy,
      )
    }
    case 'too_small':
    case 'too_big':
      return fault('out_of_range', sizeMessage(issue, value), expected(json, path, raw))
    case 'custom': {
      const params = (issue.params ?? {}) as Partial<ValueIssueParams>
      const code = params.wrongType === true ? 'wrong_type' : 'wrong_value'
      return fault(code, issue.message, params.remedy ?? expected(json, path, raw))
    }
    default:
      return fault('wrong_value', `${shown(value)} is not right here`, lowerFirst(issue.message))
  }
}

function unknownKey(path: Path, raw: unknown, json: JsonSchema): Fault {
  const key = String(path.at(-1))
  const keys = knownKeys(json, path.slice(0, -1), raw)
  return {
    code: 'unknown_key',
    message: `unknown key ${shown(key)}`,
    remedy: suggest(key, keys, 'keys'),
    path,
    target: 'key',
  }
}

function missingKey(path: Path, raw: unknown, json: JsonSchema): Fault {
  const key = lastName(path)
  const [schema] = schemasAt(json, path, raw)
  const choices = choicesOf(json, path, raw)
  const example = exampleOf(schema)
  const hint =
    choices.length > 0 ? `one of ${choices.join(', ')}` : (example ?? schema?.description)
  return {
    code: 'missing_key',
    message: `"${key}" is missing`,
    remedy: `add "${key}:"${hint === undefined ? '' : ` with ${lowerFirst(hint)}`}`,
    path,
    target: 'value',
  }
}

function invalidKey(path: Path): Fault {
  return {
    code: 'wrong_value',
    message: `${shown(lastName(path))} is no name`,
    remedy: 'letters, digits, ".", "_" and "-", beginning with a letter',
    path,
    target: 'key',
  }
}

/** Of the branches those that the type of the value allows; none or several fit at the surface. */
function unionFaults(
  issue: Extract<ZodIssue, { code: 'invalid_union' }>,
  path: Path,
  raw: unknown,
  json: JsonSchema,
): Fault[] {
  const value = valueAt(raw, path)
  const branches = issue.errors ?? []
  if (branches.length === 0) {
    if (value === undefined) return [missingKey(path, raw, json)]
    const choices = choicesOf(json, path, raw)
    const message = `${shown(value)} is not one of the values of ${lastName(path)}`
    const remedy = suggest(String(value), choices, 'it may be')
    return [{ code: 'wrong_value', message, remedy, path, target: 'value' }]
  }
  const meant = branches.filter((branch) => !branch.some(isWrongTypeAtRoot))
  const [first] = meant.toSorted((a, b) => a.length - b.length)
  if (first !== undefined) return first.flatMap((inner) => faultsOf(inner, raw, json, path))
  if (value === undefined) return [missingKey(path, raw, json)]
  const names = branches.flatMap((branch) =>
    branch.map((inner) => ('expected' in inner ? typeName(String(inner.expected)) : null)),
  )
  const types = [...new Set(names.filter((each) => each !== null))]
  const message = `${shown(value)} is not ${types.length > 0 ? types.join(' or ') : 'right here'}`
  return [{ code: 'wrong_type', message, remedy: expected(json, path, raw), path, target: 'value' }]
}

function isWrongTypeAtRoot(issue: ZodIssue): boolean {
  if (issue.path.length > 0) return false
  return (
    issue.code === 'invalid_type' ||
    (issue.code === 'custom' && (issue.params as ValueIssueParams | undefined)?.wrongType === true)
  )
}

function typeName(expectedType: string): string {
  const names: Record<string, string> = {
    object: 'a mapping',
    record: 'a mapping',
    array: 'a list',
    tuple: 'a list',
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
  }
  return names[expectedType] ?? expectedType
}

function sizeMessage(
  issue: Extract<ZodIssue, { code: 'too_small' | 'too_big' }>,
  value: unknown,
): string {
  const isLarge = issue.code === 'too_big'
  const limit = isLarge ? issue.maximum : issue.minimum
  if (Array.isArray(value)) {
    return `${value.length} items, where ${isLarge ? 'at most' : 'at least'} ${limit} are right`
  }
  if (typeof value === 'string') {
    return `${value.length} characters, where ${isLarge ? 'at most' : 'at least'} ${limit} are right`
  }
  return `${shown(value)} is ${isLarge ? `more than ${limit}` : `less than ${limit}`}`
}

function lastName(path: Path): string {
  return String(path.findLast((step) => typeof step === 'string') ?? 'the file')
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** What the format has at this place, in words. */
function expected(json: JsonSchema, path: Path, raw: unknown): string {
  const schemas = schemasAt(json, path.slice(0, -1), raw).flatMap((schema) =>
    schemasAt(schema, path.slice(-1), undefined),
  )
  const words = [...new Set(schemas.map(wordsOf).filter((word) => word !== ''))]
  return words.length > 0 ? `it may be ${words.join(', or ')}` : 'remove it'
}

function wordsOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`
  if (schema.const !== undefined) return String(schema.const)
  const example = exampleOf(schema)
  if (example !== undefined) return example
  const { type, minimum, maximum, properties } = schema
  if (type === 'integer' || type === 'number') {
    const noun = type === 'integer' ? 'a whole number' : 'a number'
    if (minimum === undefined || maximum === undefined) return noun
    return `${noun} from ${minimum} to ${maximum}`
  }
  if (type === 'object' && properties !== undefined) {
    return `a mapping with ${Object.keys(properties).join(', ')}`
  }
  return type === undefined ? '' : typeName(type)
}

function exampleOf(schema: JsonSchema | undefined): string | undefined {
  const examples = schema?.examples ?? []
  return examples.length > 0 ? `a value like ${examples.join(' or ')}` : undefined
}

function knownKeys(json: JsonSchema, path: Path, raw: unknown): string[] {
  const schemas = schemasAt(json, path, raw)
  return [...new Set(schemas.flatMap((schema) => Object.keys(schema.properties ?? {})))]
}

/** The values that a key may have in the alternatives of its mapping: the kinds of a workload. */
function choicesOf(json: JsonSchema, path: Path, raw: unknown): string[] {
  const key = path.at(-1)!
  const above = valueAt(raw, path.slice(0, -1))
  const without = isMapping(above) ? { ...above, [key]: undefined } : above
  const parents = schemasAt(json, path.slice(0, -1), replaced(raw, path.slice(0, -1), without))
  return [
    ...new Set(
      parents.flatMap((parent) => {
        const property = parent.properties?.[key]
        if (property?.enum !== undefined) return property.enum.map(String)
        return property?.const === undefined ? [] : [String(property.const)]
      }),
    ),
  ]
}

/** A shallow copy along `path` with another value at its end. */
function replaced(value: unknown, path: Path, by: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return by
  const inner = replaced((value as Record<string | number, unknown>)[step], rest, by)
  if (!Array.isArray(value)) return { ...(value as object), [step]: inner }
  return value.with(step as number, inner)
}
