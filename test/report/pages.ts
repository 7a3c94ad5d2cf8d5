/** Reports of one small run and one small sweep, as pages of files in a folder. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { comparePage } from '../../src/report/html/compare-page.ts'
import type { Page } from '../../src/report/html/page.ts'
import { type ReportFile, reportFiles } from '../../src/report/html/report-files.ts'
import { runPage, type SourceFile, type ToldRun } from '../../src/report/html/run-page.ts'
import { sweepPage } from '../../src/report/html/sweep-page.ts'
import { dimension, metric, sampleSweep } from '../../src/report/sweep/sample-sweep.ts'
import { formatIssues } from '../../src/scenario/issues.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import type { ComparisonResult } from '../../src/study/compare/compare.ts'
import { SECTIONS } from '../../src/study/compare/question.ts'
import { Run } from '../../src/study/run.ts'

/** Loads, losses, faults, a store, CPU costs: something for each part of a page. */
export const TEXT = `name: small
why: What a page shows.
source: https://example.org/small
fabric: { mode: l2, racks: 2, hostsPerRack: 2, spines: 1, links: 1Gbps }
hosts: { costs: server-2020s }
store: { kind: etcd, members: 1 }
containers: { perHost: 1, networks: app }
workload:
  - { kind: udp, name: stream, from: c1, to: c3, size: 64, packetRate: 1kpps, at: 100ms, for: 300ms }
  - { kind: ping, name: round, from: c2, to: c4, count: 30, interval: 10ms, at: 100ms }
  - { kind: tcp, name: bulk, from: c1, to: c4, at: 500ms, for: 4ms }
faults:
  - { at: 200ms, until: 300ms, link: leaf1-spine1, cut: true }
variants:
  macvlan: { networks: { app: { scheme: macvlan } } }
  flannel: { networks: { app: { scheme: flannel } } }
expect:
  - { loss: { of: stream, equals: 0% } }
`

const SOURCE: SourceFile = { name: 'small.yaml', text: TEXT, settings: ['seed=1'] }

export function runsOf(text: string): ToldRun[] {
  const loaded = loadScenario(text, 'small.yaml', builtinSchemes, { settings: [] })
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  return loaded.scenarios.map((scenario) => {
    const run = new Run(scenario, builtinSchemes, { capture: false, samples: true })
    run.advance(Infinity)
    while (!run.advance(Infinity)) {
      // The probes after the run proper.
    }
    return { scenario, samples: run.samples(), result: run.result() }
  })
}

/** @param changed applied to all that the page is made of. */
export function pageOfRuns(runs: readonly ToldRun[], changed = <T>(value: T): T => value): Page {
  return runPage(changed(runs), changed([SOURCE]))
}

export function pageOfSweep(changed = <T>(value: T): T => value): Page {
  const result = sampleSweep({
    dimensions: [dimension('hosts', [2, 4]), dimension('containers.perHost', [8, 16, 32])],
    series: [
      { panel: null, variant: 'one' },
      { panel: null, variant: 'two' },
    ],
    metrics: [metric('goodput', 'bits/s'), metric('rtt.p99', 'ps')],
    measure: (name, series, [hosts = 0, perHost = 0]) =>
      (name === 'goodput' ? 1e9 : 1e7) * (1 + hosts + perHost * (series + 1)),
  })
  return sweepPage(changed(result), changed(new Map([['none', '']])), changed(SOURCE))
}

export function pageOfComparison(changed = <T>(value: T): T => value): Page {
  const rates = new Map([
    ['one', '20 Gb/s'],
    ['two', '10 Gb/s'],
  ])
  const entrants = [...rates.keys()].map((name) => {
    return {
      name,
      scheme: name,
      options: {},
      another: {},
      store: null,
      fabric: {},
      shortLeases: {},
    }
  })
  const cells = [...rates].map(([entrant, text]) => {
    const evidence = { scenario: 'a key', probe: 'a to b', instant: 1e12 }
    const seeds = [{ seed: '1', value: text, text, evidence }]
    return { entrant, section: 'performance', row: 'one flow', text, seeds }
  })
  const result: ComparisonResult = {
    plan: {
      text: TEXT,
      file: 'small.yaml',
      name: 'small',
      seeds: ['1'],
      entrants,
      needs: null,
      sections: SECTIONS,
    },
    cells,
    scenarios: new Map(),
    refusals: [{ entrant: 'three', message: 'is not possible here' }],
    candidates: [
      {
        entrant: 'one',
        standing: 'unknown',
        verdicts: [
          { need: 'no store', holds: true, words: 'store: none', evidence: [], change: null },
          { need: 'room', holds: false, words: '9 for 4', evidence: [], change: 'room for 9' },
        ],
      },
    ],
    total: 2,
    missing: 0,
  }
  return comparePage(changed(result), changed(new Map([['none', '']])), changed(SOURCE))
}

/** @returns the path of the page. */
export function write(directory: string, page: Page): string {
  return writeFiles(directory, reportFiles(page))
}

function writeFiles(directory: string, files: readonly ReportFile[]): string {
  for (const { path, content } of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
  return join(directory, 'index.html')
}
