import { dropReasonInfo } from '../measure/drop-reason.ts'
import type { Journey, Step } from '../study/why/journey.ts'
import { nodeOf } from '../study/why/whereabouts.ts'
import type { ProbeOutcome } from '../study/why.ts'
import { escapeText } from './charts/escape.ts'
import { FONT, GRID_LINE, GROUND, INK, NO_VALUE, SERIES_COLORS, SOFT_INK } from './charts/style.ts'
import { formatTime } from './format.ts'
import { eventText, fateText } from './journey-text.ts'
import { wrap } from './lines.ts'
import { causeRemedy, causeText } from './why-cause.ts'
import { KINDS, shownJourneys, verdictText } from './why-text.ts'

/** Pixels. */
const COLUMN = 470
const GAP = 28
const MARGIN = 24
const LINE = 15
const PAD = 8
const ARROW = 30
const HEAD = 20
/** Left of a box's text: the time. */
const TIME_COLUMN = 62
/** Signs of a line in a box, at 11 px. */
const SIGNS = 60
const COLUMNS = 2
const [OUTWARD, LOSS, , TUNNEL] = SERIES_COLORS
/** A packet's own band and that of what carries it, from the innermost tunnel on. */
const BAND = 5

/** What a packet met at one node, one below the other. */
interface Box {
  readonly node: string
  readonly lines: readonly BoxLine[]
  /** When it came there and when it left, picoseconds. */
  readonly from: number
  readonly to: number
}

interface BoxLine {
  readonly time: string
  readonly text: string
  readonly depth: number
  readonly isLoss: boolean
}

