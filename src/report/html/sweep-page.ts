import type { SweepResult } from '../../study/sweep/result.ts'
import { enumerate, formatCount, plural } from '../format.ts'
import { chartsOf } from '../sweep/charts.ts'
import { kneeLines } from '../sweep/knee-text.ts'
import { seriesNames } from '../sweep/names.ts'
import { pointTables } from '../sweep/point-tables.ts'
import type { Block, Fact, Page, Section } from './page.ts'
import { type SourceFile, sourceBlock } from './run-page.ts'

/** As wide as a page shows without scrolling. */
const LAYOUT = { color: false, columns: 120 }

/** Cost profile of the hosts, by name, and what it stands for with its known error. */
export type CostsAbout = ReadonlyMap<string, string>

/** What `sweep --report` shows: the tipping point, and each metric as a chart with its values. */
export function sweepPage(result: SweepResult, costs: CostsAbout, file: SourceFile): Page {
  const { plan } = result
  const sections: Section[] = [
    { title: 'Tipping point', blocks: kneeBlocks(result) },
    { title: 'Expectations that were not met', blocks: failureBlocks(result) },
    { title: 'Charts', blocks: chartsOf(result).map((chart): Block => ({ kind: 'chart', chart })) },
    {
      title: 'Everything that was measured',
      blocks: [textBlock('The metrics at each point, as text', pointTables(result, LAYOUT), false)],
    },
    { title: 'Scenario', blocks: [sourceBlock(file)] },
  ]
  return {
    title: `Sweep of ${plan.scenario}`,
    lead: plan.why.trim() === '' ? [] : [plan.why.trim()],
    facts: factsOf(result, costs),
    sections: sections.filter(({ blocks }) => blocks.length > 0),
  }
}

function factsOf({ plan, rows, version }: SweepResult, costs: CostsAbout): Fact[] {
  const { dimensions, series, seeds, total } = plan
  const [seed = ''] = seeds
  const varied = dimensions.map(({ path, values }) => {
    return `${path}: ${values.map(({ text }) => text).join(', ')}`
  })
  const abouts = [...costs.values()].filter((about) => about !== '')
  const runs = rows.length === total ? plural(total, 'run') : `${rows.length} of ${total} runs`
  return [
    ...varied.map((value) => ({ name: 'Varied', value })),
    ...(series.length > 1 ? [{ name: 'Of', value: enumerate(seriesNames(plan)) }] : []),
    { name: 'Runs', value: runs },
    {
      name: 'Seed',
      value: seeds.length === 1 ? seed : `${formatCount(seeds.length)} seeds from ${seed}`,
    },
    { name: 'Version', value: `encap ${version}` },
    { name: 'CPU costs', value: enumerate([...costs.keys()]) },
    ...(abouts.length === 0 ? [] : [{ name: 'Known error', value: abouts.join(' ') }]),
  ]
}

function kneeBlocks(result: SweepResult): Block[] {
  const lines = kneeLines(result, LAYOUT)
  const [, title = '', ...rest] = lines
  return lines.length === 0 ? [] : [textBlock(title, rest, true)]
}

function textBlock(caption: string, lines: readonly string[], isOpen: boolean): Block {
  return { kind: 'source', caption, text: lines.join('\n').replace(/^\n+/, ''), isOpen }
}

/** By how many runs each failed in. */
function failureBlocks({ rows }: SweepResult): Block[] {
  const counts = new Map<string, number>()
  for (const text of rows.flatMap(({ failed }) => failed)) {
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  return [...counts].map(([text, count]) => {
    return {
      kind: 'text',
      text: `In ${count} of ${plural(rows.length, 'run')}: ${text}`,
      tone: 'bad',
    }
  })
}
