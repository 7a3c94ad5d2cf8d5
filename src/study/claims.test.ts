import { describe, expect, it } from 'vitest'
import { formatIssues } from '../scenario/issues.ts'
import { loadScenario } from '../scenario/load.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { verdictsOf } from './claims.ts'
import type { RunResult } from './result.ts'
import { Run } from './run.ts'

const FILE = `
fabric: { racks: 1, hostsPerRack: 2, links: 1Gbps }
hosts: { costs: none }
containers: { perHost: 1, networks: app }
workload:
  - { kind: udp, name: stream, from: c1, to: c2, size: 1000, packetRate: 1kpps, for: 20ms }
variants:
  flat: { networks: { app: { scheme: macvlan } } }
  tunnel: { networks: { app: { scheme: flannel } } }
  dead: { networks: { app: { scheme: macvlan } }, faults: [{ node: h2, cut: true }] }
`

const claim = (...conditions: string[]) =>
  `claim:\n  says: This or that.\n  holds:\n${conditions.map((each) => `    - { ${each} }\n`).join('')}`

function load(text: string) {
  return loadScenario(text, 'claim.yaml', builtinSchemes, { panel: 'all' })
}

function run(text: string): RunResult[] {
  const loaded = load(text)
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  return loaded.scenarios.map((scenario) => {
    const one = new Run(scenario, builtinSchemes, { capture: false })
    while (!one.advance(Infinity));
    return one.result()
  })
}

function verdict(...conditions: string[]) {
  const [only] = verdictsOf(run(FILE + claim(...conditions)))
  return only!
}

function issues(...conditions: string[]): string[] {
  const loaded = load(FILE + claim(...conditions))
  return loaded.ok
    ? []
    : loaded.issues.map(({ line, path, message }) => `${line} ${path}: ${message}`)
}

describe('a verdict', () => {
  it('is confirmed when all rows hold', () => {
    const {
      verdict: word,
      rows,
      failsIf,
    } = verdict(
      'bytesAdded: { equals: 50 }, variant: tunnel',
      'delivered: { equals: 20 }, variant: [flat, tunnel], when: nothing is broken',
    )
    expect(word).toBe('confirmed')
    expect(failsIf).toEqual([])
    expect(rows.map((row) => [row.circumstances, row.variant, row.shown, row.holds])).toEqual([
      ['tunnel', 'tunnel', '50 bytes a packet', true],
      ['nothing is broken', 'flat', '20', true],
      ['nothing is broken', 'tunnel', '20', true],
    ])
  })

  it('names the circumstances when it holds under some of them', () => {
    const {
      verdict: word,
      holdsIf,
      failsIf,
    } = verdict('delivered: { atLeast: 1 }', 'attached: { equals: 2 }, variant: dead')
    expect([word, holdsIf, failsIf]).toEqual(['holds only if', ['flat', 'tunnel'], ['dead']])
  })

  it('takes one row that does not hold for the whole of its circumstances', () => {
    const { verdict: word, failsIf } = verdict('delivered: { equals: 20 }, when: always')
    expect([word, failsIf]).toEqual(['contradicted', ['always']])
  })

  it('is open while runs of the file are missing', () => {
    const runs = run(FILE + claim('delivered: { equals: 20 }, variant: flat'))
    expect(verdictsOf(runs)[0]!.verdict).toBe('confirmed')
    expect(verdictsOf(runs.slice(0, 2))[0]!.verdict).toBe('open')
    expect(verdictsOf(runs.map((each) => ({ ...each, partial: true })))[0]!.verdict).toBe('open')
  })
})

describe('a comparison of variants', () => {
  it('is with the nearest rival, and none may be passed over', () => {
    const { rows } = verdict(
      'delivered: {}, variant: flat, above: [tunnel, dead]',
      'delivered: {}, variant: flat, above: dead',
      'delivered: {}, variant: dead, below: [flat, tunnel]',
    )
    expect(rows.map(({ against, holds }) => [against, holds])).toEqual([
      ['tunnel: 20', false],
      ['dead: 0', true],
      ['flat: 20', true],
    ])
  })

  it('asks for a lead where one is named', () => {
    const lead = (by: string) =>
      verdict(`wireEfficiency: {}, variant: flat, above: tunnel, by: ${by}`).rows[0]!.holds
    // 1000 of 1066 bytes on the wire against 1000 of 1116.
    expect([lead('0%'), lead('4%'), lead('6%')]).toEqual([true, true, false])
  })

  it('is of one panel', () => {
    const text = `${FILE}
panels:
  whole: {}
  lossy: { faults: [{ node: h1, cut: true }] }
${claim('delivered: {}, variant: tunnel, above: dead')}`
    const [result] = verdictsOf(run(text))
    expect(result!.holdsIf).toEqual(['tunnel, whole'])
    expect(result!.failsIf).toEqual(['tunnel, lossy'])
  })
})

describe('what is wrong with a claim', () => {
  it('is told with its place', () => {
    expect(
      issues(
        'delivered: { atLeast: 1 }, above: flat',
        'delivered: {}, variant: flat, below: [flat]',
        'delivered: { atLeast: 1 }, by: 3%',
        'reachable: { from: c1, to: c2 }, above: dead',
        'delivered: {}, above: nobody',
        'delivered: {}, variant: flat',
        'when: no metric',
        'attached: { network: web, equals: 1 }',
      ).sort(),
    ).toEqual([
      '14 claim.holds[0].delivered.atLeast: "atLeast" and another variant are given at once',
      '15 claim.holds[1].below: flat would be compared with itself',
      '16 claim.holds[2].by: "by" is of use with "above" or "below" only',
      '17 claim.holds[3].reachable: reachable is no quantity that could be more or less',
      '18 claim.holds[4].above: there is no variant nobody',
      '19 claim.holds[5].delivered: which value is right is not said',
      '20 claim.holds[6]: what is expected is not said',
      '21 claim.holds[7].attached.network: there is no network "web"',
    ])
  })
})
