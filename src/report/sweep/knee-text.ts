import type { MetricUnit } from '../../study/sweep/metrics.ts'
import type { Knee, KneeSide, Search, SweepResult } from '../../study/sweep/result.ts'
import { isOpen, ownEstimateText } from '../charts/scale.ts'
import { formatCount, plural } from '../format.ts'
import { type Layout, paint, wrap } from '../lines.ts'
import { gridLines } from './grid.ts'
import { pointText, seriesNames } from './names.ts'

/** Lines of points of which it is told that they cross the value again. */
const CONTRADICTIONS_MAX = 3

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
    ...contradictionTexts(result, search, unit),
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

function searchText({ runs, knees }: Search, total: number): string {
  const isOnce = knees.every(({ against }) => against.length === 0)
  const granted = 'the search takes for granted that the value is crossed once'
  return (
    `${formatCount(runs)} of the ${plural(total, 'run')} of a full sweep; ${granted}` +
    (isOnce ? ', and no run contradicts it.' : '.')
  )
}

/** Where the value is crossed again, by one point of each line. */
function contradictionTexts({ plan }: SweepResult, { knees }: Search, unit: MetricUnit): string[] {
  const wrong = knees.filter(({ against }) => against.length > 0)
  if (wrong.length === 0) return []
  const last = plan.dimensions.at(-1)!
  const others = plan.dimensions.slice(0, -1)
  const names = seriesNames(plan)
  const told = wrong.slice(0, CONTRADICTIONS_MAX).map(({ series, others: at, above, against }) => {
    const [{ value, estimate }] = against as [KneeSide]
    const where = [names.length > 1 ? names[series]! : '', pointText(others, at)]
    const before = where.filter((part) => part !== '').join(', ')
    const does = value < (above?.value ?? last.values.length) ? 'holds' : 'does not hold'
    const what = `it ${does} at ${last.values[value]!.text} (${ownEstimateText(estimate, unit)})`
    return before === '' ? what : `${before}: ${what}`
  })
  const rest = wrong.length - told.length
  return [
    `! It is crossed more than once: ${told.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}. ` +
      'What is shown is one crossing of several: without --find all values are run.',
  ]
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
