import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { scenarioReference } from '../src/scenario/reference.ts'
import { builtinSchemes } from '../src/schemes/registry.ts'

it('docs/scenario-reference.md is up to date (node scripts/scenario-reference.mjs makes it)', () => {
  const page = readFileSync(new URL('../docs/scenario-reference.md', import.meta.url), 'utf8')
  expect(page).toBe(scenarioReference(builtinSchemes))
})
