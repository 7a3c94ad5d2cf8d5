import { defineConfig } from 'vitest/config'

const deep = process.env['ENCAP_DEEP'] === '1'
const jsonFile = process.env['ENCAP_TEST_JSON']

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Modules hold no state that changes, so that files may share them: a third of the time less.
    isolate: false,
    testTimeout: deep ? 1_800_000 : 30_000,
    hookTimeout: deep ? 300_000 : 60_000,
    // `npm cit` takes no arguments for vitest, so .ci/run asks for the counts by this variable.
    reporters:
      jsonFile === undefined ? ['default'] : ['default', ['json', { outputFile: jsonFile }]],
  },
})
