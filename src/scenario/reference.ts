/** The reference page of the scenario format, made from its JSON Schema. */
import { type JsonSchema, runJsonSchema, scenarioJsonSchema } from './json-schema.ts'
import type { SchemeRegistry } from './registry.ts'

const HEAD = `# The scenario file

<!-- Made by scripts/scenario-reference.mjs from the schema; changes by hand are lost. -->

One YAML file, every key with its type, default and meaning. Units are written: rates \`10Gbps\`, durations
\`5us\` \`300s\`, sizes \`1450B\` (or bytes without a unit), packet rates \`100kpps\`, shares \`1%\`. Hosts are called
h1, h2, ..., their leaves leaf1, leaf2, ..., spines spine1, ..., containers c1, c2, ... through all hosts, links by their
ends (\`h1-leaf1\`). \`encap schema\` prints the same as a JSON Schema, from which editors complete.
`

/** Markdown; \`x[]\` is an item of the list x, \`x.NAME\` a key of one's own choice. */
export function scenarioReference(registry: SchemeRegistry): string {
  const run = runJsonSchema(registry)
  const simple = Object.entries(run.properties!).filter(([, schema]) => partsOf(schema) === null)
  const sections = Object.entries(run.properties!).filter(([, schema]) => partsOf(schema) !== null)
  const whole = scenarioJsonSchema(registry).properties!
  const partRows = ['variants', 'panels'].map(
    (key) => `| \`${key}\` | mapping | | ${cell(whole[key]!.description ?? '')} |`,
  )
  return [
    HEAD,
    '## The whole file\n',
    table([...simple.map(([key, schema]) => rowOf(key, schema)), ...partRows]),
    ...sections.map(([key, schema]) => sectionOf(key, schema)),
  ].join('\n')
}

function sectionOf(key: string, schema: JsonSchema): string {
  const parts = partsOf(schema)!
  const head = `## ${key}\n\n${schema.description ?? ''}\n`
  const [only] = parts
  if (parts.length === 1 && only !== undefined) {
    return `${head}\n${table(rowsOf(key + only.suffix, only.schema))}`
  }
  return [head, ...parts.map((part) => partOf(key, part))].join('\n')
}

interface Part {
  readonly suffix: string
  readonly schema: JsonSchema
}

function partOf(key: string, { suffix, schema }: Part): string {
  const name = tagOf(schema) ?? (suffix === '' ? 'in short' : 'as a list')
  const description = schema.description ?? tagDescription(schema)
  return `### ${key}: ${name}\n\n${description}\n\n${table(rowsOf(key + suffix, schema))}`
}

/** The value of \`kind\` or \`scheme\` that tells one alternative from the others. */
function tagOf(schema: JsonSchema): string | undefined {
  const tag = Object.values(schema.properties ?? {}).find((each) => each.const !== undefined)
  return tag === undefined ? undefined : String(tag.const)
}

function tagDescription(schema: JsonSchema): string {
  return (
    Object.values(schema.properties ?? {}).find((each) => each.const !== undefined)?.description ??
    ''
  )
}

/** The mappings that a section consists of: itself, its items, or its alternatives; null for a scalar. */
function partsOf(schema: JsonSchema, suffix = ''): Part[] | null {
  const branches = schema.anyOf ?? schema.oneOf
  if (branches !== undefined) {
    const parts = branches.flatMap((branch) => partsOf(branch, suffix) ?? [])
    return parts.length > 0 ? parts : null
  }
  if (schema.properties !== undefined) return [{ suffix, schema }]
  const { items, additionalProperties } = schema
  if (items !== undefined && !Array.isArray(items)) {
    const parts = partsOf(items as JsonSchema, `${suffix}[]`)
    const { description } = schema
    return parts?.map((part) => withDescription(part, description)) ?? null
  }
  return typeof additionalProperties === 'object'
    ? partsOf(additionalProperties, `${suffix}.NAME`)
    : null
}

function withDescription(part: Part, description: string | undefined): Part {
  if (part.schema.description !== undefined || description === undefined) return part
  return tagOf(part.schema) === undefined
    ? { ...part, schema: { ...part.schema, description } }
    : part
}

function rowsOf(path: string, schema: JsonSchema): string[] {
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const at = `${path}.${key}`
    const parts = partsOf(value) ?? []
    const inner = parts.flatMap((part) => rowsOf(at + part.suffix, part.schema))
    return [
      rowOf(at, value, required.has(key)),
      ...inner.filter((row, i) => inner.indexOf(row) === i),
    ]
  })
}

function rowOf(path: string, schema: JsonSchema, isRequired = false): string {
  const standard = isRequired ? 'required' : defaultOf(schema)
  return `| \`${path}\` | ${cell(typeOf(schema))} | ${standard} | ${cell(schema.description ?? '')} |`
}

function table(rows: readonly string[]): string {
  return `| key | type | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function defaultOf(schema: JsonSchema): string {
  const value = schema.default
  if (
    value === undefined ||
    value === '' ||
    (JSON.stringify(value).length <= 2 && typeof value === 'object')
  )
    return ''
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function typeOf(schema: JsonSchema): string {
  const branches = schema.anyOf ?? schema.oneOf
  if (branches !== undefined) {
    const types = branches.map(typeOf).filter((type) => type !== '')
    return [...new Set(types)].join(' or ')
  }
  if (schema.enum !== undefined) {
    const values = schema.enum.map((each) => `\`${each}\``)
    return [...new Set(values)].join(', ')
  }
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.examples !== undefined) return schema.examples.map((each) => `\`${each}\``).join(', ')
  const { type, minimum, maximum } = schema
  switch (type) {
    case 'integer':
      return maximum === undefined || maximum > 1e12 ? 'whole number' : `${minimum} to ${maximum}`
    case 'object':
      return 'mapping'
    case 'array':
      return 'list'
    case 'string':
      return 'text'
    case 'boolean':
      return 'true, false'
    default:
      return type ?? ''
  }
}
