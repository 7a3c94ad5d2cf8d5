import type { LinkModel, Scenario } from '../../scenario/model.ts'
import { escapeText } from '../charts/escape.ts'
import { textWidth } from '../charts/heading-option.ts'
import { FONT, GRID_LINE, GROUND, INK, NO_VALUE, SOFT_INK, SPAN_COLORS } from '../charts/style.ts'
import { formatRate } from '../format.ts'
import { layOut, type Topology, type TopologyBox } from './topology-layout.ts'

const WIDTH_MIN = 640
const MARGIN = 20
/** At the left of links, for their rates. */
const RATES = 130
const BOX_MIN = 68
const BOX_GAP = 14
/** Signs of a line in a box. */
const LINE_MAX = 20
const LINE = 16
const LEVEL_GAP = 64
const TOP = 20

interface Placed extends TopologyBox {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** The fabric as an SVG document: hosts below, and links with their rates. */
export function topologySvg(scenario: Scenario): string {
  const topology = layOut(scenario)
  const rows = topology.levels.map(widthOfRow)
  const room = Math.max(WIDTH_MIN - RATES - MARGIN, ...rows)
  const levels = place(topology, room)
  const placed = levels.flat()
  const bottom = Math.max(...placed.map(({ y, height }) => y + height))
  const [width, height] = [RATES + room + MARGIN, bottom + TOP]
  const faulted = new Set(scenario.faults.flatMap(({ on }) => on.map(({ link }) => link)))
  return [
    `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" xmlns="http://www.w3.org/2000/svg">`,
    `<rect width="${width}" height="${height}" fill="${GROUND}"/>`,
    `<g font-family="${FONT}" font-size="12">`,
    ...linkElements(scenario.fabric.links, placed, faulted),
    ...rateElements(scenario.fabric.links, levels),
    ...placed.flatMap(boxElements),
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

function widthOf({ lines }: TopologyBox): number {
  return Math.ceil(Math.max(BOX_MIN, ...lines.map((line) => textWidth(shortened(line)) + 14)))
}

/** The name itself comes up when one points at the box. */
function shortened(line: string): string {
  const signs = [...line]
  return signs.length <= LINE_MAX ? line : `${signs.slice(0, LINE_MAX - 1).join('')}…`
}

function widthOfRow(boxes: readonly TopologyBox[]): number {
  return boxes.reduce((sum, box) => sum + widthOf(box) + BOX_GAP, -BOX_GAP)
}

/** Each level is spread over the whole width, the hosts lowest. */
function place({ levels }: Topology, room: number): Placed[][] {
  const heights = levels.map((boxes) => {
    return Math.max(0, ...boxes.map(({ lines }) => lines.length * LINE + 12))
  })
  let y = TOP
  const placed: Placed[][] = []
  for (let level = levels.length - 1; level >= 0; level--) {
    const boxes = levels[level]!
    const height = heights[level]!
    const free = (room - boxes.reduce((sum, box) => sum + widthOf(box), 0)) / (boxes.length || 1)
    let x = RATES + free / 2
    placed[level] = boxes.map((box) => {
      const width = widthOf(box)
      const at = { ...box, x: Math.round(x), y, width, height }
      x += width + free
      return at
    })
    y += height + LEVEL_GAP
  }
  return placed
}

/** One line for all links between two boxes. */
function linkElements(
  links: readonly LinkModel[],
  placed: readonly Placed[],
  faulted: ReadonlySet<string>,
): string[] {
  const boxOf = new Map(placed.flatMap((box) => box.nodes.map((node) => [node, box] as const)))
  const lines = new Map<string, { a: Placed; b: Placed; links: LinkModel[] }>()
  for (const link of links) {
    const [a, b] = [boxOf.get(link.from), boxOf.get(link.to)]
    if (a === undefined || b === undefined || a === b) continue
    const key = `${placed.indexOf(a)}:${placed.indexOf(b)}`
    const line = lines.get(key)
    if (line === undefined) lines.set(key, { a, b, links: [link] })
    else line.links.push(link)
  }
  return [...lines.values()].map(({ a, b, links: between }) => {
    const isFaulted = between.some(({ name }) => faulted.has(name))
    const told = between.length > 3 ? [...between.slice(0, 3), null] : between
    const text = told.map((link) => (link === null ? '…' : linkText(link))).join('\n')
    const [upper, lower] = a.y <= b.y ? [a, b] : [b, a]
    const isLevel = upper.y === lower.y
    const y1 = isLevel ? upper.y + upper.height / 2 : upper.y + upper.height
    const y2 = isLevel ? y1 : lower.y
    const middle = ({ x, width }: Placed) => x + width / 2
    const stroke = isFaulted ? SPAN_COLORS.fault : SOFT_INK
    const style = isFaulted ? 'stroke-width="2.5" stroke-dasharray="6 4"' : 'stroke-width="1.2"'
    return (
      `<line x1="${middle(upper)}" y1="${y1}" x2="${middle(lower)}" y2="${y2}" ` +
      `stroke="${stroke}" ${style}><title>${escapeText(text)}</title></line>`
    )
  })
}

function linkText({ name, rate, mtu }: LinkModel): string {
  return `${name}: ${formatRate(rate)}, MTU ${mtu}`
}

/** Of the links between one level and those above it. */
function rateElements(
  links: readonly LinkModel[],
  levels: readonly (readonly Placed[])[],
): string[] {
  const levelOf = new Map(
    levels.flatMap((boxes, level) => boxes.flatMap(({ nodes }) => nodes.map((n) => [n, level]))),
  )
  return levels.slice(0, -1).flatMap((boxes, level) => {
    const [box] = boxes
    const rates = links
      .filter(({ from, to }) => {
        const ends = [levelOf.get(from) ?? -1, levelOf.get(to) ?? -1]
        return Math.min(...ends) === level && Math.max(...ends) > level
      })
      .map(({ rate }) => rate)
    if (box === undefined || rates.length === 0) return []
    const [least, most] = [Math.min(...rates), Math.max(...rates)]
    const text = least === most ? formatRate(least) : `${formatRate(least)} to ${formatRate(most)}`
    const many = rates.length === 1 ? '1 link' : `${rates.length} links`
    const y = box.y - LEVEL_GAP / 2
    return [
      textElement(text, 16, y, 'start', INK),
      textElement(many, 16, y + LINE, 'start', SOFT_INK),
    ]
  })
}

function boxElements({ kind, lines, x, y, width, height }: Placed): string[] {
  const isHost = kind === 'host' || kind === 'hosts'
  const radius = kind === 'router' ? height / 2 : isHost ? 2 : 7
  const fill = isHost ? GROUND : kind === 'more' ? GRID_LINE : NO_VALUE
  const stacked =
    kind === 'hosts'
      ? [
          `<rect x="${x + 4}" y="${y + 4}" width="${width}" height="${height}" rx="2" ` +
            `fill="${GROUND}" stroke="${SOFT_INK}"/>`,
        ]
      : []
  const top = y + (height - lines.length * LINE) / 2
  return [
    ...stacked,
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" ` +
      `fill="${fill}" stroke="${SOFT_INK}"><title>${escapeText(lines.join(', '))}</title></rect>`,
    ...lines.map((line, i) => {
      return textElement(
        shortened(line),
        x + width / 2,
        top + (i + 0.72) * LINE,
        'middle',
        i === 0 ? INK : SOFT_INK,
      )
    }),
  ]
}

function textElement(text: string, x: number, y: number, anchor: string, fill: string): string {
  return `<text x="${x}" y="${Math.round(y)}" text-anchor="${anchor}" fill="${fill}">${escapeText(text)}</text>`
}
