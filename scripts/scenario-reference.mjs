#!/usr/bin/env node
// Writes docs/scenario-reference.md from the schema of the scenario file. Run it after a change of the
// format or of a scheme's options; a test fails while the page is not up to date.
import { writeFileSync } from 'node:fs'
import { register } from 'tsx/esm/api'

register()
const { scenarioReference } = await import('../src/scenario/reference.ts')
const { builtinSchemes } = await import('../src/schemes/registry.ts')
const page = new URL('../docs/scenario-reference.md', import.meta.url)
writeFileSync(page, scenarioReference(builtinSchemes))
