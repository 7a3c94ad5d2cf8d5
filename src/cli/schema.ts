import { z } from 'zod'
import { scenarioJsonSchema } from '../scenario/json-schema.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { resultsSchema } from '../study/result.ts'

/** `encap schema`. */
export function schemaCommand(flags: { readonly results?: boolean }): void {
  const schema = flags.results
    ? z.toJSONSchema(resultsSchema, { target: 'draft-7' })
    : scenarioJsonSchema(builtinSchemes)
  process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`)
}
