/** The section `networks`: each of a scheme, whose own keys stand beside `scheme`. */
import { z } from 'zod'
import type { SchemeRegistry } from '../registry.ts'
import { name } from './names.ts'

export interface NetworkSection {
  readonly scheme: string
  readonly options: unknown
}

/** The schema of the section, for the schemes of `registry`. */
export function networks(registry: SchemeRegistry) {
  return z.record(name(), network(registry)).prefault({})
}

function network(registry: SchemeRegistry) {
  const schemes = registry.names()
  const head = z.looseObject({ scheme: z.enum(schemes as [string, ...string[]]) })
  return head
    .transform(({ scheme, ...rest }, context): NetworkSection => {
      const result = registry.options(scheme)!.safeParse(rest)
      if (result.success) return { scheme, options: result.data }
      for (const issue of result.error.issues) {
        context.issues.push({ ...issue, path: [...issue.path], input: rest } as never)
      }
      return z.NEVER
    })
    .meta({ schemes: [...schemes] })
}

/** The JSON Schema of one network: a branch a scheme. */
export function networkJsonSchema(
  registry: SchemeRegistry,
  toJson: (schema: z.ZodType) => Record<string, unknown>,
): Record<string, unknown> {
  const branches = registry.names().map((scheme) => {
    const options = toJson(registry.options(scheme)!)
    const { properties = {}, required = [] } = options as {
      properties?: Record<string, unknown>
      required?: string[]
    }
    const summary = registry.summary?.(scheme)
    return {
      ...options,
      ...(summary === undefined ? {} : { description: summary }),
      type: 'object',
      properties: { scheme: { type: 'string', const: scheme }, ...properties },
      required: ['scheme', ...required],
    }
  })
  return { anyOf: branches }
}
