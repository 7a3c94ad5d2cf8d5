import { escapeText } from './escape.ts'
import {
  GRID_LINE,
  GROUND,
  INK,
  NO_VALUE,
  PART_COLORS,
  SERIES_COLORS,
  SHADE,
  SOFT_INK,
  SPAN_COLORS,
} from './style.ts'

/** Custom properties that stand for the colours of charts, with those of a light page. */
export const CHART_PROPERTIES: ReadonlyMap<string, string> = new Map<string, string>([
  ['--chart-ground', GROUND],
  ['--chart-ink', INK],
  ['--chart-soft-ink', SOFT_INK],
  ['--chart-no-value', NO_VALUE],
  ['--chart-grid', GRID_LINE],
  ['--chart-shade', SHADE],
  ...Object.entries(SPAN_COLORS).map(([kind, color]) => [`--chart-${kind}`, color] as const),
  ...SERIES_COLORS.map((color, i) => [`--chart-series-${i}`, color] as const),
  ...PART_COLORS.map((color, i) => [`--chart-part-${i}`, color] as const),
])

const PROPERTY_OF = new Map([...CHART_PROPERTIES].map(([name, color]) => [color, name]))

export interface Label {
  /** Unique in its page; letters, digits and hyphens. */
  readonly id: string
  readonly title: string
  /** What somebody who does not see it is told. */
  readonly description: string
}

/** An SVG document as an element of a page, in the page's colours and with a name of its own. */
export function inlineSvg(svg: string, { id, title, description }: Label): string {
  const named =
    `role="img" aria-labelledby="${id}-title ${id}-desc">` +
    `<title id="${id}-title">${escapeText(title)}</title>` +
    `<desc id="${id}-desc">${escapeText(description)}</desc>`
  return svg
    .trim()
    .replace(/(id="|url\(#|href="#)zr-/g, `$1${id}-`)
    .replace(/(fill|stroke)="(#[0-9a-f]{6})"/g, (whole, attribute, color) => {
      const property = PROPERTY_OF.get(color)
      return property === undefined ? whole : `${attribute}="var(${property})"`
    })
    .replace(/^<svg ([^>]*)>/, (_, attributes) => `<svg ${attributes} ${named}`)
}
