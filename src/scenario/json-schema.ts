/** The scenario format as a JSON Schema (draft 7), from which editors complete. */
import { z } from 'zod'
import type { SchemeRegistry } from './registry.ts'
import { networkJsonSchema } from './schema/networks.ts'
import { scenarioSchema } from './schema.ts'

/** A JSON Schema, as far as this program looks into it. */
export interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema | readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

const VARIANTS_DESCRIPTION =
  'Runs the file once for each variant, with parts replaced: mappings are merged, anything else is ' +
  'replaced, null removes a key. The rest of the file need not be complete by itself.'

const PANELS_DESCRIPTION =
  'The same question under other conditions: each panel replaces parts of the whole file, as a variant ' +
  'does, and then runs all variants. `encap run FILE` runs the first, `--panel NAME` another, ' +
  '`--panel all` each.'

/** What `encap schema` prints. */
export function scenarioJsonSchema(registry: SchemeRegistry): JsonSchema {
  const run = runJsonSchema(registry)
  const parts = { ...withoutRequired(run), description: 'Parts of this file.' }
  const variants: JsonSchema = {
    type: 'object',
    description: VARIANTS_DESCRIPTION,
    additionalProperties: parts,
  }
  const panels: JsonSchema = {
    type: 'object',
    description: PANELS_DESCRIPTION,
    additionalProperties: {
      ...parts,
      properties: { ...parts.properties, variants },
    },
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'encap scenario',
    ...run,
    properties: { ...run.properties, variants, panels },
  } as JsonSchema
}

/** A registry does not change, and to make its schema takes longer than to load a file. */
const runs = new WeakMap<SchemeRegistry, JsonSchema>()

/** The schema of one run, without `variants` and `panels`. */
export function runJsonSchema(registry: SchemeRegistry): JsonSchema {
  const known = runs.get(registry)
  if (known !== undefined) return known
  const made = makeRunJsonSchema(registry)
  runs.set(registry, made)
  return made
}

function makeRunJsonSchema(registry: SchemeRegistry): JsonSchema {
  const schema = toJson(scenarioSchema(registry), registry) as JsonSchema
  const network = schema.properties!['networks']!
  // A network may leave its scheme to the variants; everything else in it is then as in a branch.
  const branches = (network.additionalProperties as JsonSchema).anyOf!.map((branch) => ({
    ...branch,
    required: branch.required!.filter((key) => key !== 'scheme'),
  }))
  const networks = { ...network, additionalProperties: { anyOf: branches } }
  return { ...schema, properties: { ...schema.properties, networks } }
}

function toJson(schema: z.ZodType, registry: SchemeRegistry): Record<string, unknown> {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // The mark that the schema of a network carries.
      if (!('schemes' in jsonSchema)) return
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key as keyof typeof jsonSchema]
      Object.assign(
        jsonSchema,
        networkJsonSchema(registry, (inner) => toJson(inner, registry)),
      )
    },
  }) as Record<string, unknown>
  return json
}

/** Any part may be absent from a variant, because the file has it. */
function withoutRequired(schema: JsonSchema): JsonSchema {
  const copy: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'required' || key === 'default') continue
    copy[key] = key === 'properties' ? mapValues(value, withoutRequired) : inner(value)
  }
  return copy as JsonSchema
}

function inner(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inner)
  return typeof value === 'object' && value !== null ? withoutRequired(value as JsonSchema) : value
}

function mapValues(value: unknown, change: (schema: JsonSchema) => JsonSchema): unknown {
  const entries = Object.entries(value as Record<string, JsonSchema>)
  return Object.fromEntries(entries.map(([key, each]) => [key, change(each)]))
}

/**
 * The parts of `schema` that `path` may mean, given the value that the file has: of alternatives those
 * that fit the value's type and its `kind` or `scheme`.
 */
export function schemasAt(
  schema: JsonSchema,
  path: readonly (string | number)[],
  value: unknown,
): readonly JsonSchema[] {
  let candidates = alternatives(schema, value)
  for (const step of path) {
    value = (value as Record<string | number, unknown> | null | undefined)?.[step]
    candidates = candidates.flatMap((each) => {
      const next = stepInto(each, step)
      return next === undefined ? [] : alternatives(next, value)
    })
  }
  return candidates
}

function stepInto(schema: JsonSchema, step: string | number): JsonSchema | undefined {
  if (typeof step === 'number') {
    const { items } = schema
    return Array.isArray(items) ? items[step] : (items as JsonSchema | undefined)
  }
  const own = Object.hasOwn(schema.properties ?? {}, step) ? schema.properties![step] : undefined
  if (own !== undefined) return own
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
}

function alternatives(schema: JsonSchema, value: unknown): JsonSchema[] {
  const branches = schema.anyOf ?? schema.oneOf
  if (branches === undefined) return [schema]
  const fitting = branches.filter((branch) => mayBe(branch, value))
  return (fitting.length > 0 ? fitting : branches).flatMap((branch) => alternatives(branch, value))
}

function mayBe(schema: JsonSchema, value: unknown): boolean {
  if (Array.isArray(value)) return schema.type === undefined || schema.type === 'array'
  if (typeof value !== 'object' || value === null) {
    return value === undefined || (schema.type !== 'object' && schema.type !== 'array')
  }
  if (schema.type !== undefined && schema.type !== 'object') return false
  return Object.entries(schema.properties ?? {}).every(([key, property]) => {
    const actual = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
    return property.const === undefined || actual === undefined || property.const === actual
  })
}
