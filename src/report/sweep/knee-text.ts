import type { MetricUnit } from '../../study/sweep/metrics.ts'
import type { Knee, KneeSide, Search, SweepResult } from '../../study/sweep/result.ts'
import { formatCount, plural } from '../format.ts'
import { type Layout, paint, wrap } from '../lines.ts'
import { gridLines } from './grid.ts'
import { seriesNames } from './names.ts'
import { isOpen, ownEstimateText } from './scale.ts'

/** The tipping points that a search found, with the values on both sides. */
export function kneeLines(result: SweepResult, layout: Layout): string[] {
  const { search, plan, metrics } = result
  const last = plan.dimensions.at(-1)
  if (search === null || last === undefined) return []
  const { condition } = search
  const unit = metrics.find(({ name }) => name === condition.metric)?.unit ?? 'ratio'
  const title = `Tipping point: the first ${last.path} with ${condition.text}`
  const isSure = sidesOf(search).every(({ estimate }) => !isOpen(estimate, condition))
  const notes = [
    searchText(search, plan.total),
    ...(isSure ? [] : [`* The 95 % interval holds ${limitText(search)}: more --seeds narrow it.`]),
  ]
  return [
    '',
    ...wrap(title, layout.columns).map((line) => paint(layout, 'bold', line)),
    ...gridLines(kneeGrid(result, search, unit), layout),
    ...notes.flatMap((note) =>
      wrap(note, layout.columns).map((line) => paint(layout, 'dim', line)),
    ),
  ]
}

function limitText({ condition }: Search): string {
  return condition.text.slice(condition.text.indexOf(condition.operator)).replace(/^[<>=\s]+/, '')
}

function searchText({ runs }: Search, total: number): string {
  return (
    `${formatCount(runs)} of the ${plural(total, 'run')} of a full sweep; ` +
    'the search takes for granted that the value is crossed once.'
  )
}

function kneeGrid({ plan }: SweepResult, search: Search, unit: MetricUnit) {
  const { condition, knees } = search
  const names = seriesNames(plan)
  const others = plan.dimensions.slice(0, -1)
  const last = plan.dimensions.at(-1)!
  const isLone = names.length === 1 && others.length > 0
  const hasOpen = sidesOf(search).some(({ estimate }) => isOpen(estimate, condition))
  const sideText = (side: KneeSide | null) => {
    if (side === null) return `none${hasOpen ? '  ' : ''}`
    const value = last.values[side.value]?.text
    const mark = isOpen(side.estimate, condition) ? ' *' : '  '
    return `${value}: ${ownEstimateText(side.estimate, unit)}${hasOpen ? mark : ''}`
  }
  const column = (name: string, cell: (knee: Knee) => string) => {
    return { name, cells: knees.map(cell) }
  }
  return {
    heads: [...(isLone ? [] : ['']), ...others.map(({ path }) => path)],
    rows: knees.map((knee) => [
      ...(isLone ? [] : [names[knee.series] ?? '']),
      ...knee.others.map((value, i) => others[i]?.values[value]?.text ?? ''),
    ]),
    columns: [
      column('not yet at', ({ below }) => sideText(below)),
      column('holds from', ({ above }) => sideText(above)),
    ],
  }
}

function sidesOf({ knees }: Search): readonly KneeSide[] {
  return knees.flatMap(({ below, above }) => [below, above].filter((side) => side !== null))
}
