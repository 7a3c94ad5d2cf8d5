import { verdictsOf } from '../../study/claims.ts'
import type { RunResult } from '../../study/result.ts'
import { conclusions } from '../conclusions.ts'
import { enumerate, formatRate, formatTime, plural } from '../format.ts'
import { metricsOf } from '../metrics.ts'
import { byPanel, circumstances, namesOf, reportRuns } from '../run-text.ts'
import { claimSections } from './claim-sections.ts'
import { failureTimeline } from './failure-timeline.ts'
import type { Block, Fact, Page, Section, TableBlock } from './page.ts'
import { type Group, runCharts } from './run-charts.ts'
import { type Told, timeCharts } from './time-charts.ts'
import { topologySvg } from './topology.ts'
import { topologyText } from './topology-layout.ts'

/** One run with what it was of. */
export interface ToldRun extends Told {
  readonly result: RunResult
}

/** A scenario file as it was read. */
export interface SourceFile {
  /** Without folders. */
  readonly name: string
  readonly text: string
  /** What the command line replaced in it. */
  readonly settings: readonly string[]
}

const LINKS_SHOWN = 200
const COLUMNS = 100
/** With more subjects a table has a row for each. */
const SUBJECTS_ACROSS = 7

/** What `run --report` shows: each panel of each file with its variants side by side. */
export function runPage(runs: readonly ToldRun[], files: readonly SourceFile[]): Page {
  const groups = byPanel(runs.map(({ result }) => result))
  const [first] = groups
  const isLone = groups.length === 1
  const ofResult = new Map(runs.map((run) => [run.result, run]))
  const sections = groups.flatMap((results, i) => {
    const group = { prefix: isLone ? '' : `${i + 1}-`, runs: results, names: namesOf(results) }
    return groupSections(
      group,
      results.map((result) => ofResult.get(result)!),
      isLone,
    )
  })
  const claims = claimSections(verdictsOf(runs.map(({ result }) => result)))
  const lone = isLone ? first?.[0] : undefined
  const why = lone?.why.trim() ?? ''
  return {
    title: lone === undefined ? 'encap: several scenarios' : titleOf(lone),
    lead: [...(why === '' ? [] : [why]), ...(lone?.source ? [`Source: ${lone.source}`] : [])],
    facts: factsOf(runs.map(({ result }) => result)),
    sections: [...claims, ...sections, { title: 'Scenario', blocks: files.map(sourceBlock) }],
  }
}

function titleOf({ scenario, panel }: RunResult): string {
  return panel === null ? scenario : `${scenario}: ${panel}`
}

function factsOf(runs: readonly RunResult[]): Fact[] {
  const distinct = (pick: (run: RunResult) => string) => enumerate([...new Set(runs.map(pick))])
  const longest = runs.reduce((most, { simulated }) => Math.max(most, simulated), 0)
  const about = [...new Set(runs.flatMap(({ costsAbout }) => costsAbout ?? []))]
  const failed = runs.flatMap(({ expectations }) => expectations.filter((each) => !each.passed))
  const expected = runs.reduce((sum, { expectations }) => sum + expectations.length, 0)
  return [
    {
      name: 'Runs',
      value: `${plural(runs.length, 'run')}, up to ${formatTime(longest)} simulated`,
    },
    { name: 'Seed', value: distinct(({ seed }) => seed) },
    { name: 'Version', value: `encap ${distinct(({ version }) => version)}` },
    { name: 'CPU costs', value: distinct(({ costs }) => costs) },
    ...(about.length === 0 ? [] : [{ name: 'Known error', value: about.join(' ') }]),
    ...(expected === 0
      ? []
      : [{ name: 'Expectations', value: `${expected - failed.length} of ${expected} met` }]),
  ]
}

function groupSections(group: Group, told: readonly ToldRun[], isLone: boolean): Section[] {
  const { runs } = group
  const [run] = runs
  if (run === undefined) return []
  const before = isLone ? '' : `${titleOf(run)}: `
  const timeline = failureTimeline(group, told)
  const overTime = [...(timeline === null ? [] : [timeline]), ...timeCharts(group, told)]
  const charts = (list: readonly (typeof overTime)[number][]) =>
    list.map((chart): Block => ({ kind: 'chart', chart }))
  const sections: Section[] = [
    {
      title: `${before}Results`,
      blocks: [...resultBlocks(group, isLone), ...expectationBlocks(group)],
    },
    {
      title: `${before}Charts`,
      blocks: runCharts(group).map((chart): Block => ({ kind: 'chart', chart })),
    },
    { title: `${before}Over time`, blocks: charts(overTime) },
    { title: `${before}Topology`, blocks: topologyBlocks(group, told) },
    { title: `${before}Everything that was measured`, blocks: textBlocks(group) },
  ]
  return sections.filter(({ blocks }) => blocks.length > 0)
}

