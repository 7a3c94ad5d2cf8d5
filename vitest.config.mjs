import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { builtSources } from './scripts/built-sources.mjs'

const deep = process.env['ENCAP_DEEP'] === '1'
/** While files are watched, it is the sources that are watched. */
const isOnce = process.argv.includes('run')
const jsonFile = process.env['ENCAP_TEST_JSON']

export default defineConfig(async () => ({
  plugins: isOnce ? [await builtSources()] : [],
  // Schemes of users' files and what tests them must meet in the same classes, not in those of dist.
  resolve: {
    alias: {
      'encap/scheme': fileURLToPath(new URL('src/schemes/public.ts', import.meta.url)),
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    // As src/cli/engine.ts has it.
    execArgv: ['--interrupt-budget=600000'],
    maxWorkers: 2,
    // Modules hold no state that changes, so that files may share them: a third of the time less.
    isolate: false,
    testTimeout: deep ? 1_800_000 : 30_000,
    hookTimeout: deep ? 300_000 : 60_000,
    // `npm cit` takes no arguments for vitest, so .ci/run asks for the counts by this variable.
    reporters:
      jsonFile === undefined ? ['default'] : ['default', ['json', { outputFile: jsonFile }]],
  },
}))
