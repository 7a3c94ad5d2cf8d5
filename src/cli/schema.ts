import { z } from 'zod'
import { scenarioJsonSchema } from '../scenario/json-schema.ts'
import { resultsSchema } from '../study/result.ts'
import { schemesWith } from './user-schemes.ts'

/** `encap schema`. */
export async function schemaCommand(flags: {
  readonly results?: boolean
  readonly scheme?: readonly string[]
}): Promise<void> {
  const schema = flags.results
    ? z.toJSONSchema(resultsSchema, { target: 'draft-7' })
    : scenarioJsonSchema(await schemesWith(flags.scheme))
  process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`)
}