/** The way of a probe as a drawing: a column a packet, a box a node, an arrow a cable, each with times. */
export function whySvg(outcome: ProbeOutcome): string {
  const journeys = drawnJourneys(outcome)
  const head = headLines(outcome)
  const parts: string[] = []
  let top = MARGIN + head.length * LINE + PAD
  for (let i = 0; i < journeys.length; i += COLUMNS) {
    const heights = journeys.slice(i, i + COLUMNS).map((journey, column) => {
      const drawn = columnOf(journey, outcome, MARGIN + column * (COLUMN + GAP), top)
      parts.push(drawn.svg)
      return drawn.height
    })
    top += Math.max(...heights) + GAP
  }
  const columns = Math.max(1, Math.min(COLUMNS, journeys.length))
  const width = Math.max(2 * MARGIN + columns * COLUMN + (columns - 1) * GAP, 640)
  const title = head.map(({ text, color, weight }, i) => {
    return textAt(MARGIN, MARGIN + i * LINE, text, { color, weight, size: i === 0 ? 13 : 11 })
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" ` +
      `viewBox="0 0 ${width} ${top}" font-family="${FONT}" role="img">`,
    `<title>${escapeText(head[0]!.text)}</title>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" ' +
      `orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="${SOFT_INK}"/></marker></defs>`,
    `<rect width="${width}" height="${top}" fill="${GROUND}"/>`,
    ...title,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

/** Without ARP, but for the first question that got no answer where the packet was lost. */
function drawnJourneys(outcome: ProbeOutcome): readonly Journey[] {
  const shown = shownJourneys(outcome)
  const isSilent = ({ kind, fate }: Journey) => kind === 'arp' && fate.kind !== 'delivered'
  const silent = outcome.delivered ? undefined : shown.find(isSilent)
  return shown.filter((each) => each.kind !== 'arp' || each === silent)
}

interface HeadLine {
  readonly text: string
  readonly color: string
  readonly weight: 'bold' | 'normal'
}

function headLines(outcome: ProbeOutcome): HeadLine[] {
  const { request, journeys, cause, delivered, scenario, variant, seed, sentAt } = outcome
  const columns = SIGNS * COLUMNS
  const lines = (text: string, color: string, weight: HeadLine['weight'] = 'normal') =>
    wrap(text, columns).map((line) => ({ text: line, color, weight }))
  const verdict = `${request.from} to ${request.to}: ${verdictText(outcome, journeys)}`
  const remedy = cause === null ? null : causeRemedy(cause)
  const of = variant === null ? scenario : `${scenario}, ${variant}`
  return [
    ...lines(verdict, delivered ? INK : LOSS, 'bold'),
    ...(cause === null ? [] : lines(`Cause: ${causeText(cause)}.`, INK)),
    ...(remedy === null ? [] : lines(`Way out: ${remedy}`, INK)),
    ...lines(`${of}; seed ${seed}; sent at ${formatTime(sentAt)}`, SOFT_INK),
  ]
}

function columnOf(
  journey: Journey,
  outcome: ProbeOutcome,
  left: number,
  top: number,
): { svg: string; height: number } {
  const boxes = boxesOf(journey, outcome.sentAt)
  const titles = wrap(`${KINDS[journey.kind]}: ${fateText(journey)}`, SIGNS)
  const parts = titles.map((title, i) => {
    return textAt(left, top + i * LINE, title, { color: INK, weight: i === 0 ? 'bold' : 'normal' })
  })
  let y = top + titles.length * LINE
  for (const [index, box] of boxes.entries()) {
    const previous = boxes[index - 1]
    if (previous !== undefined) {
      parts.push(arrow(left + TIME_COLUMN / 2, y, formatTime(box.from - previous.to)))
      y += ARROW
    }
    const height = HEAD + box.lines.length * LINE + PAD
    parts.push(boxAt(box, left, y, height))
    y += height
  }
  return { svg: parts.join('\n'), height: y - top }
}

/** Consecutive steps at one node. */
function boxesOf({ path }: Journey, start: number): Box[] {
  const groups: Step[][] = []
  for (const step of path) {
    const last = groups.at(-1)
    if (last !== undefined && nodeOf(last[0]!.event.place) === nodeOf(step.event.place)) {
      last.push(step)
    } else groups.push([step])
  }
  return groups.map((steps) => {
    const lines: BoxLine[] = []
    for (const step of steps) lines.push(...linesOf(step, path, start))
    return {
      node: nodeOf(steps[0]!.event.place),
      lines: withoutRepeats(lines),
      from: steps[0]!.event.time,
      to: steps.at(-1)!.event.time,
    }
  })
}

function linesOf(step: Step, path: readonly Step[], start: number): BoxLine[] {
  const { event } = step
  const next = path[path.indexOf(step) + 1]?.event ?? null
  const device = event.place.slice(nodeOf(event.place).length + 1)
  const text = `${device === '' || device === event.place ? '' : `${device}: `}${eventText(event, next)}`
  const time = formatTime(event.time - start)
  const { depth, drop } = event
  return wrap(text, SIGNS, '', 2).map((line, i) => ({
    ...{
      time: i === 0 ? time : '',
      text: line,
      depth,
      isLoss: drop !== null && dropReasonInfo(drop).kind === 'loss',
    },
  }))
}

/** A time stands once where nothing passes. */
function withoutRepeats(lines: readonly BoxLine[]): BoxLine[] {
  let shown = ''
  return lines.map((line) => {
    const time = line.time === shown ? '' : line.time
    if (line.time !== '') shown = line.time
    return { ...line, time }
  })
}

function boxAt({ node, lines }: Box, left: number, top: number, height: number): string {
  const isLoss = lines.some((line) => line.isLoss)
  const parts = [
    `<rect x="${left}" y="${top}" width="${COLUMN}" height="${height}" rx="5" fill="${NO_VALUE}" ` +
      `stroke="${isLoss ? LOSS : GRID_LINE}" stroke-width="${isLoss ? 2 : 1}"/>`,
    textAt(left + PAD, top + 14, node, { color: INK, weight: 'bold' }),
  ]
  for (const [i, { time, text, depth, isLoss: isLost }] of lines.entries()) {
    const y = top + HEAD + i * LINE
    const color = isLost ? LOSS : INK
    parts.push(bands(left + TIME_COLUMN, y, depth))
    if (time !== '')
      parts.push(textAt(left + TIME_COLUMN - 4, y + 11, time, { color: SOFT_INK, end: true }))
    parts.push(textAt(left + TIME_COLUMN + 3 * BAND + 4, y + 11, text, { color }))
  }
  return parts.join('\n')
}

/** The packet, and what carries it, as upright bands beside the text. */
function bands(left: number, top: number, depth: number): string {
  return Array.from({ length: Math.min(depth, 2) + 1 }, (_, level) => {
    const color = level === 0 ? OUTWARD : TUNNEL
    const x = left + level * BAND
    return `<rect x="${x}" y="${top}" width="${BAND - 2}" height="${LINE}" fill="${color}"/>`
  }).join('')
}

function arrow(x: number, y: number, time: string): string {
  const line =
    `<line x1="${x}" y1="${y + 2}" x2="${x}" y2="${y + ARROW - 3}" stroke="${SOFT_INK}" ` +
    'stroke-width="1.5" marker-end="url(#tip)"/>'
  return line + textAt(x + 10, y + ARROW / 2 + 4, time, { color: SOFT_INK })
}

interface TextStyle {
  readonly color: string
  readonly weight?: 'bold' | 'normal'
  readonly size?: number
  readonly end?: boolean
}

function textAt(x: number, y: number, text: string, style: TextStyle): string {
  const { color, weight = 'normal', size = 11, end = false } = style
  const anchor = end ? ' text-anchor="end"' : ''
  return (
    `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${color}"${anchor}>` +
    `${escapeText(text)}</text>`
  )
}