function resultBlocks(group: Group, isLone: boolean): Block[] {
  const { runs, names } = group
  const why = isLone ? '' : (runs[0]?.why.trim() ?? '')
  const sentences = [...conclusions(runs, names), ...circumstances(runs, names)]
  return [
    ...(why === '' ? [] : [paragraph(why)]),
    comparison(group),
    ...sentences.map(paragraph),
    ...runs.flatMap(({ expectations }, i) =>
      expectations
        .filter(({ passed }) => !passed)
        .map(({ text, shown }): Block => {
          const whose = runs.length > 1 ? ` with ${names[i]}` : ''
          return { kind: 'text', text: `Not met${whose}: ${text}: ${shown}`, tone: 'bad' }
        }),
    ),
  ]
}

function paragraph(text: string): Block {
  return { kind: 'text', text, tone: 'plain' }
}

function comparison({ runs, names }: Group): TableBlock {
  const metrics = metricsOf(runs, names)
  const caption = runs.length > 1 ? 'Side by side' : 'Results'
  if (names.length <= SUBJECTS_ACROSS) {
    const rows = metrics.map(({ name, values }) => [name, ...values])
    return { kind: 'table', caption, head: ['', ...names], rows }
  }
  const rows = names.map((name, i) => [name, ...metrics.map(({ values }) => values[i] ?? '')])
  return { kind: 'table', caption, head: ['', ...metrics.map(({ name }) => name)], rows }
}

function expectationBlocks({ runs, names }: Group): TableBlock[] {
  const all = runs.flatMap(({ expectations }, i) => {
    return expectations.map((each) => ({ ...each, name: names[i]! }))
  })
  if (all.length === 0) return []
  return [
    {
      kind: 'table',
      caption: `Expectations of the file: ${plural(all.length, 'check')}`,
      head: ['run', 'expected', 'measured', 'met'],
      rows: all.map(({ name, text, shown, passed }) => [name, text, shown, passed ? 'yes' : 'NO']),
      bad: all.flatMap(({ passed }, i) => (passed ? [] : [i])),
      isFolded: true,
    },
  ]
}

/** Once where all variants have one fabric, else each that there is. */
function topologyBlocks({ prefix, names }: Group, told: readonly ToldRun[]): Block[] {
  const drawings = new Map<string, { first: ToldRun; of: string[] }>()
  for (const [i, run] of told.entries()) {
    if (run.scenario.fabric.nodes.length === 0) continue
    const svg = topologySvg(run.scenario)
    const known = drawings.get(svg)
    if (known === undefined) drawings.set(svg, { first: run, of: [names[i]!] })
    else known.of.push(names[i]!)
  }
  return [...drawings].flatMap(([svg, { first, of }], i): Block[] => {
    const whose = drawings.size > 1 ? `: ${enumerate(of)}` : ''
    const text = topologyText(first.scenario)
    const isFaulted = first.scenario.faults.some(({ on }) => on.length > 0)
    return [
      ...(whose === '' ? [] : [{ kind: 'text', text: `Fabric${whose}`, tone: 'head' } as const]),
      paragraph(isFaulted ? `${text} Dashed: links that a fault befalls.` : text),
      {
        kind: 'drawing',
        name: `${prefix}topology${drawings.size > 1 ? `-${i + 1}` : ''}`,
        title: `Topology${whose}`,
        description: text,
        svg,
      },
      linkTable(first),
    ]
  })
}

function linkTable({ scenario }: ToldRun): TableBlock {
  const { links } = scenario.fabric
  const shown = links.slice(0, LINKS_SHOWN)
  const rest = links.length > shown.length ? `, the first ${shown.length} of ${links.length}` : ''
  return {
    kind: 'table',
    caption: `Links${rest}`,
    head: ['link', 'from', 'to', 'rate', 'delay', 'MTU'],
    rows: shown.map(({ name, from, to, rate, delay, mtu }) => [
      name,
      from,
      to,
      formatRate(rate),
      formatTime(delay),
      String(mtu),
    ]),
    isFolded: true,
  }
}

/** The same as on a terminal, with every counter. */
function textBlocks({ runs, names }: Group): Block[] {
  return runs.map((run, i) => ({
    kind: 'source',
    isOpen: false,
    caption: `${names[i]}: every counter, as text`,
    text: reportRuns([run], { color: false, columns: COLUMNS, verbose: true }),
  }))
}

export function sourceBlock({ name, text, settings }: SourceFile): Block {
  const set = settings.length === 0 ? '' : `, with ${settings.join(' ')}`
  return { kind: 'source', isOpen: true, caption: `${name}${set}`, text }
}
