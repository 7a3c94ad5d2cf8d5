/**
 * `--report` of run and sweep: what its pages say, and how a real browser shows them. Nothing is fetched,
 * nothing runs, every chart is drawn.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reportFiles } from '../../src/report/html/report-files.ts'
import { layOut } from '../../src/report/html/topology-layout.ts'
import { Program, runHere, SCENARIO } from '../cli/program.ts'
import { Browser, browserCommand } from './browser.ts'
import { pageOfComparison, pageOfRuns, pageOfSweep, runsOf, TEXT, write } from './pages.ts'

const runs = runsOf(TEXT)

let program: Program
beforeAll(async () => {
  program = await Program.build()
  program.file('two.yaml', SCENARIO)
})
afterAll(() => program.remove())

function read(...path: readonly string[]): string {
  return readFileSync(join(program.folder, ...path), 'utf8')
}

describe('--report', () => {
  it('writes a page of a run beside its text, the same bytes each time', async () => {
    const file = join(program.folder, 'two.yaml')
    const plain = await runHere('run', file, '--json', join(program.folder, 'plain.json'))
    const options = ['--json', join(program.folder, 'first.json')]
    const first = await runHere('run', file, ...options, '--report', join(program.folder, 'a/b'))
    await runHere('run', file, '--report', join(program.folder, 'again'))
    expect(first).toEqual({ status: 0, stderr: '', stdout: plain.stdout })
    expect(read('first.json')).toBe(read('plain.json'))
    expect(read('again', 'index.html')).toBe(read('a/b', 'index.html'))
    const charts = readdirSync(join(program.folder, 'a/b/charts'))
    expect(charts).toContain('throughput.svg')
    for (const chart of charts) expect(read('again/charts', chart)).toBe(read('a/b/charts', chart))
    expect(read('a/b', 'index.html')).not.toContain(program.folder)
  })

  it('writes a page of a sweep', () => {
    const words = ['sweep', 'two.yaml', '--variant', 'macvlan', '--vary', 'containers.perHost=1,2']
    expect(program.run(...words, '--report', 'swept').status).toBe(0)
    expect(read('swept', 'index.html')).toContain('<h1>Sweep of two-hosts</h1>')
    expect(readdirSync(join(program.folder, 'swept/charts'))).toContain('goodput.svg')
  })

  it('is refused before anything runs where nothing can be written', async () => {
    program.file('taken', '')
    const file = join(program.folder, 'two.yaml')
    const report = join(program.folder, 'taken/x')
    for (const words of [['run'], ['sweep', '--vary', 'containers.perHost=1,2']]) {
      const [command = '', ...more] = words
      expect(await runHere(command, file, ...more, '--report', report)).toEqual({
        status: 2,
        stdout: '',
        stderr: expect.stringMatching(/taken\/x: cannot be written \(E\w+\)\n$/),
      })
    }
  })
})

describe('the page of a run', () => {
  const [page] = reportFiles(pageOfRuns(runs))
  const text = page!.content

  it('tells seed, version, profile with its error, and the file', () => {
    expect(text).toContain('<dt>Seed</dt><dd>1</dd>')
    expect(text).toMatch(/<dt>Version<\/dt><dd>encap \d/)
    expect(text).toContain('<dt>CPU costs</dt><dd>server-2020s</dd>')
    expect(text).toMatch(/<dt>Known error<\/dt><dd>[^<]+ %/)
    expect(text).toContain('small.yaml, with seed=1')
    expect(text).toContain('at: 200ms, until: 300ms, link: leaf1-spine1, cut: true')
  })

  it('says what failed, and when it was cut and healed', () => {
    expect(text).toMatch(/<p class="bad">Not met with macvlan: loss: /)
    const fault =
      '<th scope="row">fault-1</th><td>cut: leaf1-spine1</td><td>200 ms</td><td>300 ms</td>'
    expect(text).toContain(fault)
    // 1 kpps: from the last packet before the cut that arrived to the first one after it.
    expect(text).toMatch(/<th scope="row">macvlan: stream<\/th><td>101 ms<\/td>/)
  })

  it('holds several files in one page, with pictures of different names', () => {
    const second = runs.map((run) => ({ ...run, result: { ...run.result, scenario: 'other' } }))
    const files = reportFiles(pageOfRuns([...runs, ...second]))
    const paths = files.map(({ path }) => path)
    expect(new Set(paths).size).toBe(paths.length)
    expect(paths).toContain('charts/1-throughput.svg')
    expect(paths).toContain('charts/2-throughput.svg')
    expect(files[0]!.content).toContain('<h2>other: Results</h2>')
  })
})

describe('the topology', () => {
  function levels(fabric: string) {
    const [run] = runsOf(
      `name: small\nwhy: x\nfabric: ${fabric}\nhosts: { costs: none }\n` +
        'networks: { app: { scheme: macvlan } }\ncontainers: { perHost: 2, networks: app }\n' +
        'workload:\n  - { kind: ping, from: c1, to: c2, count: 1 }\n',
    )
    return layOut(run!.scenario).levels.map((boxes) => boxes.map(({ lines }) => lines.join(', ')))
  }

  it('has hosts below, then leaves, then spines', () => {
    const profile = expect.stringMatching(/^leaf\d, \w+/)
    expect(levels('{ mode: l2, racks: 2, hostsPerRack: 1, spines: 1 }')).toEqual([
      ['h1, 2 containers', 'h2, 2 containers'],
      [profile, profile],
      [expect.stringMatching(/^spine1, \w+/)],
    ])
  })

  it('draws many hosts as one for each rack, and many racks not one by one', () => {
    const [hosts, leaves] = levels('{ mode: l2, racks: 12, hostsPerRack: 4, spines: 1 }')
    expect(hosts).toHaveLength(10)
    expect(hosts![0]).toBe('h1 … h4, 4 hosts, 8 containers')
    expect(hosts!.at(-1)).toBe('…, 12 hosts more')
    expect(leaves!.at(-1)).toBe('…, 3 more')
  })
})

const command = browserCommand()
const folder = mkdtempSync(join(tmpdir(), 'encap-report-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** What a careless page would run, in an element and in an attribute. */
const ATTACK = `<script>window.hurt=1</script>"'><img src=x onerror="window.hurt=1"><svg onload=hurt=1>`

