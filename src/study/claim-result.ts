/** What runs measured of a claim, and what follows for it. */
import { z } from 'zod'

/** A condition as one run met it, or measured it for others. */
const part = z.strictObject({
  index: z.int().min(0).describe('Of the condition in the file.'),
  text: z.string(),
  line: z.int(),
  when: z.string().nullable().describe('The circumstances; null: variant and panel.'),
  role: z
    .enum(['alone', 'subject', 'rival'])
    .describe('rival: what is measured here is what others are compared with.'),
  direction: z.enum(['above', 'below']).nullable().describe('Of a subject to its rivals.'),
  by: z.number().min(0).describe('Share of the rival’s value by which it must differ at least.'),
  measured: z.number().nullable(),
  shown: z.string().describe('The measured value with its unit.'),
  holds: z.boolean().nullable().describe('Null where it takes other runs to tell.'),
})

export const claimPart = z
  .strictObject({
    says: z.string(),
    runs: z.int().min(1).describe('Runs that a verdict needs.'),
    parts: z.array(part),
  })
  .describe('What this run measured of the claim of its file.')

const row = z.strictObject({
  circumstances: z.string(),
  panel: z.string().nullable(),
  variant: z.string().nullable(),
  text: z.string(),
  line: z.int(),
  shown: z.string().describe('The measured value with its unit.'),
  direction: z.enum(['above', 'below']).nullable().describe('Where it must be, of the rival.'),
  by: z.number().min(0).describe('Share of the rival’s value by which, at least.'),
  against: z.string().nullable().describe('The rival and its value, of those the nearest.'),
  holds: z.boolean(),
})

export const verdict = z
  .strictObject({
    scenario: z.string(),
    says: z.string(),
    source: z.string().nullable(),
    verdict: z.enum(['confirmed', 'holds only if', 'contradicted', 'open']),
    holdsIf: z.array(z.string()).describe('Circumstances under which it holds.'),
    failsIf: z.array(z.string()).describe('Circumstances under which it does not.'),
    rows: z.array(row),
  })
  .describe('What became of a claim; open: not all of its runs were made.')

export type ClaimPartResult = z.output<typeof part>
export type ClaimRow = z.output<typeof row>
export type ClaimVerdict = z.output<typeof verdict>
