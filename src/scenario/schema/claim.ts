/** The section `claim`: a statement that the file's runs are to confirm or to contradict. */
import { z } from 'zod'
import { fraction } from '../../schemes/option-types.ts'
import { expectation } from './expect.ts'
import { oneOrMany, reference } from './names.ts'

const condition = expectation.extend({
  when: z
    .string()
    .min(1)
    .max(200)
    .exactOptional()
    .describe(
      'Under which circumstances, in words: conditions with the same words stand and fall together. ' +
        'Default: each variant and panel is a circumstance of its own.',
    ),
  above: oneOrMany(reference())
    .exactOptional()
    .describe('Variants, instead of a value: more must be measured than in each of them.'),
  below: oneOrMany(reference())
    .exactOptional()
    .describe('Variants, instead of a value: less must be measured than in each of them.'),
  by: fraction()
    .exactOptional()
    .describe('With `above` or `below`: how much more or less at least, of the other value.'),
})

export const claim = z.strictObject({
  says: z.string().min(1).max(1000).describe('The statement.'),
  holds: z
    .array(condition)
    .min(1)
    .max(200)
    .describe(
      'What must be measured for it to hold: a metric as in `expect`, or one compared with other ' +
        'variants. All: confirmed; under some circumstances: holds only if; else contradicted.',
    ),
})

export type ConditionEntry = z.output<typeof condition>