/** Words that the program looks up, and so never shows as they are. */
const CLOSED = new Set(['kind', 'mode', 'standing', 'role', 'unit', 'spacing', 'operator'])

/** The attack in every string, but for words of closed lists, and in the names of metrics. */
function attacked<T>(value: T, key = ''): T {
  if (typeof value === 'string') return (CLOSED.has(key) ? value : `${value}${ATTACK}`) as T
  if (Array.isArray(value)) return value.map((each) => attacked(each, '')) as T
  if (value instanceof Map) {
    return new Map([...value].map(([name, each]) => [attacked(name), attacked(each)])) as T
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, each]) => {
    return [key === 'metrics' ? attacked(name) : name, attacked(each, name)]
  })
  return Object.fromEntries(entries) as T
}

/** Of each figure: how many pixels, shapes and letters its picture has. */
const FIGURES = `[...document.querySelectorAll('figure')].map((figure) => {
  const svg = figure.querySelector('svg')
  const { width, height } = svg.getBoundingClientRect()
  const shapes = [...svg.querySelectorAll('path,rect,line,polyline,polygon,circle')]
  const drawn = shapes.filter((each) => { const b = each.getBBox(); return b.width + b.height > 0 })
  return { id: figure.id, width, height, shapes: drawn.length, text: svg.textContent.length }
})`

interface Figure {
  readonly id: string
  readonly width: number
  readonly height: number
  readonly shapes: number
  readonly text: number
}

