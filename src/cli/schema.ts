import { z } from 'zod'
import { whySchema } from '../report/why-json.ts'
import { scenarioJsonSchema } from '../scenario/json-schema.ts'
import { resultsSchema } from '../study/result.ts'
import { schemesWith } from './user-schemes.ts'

interface SchemaFlags {
  readonly results?: boolean
  readonly why?: boolean
  readonly scheme?: readonly string[]
}

/** `encap schema`. */
export async function schemaCommand(flags: SchemaFlags): Promise<void> {
  const schema = await schemaOf(flags)
  process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`)
}

async function schemaOf({ results, why, scheme }: SchemaFlags): Promise<unknown> {
  if (results) return z.toJSONSchema(resultsSchema, { target: 'draft-7' })
  if (why) return z.toJSONSchema(whySchema, { target: 'draft-7' })
  return scenarioJsonSchema(await schemesWith(scheme))
}
