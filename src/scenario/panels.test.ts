import { describe, expect, it } from 'vitest'
import { FAKE_SCHEMES } from '../../test/fake-schemes.ts'
import { formatIssues, type Issue } from './issues.ts'
import { type LoadOptions, type LoadResult, loadScenario } from './load.ts'

const FILE = `fabric: { links: { rate: 25Gbps, mtu: 9000 } }
containers: { perHost: 1 }
networks: { app: { scheme: flat } }
workload: [{ kind: ping, pairs: ring }]
expect:
  - { loss: { equals: 0 } }
  - { panel: slow, delivered: { atLeast: 2 } }
  - { panel: [fast, slow], variant: tunnel, sent: { atLeast: 1 } }
variants:
  flat: {}
  tunnel: { networks: { app: { scheme: tunnel } }, seed: 2 }
panels:
  fast: {}
  slow: { fabric: { links: 1Gbps } }
  no tunnel: { variants: { tunnel: null, flat: { seed: 7 }, other: { seed: 8 } } }
`

const read = (text: string, options: LoadOptions = {}): LoadResult =>
  loadScenario(text, 'panels.yaml', FAKE_SCHEMES, options)

function load(options: LoadOptions = {}) {
  const result = read(FILE, options)
  if (!result.ok) throw new Error(formatIssues(result.issues))
  return result
}

function issuesOf(text: string, options: LoadOptions = {}): readonly Issue[] {
  const result = read(text, options)
  return result.ok ? [] : result.issues
}

describe('panels', () => {
  it('run all variants of the first when none is asked for', () => {
    const { scenarios, panels } = load()
    expect(panels).toEqual(['fast', 'slow', 'no tunnel'])
    expect(scenarios.map(({ panel, variant }) => [panel, variant])).toEqual([
      ['fast', 'flat'],
      ['fast', 'tunnel'],
    ])
  })

  it('run one by its name, with what it replaces', () => {
    const { scenarios } = load({ panel: 'slow' })
    const [first, second] = scenarios
    expect(first!.fabric.links[0]).toMatchObject({ rate: 1e9, mtu: 9000 })
    expect([first!.networks[0]!.scheme, second!.networks[0]!.scheme]).toEqual(['flat', 'tunnel'])
  })

  it('change, add and remove variants', () => {
    const { scenarios } = load({ panel: 'no tunnel' })
    expect(scenarios.map(({ variant, seed }) => [variant, seed])).toEqual([
      ['flat', '7'],
      ['other', '8'],
    ])
  })

  it('run all of them, panel by panel', () => {
    const { scenarios } = load({ panel: 'all' })
    expect(scenarios.map(({ panel }) => panel)).toEqual([
      ...['fast', 'fast', 'slow', 'slow', 'no tunnel', 'no tunnel'],
    ])
  })

  it('have expectations of their own', () => {
    const kinds = load({ panel: 'all' }).scenarios.map((each) =>
      each.expectations.map(({ metric }) => metric.kind),
    )
    expect(kinds.slice(0, 4)).toEqual([
      ['loss'],
      ['loss', 'sent'],
      ['loss', 'delivered'],
      ['loss', 'delivered', 'sent'],
    ])
  })

  it('show expectations without the names of panel and variant', () => {
    const [, tunnel] = load({ panel: 'slow' }).scenarios
    expect(tunnel!.expectations.map(({ text }) => text)).toEqual([
      'loss: { equals: 0 }',
      'delivered: { atLeast: 2 }',
      'sent: { atLeast: 1 }',
    ])
  })

  it('are changed by --set as the rest of the file is', () => {
    const settings = ['panels.slow.fabric.links.rate=2Gbps', 'fabric.links.mtu=1500']
    const [first] = load({ panel: 'slow', settings }).scenarios
    expect(first!.fabric.links[0]).toMatchObject({ rate: 2e9, mtu: 1500 })
  })

  it('are null in a file without any', () => {
    const result = read('workload: [{ kind: ping, from: h1, to: h2 }]', { panel: 'all' })
    expect(result).toMatchObject({ ok: true, panels: [], scenarios: [{ panel: null }] })
  })
})

describe('what is wrong with panels', () => {
  it('is found in all of them, whichever runs', () => {
    const text = FILE.replace('1Gbps', '1Gpbs')
    expect(issuesOf(text)).toMatchObject([
      { line: 14, path: 'fabric.links.rate', variants: ['slow: flat', 'slow: tunnel'] },
    ])
  })

  it('is a name that the file has not', () => {
    expect(issuesOf(FILE, { panel: 'slwo' })).toMatchObject([
      { file: '--panel', message: 'there is no panel "slwo"', remedy: 'did you mean "slow"?' },
    ])
    expect(issuesOf('workload: []', { panel: 'slow' })).toMatchObject([
      { remedy: 'leave it out: the file has none' },
    ])
  })

  it('is the name that stands for all', () => {
    expect(issuesOf('panels:\n  all: {}')[0]).toMatchObject({
      message: 'a panel cannot be called all, which stands for all of them',
      line: 2,
    })
  })

  it('is a part that is no mapping', () => {
    expect(issuesOf('panels: 5')).toMatchObject([{ message: '"panels" is no mapping', line: 1 }])
    expect(issuesOf('panels:\n  a: 5')).toMatchObject([
      { message: 'the panel a is no mapping', line: 2 },
    ])
    expect(issuesOf('panels:\n  a: { variants: 5 }')).toMatchObject([
      { message: '"variants" is no mapping', line: 2 },
    ])
  })

  it('is an expectation of a panel that there is not', () => {
    expect(issuesOf(FILE.replace('panel: slow', 'panel: slwo'))[0]).toMatchObject({
      message: 'there is no panel slwo',
      line: 7,
    })
  })
})
