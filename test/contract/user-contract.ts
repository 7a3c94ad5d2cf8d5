/** The contract of a scheme in a user's file, with what the file says of itself to the suite. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { checkScheme } from '../../src/cli/user-schemes.ts'
import { CONTRACT_TESTS, type SchemeContract } from './scheme-contract.ts'

const section = z.record(z.string(), z.unknown())
const skip = z.strictObject({ test: z.enum(CONTRACT_TESTS), reason: z.string().min(1) })

/** What a module may export as `contract`: the members of `SchemeContract`. */
const contractExport = z.strictObject({
  name: z.string().exactOptional(),
  options: section.exactOptional(),
  small: section.exactOptional(),
  store: section.exactOptional(),
  settle: z.number().nonnegative().exactOptional(),
  perHost: z.literal(1).exactOptional(),
  startsWithin: z.string().exactOptional(),
  skip: z.array(skip).exactOptional(),
})

/** @throws ExitError or Error that says what is wrong with the file. */
export async function userContract(file: string): Promise<SchemeContract> {
  const url = pathToFileURL(resolve(file)).href
  const module: { readonly default?: unknown; readonly contract?: unknown } = await import(url)
  const scheme = checkScheme(file, module.default)
  const { success, data, error } = contractExport.safeParse(module.contract ?? {})
  if (success) return { name: scheme.name, scheme, ...data }
  const faults = error.issues.map(
    ({ path, message }) => `${['contract', ...path].join('.')}: ${message}`,
  )
  throw new Error(`${file}: error: ${faults.join('; ')}`)
}
