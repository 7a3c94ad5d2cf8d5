import { VERSION } from '../../sim/version.ts'
import type { ComparedCell } from '../../study/compare/cell.ts'
import type { ComparisonResult } from '../../study/compare/compare.ts'
import type { MetricUnit } from '../../study/sweep/metrics.ts'
import type { BarChart } from '../charts/chart.ts'
import { scaleOf } from '../charts/scale.ts'
import { glanceColumns } from '../compare/glance.ts'
import { NEEDS_HEAD, needsRows } from '../compare/needs-text.ts'
import { formatTime, plural } from '../format.ts'
import type { Block, Fact, Page, Section } from './page.ts'
import { type SourceFile, sourceBlock } from './run-page.ts'
import type { CostsAbout } from './sweep-page.ts'

/** Columns of a table; further answers stand in further tables. */
const COLUMNS_MAX = 5

/** What `compare --report` shows: each section as tables, and as bars what is a quantity. */
export function comparePage(result: ComparisonResult, costs: CostsAbout, file: SourceFile): Page {
  const { plan, cells, refusals } = result
  const titles = [...new Set(cells.map(({ section }) => section))]
  const sections = titles.map((title, i) => {
    return sectionOf(
      title,
      `${i + 1}-`,
      cells.filter(({ section }) => section === title),
      plan,
    )
  })
  const refused = refusals.map(({ entrant, message }): Block => {
    return { kind: 'text', text: `${entrant}: ${message}`, tone: 'bad' }
  })
  return {
    title: `Comparison: ${plan.name}`,
    lead: [],
    facts: factsOf(result, costs),
    sections: [
      ...needsSections(result),
      ...glanceSections(result),
      ...sections,
      ...(refused.length === 0 ? [] : [{ title: 'Refused', blocks: refused }]),
      { title: 'Scenario', blocks: [sourceBlock(file)] },
    ],
  }
}

/** The shortlist, where the file says what is needed. */
function needsSections({ candidates }: ComparisonResult): Section[] {
  if (candidates.length === 0) return []
  const rows = needsRows(candidates)
  const caption = 'Who meets the needs of the file, by the cells below'
  return [{ title: 'Needs', blocks: [{ kind: 'table', caption, head: NEEDS_HEAD, rows }] }]
}

function glanceSections({ plan, cells }: ComparisonResult): Section[] {
  const names = plan.entrants.map(({ name }) => name)
  const columns = glanceColumns(cells, names)
  if (columns.length < 2) return []
  const head = ['', ...columns.map((column) => column.head)]
  const rows = names.map((name, i) => [name, ...columns.map(({ values }) => values[i]!)])
  const caption = 'The rows that tell most'
  return [{ title: 'At a glance', blocks: [{ kind: 'table', caption, head, rows }] }]
}

function factsOf({ plan, total, missing }: ComparisonResult, costs: CostsAbout): Fact[] {
  const abouts = [...costs.values()].filter((about) => about !== '')
  return [
    { name: 'Compared', value: plan.entrants.map(({ name }) => name).join(', ') },
    { name: 'Seeds', value: `${plan.seeds.join(', ')}; where they differ: least..most` },
    { name: 'Version', value: `encap ${VERSION}` },
    { name: 'CPU costs', value: [...costs.keys()].join(', ') },
    ...(abouts.length === 0 ? [] : [{ name: 'Known error', value: abouts.join(' ') }]),
    ...(missing === 0 ? [] : [{ name: 'Interrupted', value: `${missing} of ${total} not done` }]),
  ]
}

function sectionOf(
  title: string,
  prefix: string,
  cells: readonly ComparedCell[],
  { entrants }: ComparisonResult['plan'],
): Section {
  const names = entrants
    .map(({ name }) => name)
    .filter((name) => {
      return cells.some(({ entrant }) => entrant === name)
    })
  const rows = [...new Set(cells.map(({ row }) => row))]
  const texts = new Map(cells.map(({ entrant, row, text }) => [`${entrant}\n${row}`, text]))
  const tables: Block[] = []
  for (let from = 0; from < rows.length; from += COLUMNS_MAX) {
    const part = rows.slice(from, from + COLUMNS_MAX)
    tables.push({
      kind: 'table',
      caption: rows.length > COLUMNS_MAX ? `${title}, ${tables.length + 1}` : title,
      head: ['', ...part],
      rows: names.map((name) => [name, ...part.map((row) => texts.get(`${name}\n${row}`) ?? '-')]),
    })
  }
  const charts = rows.flatMap((row, i): Block[] => {
    const chart = chartOf(
      `${prefix}${i + 1}-${row.replace(/\W+/g, '-')}`,
      row,
      cells.filter((cell) => cell.row === row),
    )
    return chart === null ? [] : [{ kind: 'chart', chart }]
  })
  return { title, blocks: [...tables, ...charts, evidenceOf(cells)] }
}

/** Null where it is no quantity of one unit, or alike for all. */
function chartOf(name: string, row: string, cells: readonly ComparedCell[]): BarChart | null {
  const means = cells.flatMap(({ entrant, seeds }) => {
    const quantities = seeds.map(({ text }) => quantityOf(text)).filter((each) => each !== null)
    if (quantities.length < seeds.length || quantities.length === 0) return []
    const sum = quantities.reduce((total, { value }) => total + value, 0)
    return [{ entrant, value: sum / quantities.length, unit: quantities[0]!.unit }]
  })
  const [first] = means
  const isAlike = means.every(({ value }) => value === first?.value)
  if (first === undefined || isAlike || means.some(({ unit }) => unit !== first.unit)) return null
  const scale = scaleOf(
    first.unit,
    means.map(({ value }) => value),
  )
  return {
    kind: 'bars',
    name,
    title: row,
    notes: ['Mean of the seeds.'],
    categories: means.map(({ entrant }) => entrant),
    series: [{ name: row, values: means.map(({ value }) => value) }],
    axis: { title: row, scale, isLogarithmic: false },
    isStacked: false,
  }
}

const PREFIXES: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 }
const TIMES: Readonly<Record<string, number>> = { ps: 1, ns: 1e3, us: 1e6, ms: 1e9, s: 1e12 }

/** What a cell says, in the unit in which charts hold such values; null when it is no quantity. */
function quantityOf(text: string): { readonly value: number; readonly unit: MetricUnit } | null {
  const match = /^(-?[\d,.]+)(?: (%|[pnum]?s|([kMGT]?)(b\/s|pps|B)))?$/.exec(text)
  if (match === null) return null
  const [, digits = '', name = '', prefix = '', base] = match
  const value = Number(digits.replaceAll(',', ''))
  if (!Number.isFinite(value)) return null
  if (name === '') return { value, unit: 'ratio' }
  if (name === '%') return { value: value / 100, unit: 'share' }
  if (base === undefined) return { value: value * (TIMES[name] ?? 1), unit: 'ps' }
  const unit = base === 'b/s' ? 'bits/s' : base === 'pps' ? 'packets/s' : 'bytes'
  return { value: value * (PREFIXES[prefix] ?? 1), unit }
}

/** In which run each answer was seen. */
function evidenceOf(cells: readonly ComparedCell[]): Block {
  return {
    kind: 'table',
    caption: `Where it was seen: ${plural(cells.length, 'answer')}`,
    head: ['', 'question', 'seed', 'answer', 'scenario', 'probe', 'at'],
    rows: cells.flatMap(({ entrant, row, seeds }) =>
      seeds.map(({ seed, text, evidence: { scenario, probe, instant } }) => {
        return [entrant, row, seed, text, scenario, probe, formatTime(instant)]
      }),
    ),
    isFolded: true,
  }
}
