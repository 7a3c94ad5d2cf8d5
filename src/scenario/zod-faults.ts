/** What zod finds wrong, in the words of this program and with a remedy from the JSON Schema. */
import type { z } from 'zod'
import type { ValueIssueParams } from '../schemes/option-types.ts'
import { suggest } from './did-you-mean.ts'
import { type Fault, shown } from './faults.ts'
import { type JsonSchema, schemasAt } from './json-schema.ts'
import { isMapping, type Path, valueAt } from './place.ts'

type ZodIssue = z.core.$ZodIssue

/** With more faults than that the file is something else. */
export const FAULTS_MAX = 1000

/** `raw` is what was checked; `above` is put before the path of the issue. */
export function faultsOf(
  issue: ZodIssue,
  raw: unknown,
  json: JsonSchema,
  above: Path = [],
): Fault[] {
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
  if (first !== undefined) {
    return first.slice(0, FAULTS_MAX).flatMap((inner) => faultsOf(inner, raw, json, path))
  }
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
  if (schema.enum !== undefined) return `one of ${[...new Set(schema.enum.map(String))].join(', ')}`
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