describe.skipIf(command === null)('a page in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await Browser.start(command!)
  }, 60_000)
  afterAll(() => browser.end())

  async function openClean(path: string): Promise<Figure[]> {
    await browser.open(path)
    const figures = await browser.evaluate<Figure[]>(FIGURES)
    expect(browser.seen).toEqual({ complaints: [], requests: [pathToFileURL(path).href] })
    for (const figure of figures) {
      expect(figure.width, figure.id).toBeGreaterThan(300)
      expect(figure.height, figure.id).toBeGreaterThan(100)
      expect(figure.shapes, figure.id).toBeGreaterThan(3)
      expect(figure.text, figure.id).toBeGreaterThan(20)
    }
    return figures
  }

  it('shows each kind of chart of a run, and fetches nothing', async () => {
    const figures = await openClean(write(join(folder, 'run'), pageOfRuns(runs)))
    expect(figures.map(({ id }) => id)).toEqual([
      'figure-throughput',
      'figure-packet-rate',
      'figure-cpu-1',
      'figure-cpu-2',
      'figure-bytes-by-layer',
      'figure-latency-1',
      'figure-latency-2',
      'figure-failures',
      'figure-arrivals-1',
      'figure-arrivals-2',
      'figure-table-switch-mac',
      'figure-table-neighbours',
      'figure-topology',
    ])
  })

  it('shows the charts of a sweep', async () => {
    const figures = await openClean(write(join(folder, 'sweep'), pageOfSweep()))
    expect(figures.map(({ id }) => id)).toEqual(['figure-goodput', 'figure-rtt-p99'])
  })

  it('shows the quantities of a comparison as bars', async () => {
    const figures = await openClean(write(join(folder, 'comparison'), pageOfComparison()))
    expect(figures.map(({ id }) => id)).toEqual(['figure-1-1-one-flow'])
    const rows = `[...document.querySelectorAll('figure tbody tr')].map((row) => row.innerText)`
    expect(await browser.evaluate(rows)).toEqual(['one\t20 Gb/s', 'two\t10 Gb/s'])
  })

  it('is light or dark as the reader has it, always light on paper, and as wide as the screen', async () => {
    await openClean(join(folder, 'run/index.html'))
    const ground = 'getComputedStyle(document.body).backgroundColor'
    const ink = `getComputedStyle(document.querySelector('figure svg text')).fill`
    const width = 'document.documentElement.scrollWidth'
    const look = async (media: 'screen' | 'print', scheme: 'light' | 'dark', pixels: number) => {
      await browser.show(media, scheme, pixels)
      return await browser.evaluate(`[${ground}, ${ink}, ${width}]`)
    }
    const [light, dark] = ['rgb(31, 36, 48)', 'rgb(232, 234, 238)']
    expect(await look('screen', 'light', 1200)).toEqual(['rgb(246, 247, 249)', light, 1200])
    expect(await look('screen', 'dark', 1200)).toEqual(['rgb(17, 20, 25)', dark, 1200])
    expect(await look('screen', 'light', 400)).toEqual(['rgb(246, 247, 249)', light, 400])
    expect(await look('print', 'dark', 760)).toEqual(['rgb(255, 255, 255)', light, 760])
    expect((await browser.screenshot()).subarray(1, 4).toString()).toBe('PNG')
    expect((await browser.print()).subarray(0, 4).toString()).toBe('%PDF')
  })

  it('says of each picture what it shows, and has its values in a table', async () => {
    await openClean(join(folder, 'run/index.html'))
    const told = await browser.evaluate<string[]>(
      `[...document.querySelectorAll('figure svg')].map((svg) => svg.getAttribute('aria-labelledby')
        .split(' ').map((id) => document.getElementById(id).textContent).join(' | '))`,
    )
    expect(told[0]).toMatch(/^Throughput \| Payload that arrived/)
    expect(new Set(told).size).toBe(told.length)
    const ids = '[...document.querySelectorAll("[id]")].map(({ id }) => id)'
    const all = await browser.evaluate<string[]>(ids)
    expect(new Set(all).size).toBe(all.length)
    const tables = await browser.evaluate<number[]>(
      `[...document.querySelectorAll('figure')].filter((figure) => figure.id !== 'figure-topology')
        .map((figure) => figure.querySelectorAll('tbody td').length)`,
    )
    expect(Math.min(...tables)).toBeGreaterThan(1)
  })

  it('shows scripts in names, logs and files as the text that they are', async () => {
    const attackedRuns = attacked(runs)
    for (const [name, page] of [
      ['attack', pageOfRuns(attackedRuns, attacked)],
      ['attacked-sweep', pageOfSweep(attacked)],
      // Its quantities are none with the attack behind them, and so it has no pictures.
      ['attacked-comparison', pageOfComparison(attacked)],
    ] as const) {
      const path = write(join(folder, name), page)
      await openClean(path)
      const bad = `document.querySelectorAll('script,img,iframe,object,embed,link,foreignObject').length`
      const handlers = `[...document.querySelectorAll('*')].filter((each) =>
        [...each.attributes].some(({ name }) => name.startsWith('on'))).length`
      expect(await browser.evaluate(`[typeof window.hurt, ${bad}, ${handlers}]`)).toEqual([
        'undefined',
        0,
        0,
      ])
      expect(readFileSync(path, 'utf8')).toContain('&lt;script&gt;window.hurt=1&lt;/script&gt;')
      if (name !== 'attacked-comparison') await expectSafePictures(join(folder, name, 'charts'))
    }
  })

  /** As a viewer of SVG files reads them: XML, with scripts. */
  async function expectSafePictures(directory: string): Promise<void> {
    const names = readdirSync(directory)
    for (const name of names) {
      await browser.open(join(directory, name))
      const wrong = `document.querySelectorAll('parsererror,script,img,foreignObject').length`
      const loaded = `[...document.querySelectorAll('*')].filter((each) =>
        [...each.attributes].some(({ name }) => name.startsWith('on'))).length`
      const root = 'document.documentElement.tagName'
      const seen = await browser.evaluate(`[${root}, typeof window.hurt, ${wrong}, ${loaded}]`)
      expect(seen, name).toEqual(['svg', 'undefined', 0, 0])
      expect(browser.seen.complaints, name).toEqual([])
    }
  }
})
