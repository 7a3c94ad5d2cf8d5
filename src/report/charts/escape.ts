/** Markup: what is not of this class is text, and is escaped where it goes into a page. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

type Part = Html | string | number | readonly (Html | string)[]

/**
 * A template whose text is markup and whose values are text, unless they are markup already. Values
 * stand in elements or in quoted attributes, never in scripts, styles, or unquoted.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(strings.map((text, i) => `${text}${partOf(values[i])}`).join(''))
}

function partOf(value: Part | undefined): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.markup
  if (typeof value === 'object') return value.map(partOf).join('')
  return escapeText(String(value))
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as it stands in an element or a quoted attribute of HTML, SVG or XML. */
export function escapeText(text: string): string {
  return visible(text).replace(/[&<>"']/g, (sign) => ENTITIES[sign]!)
}

/** Control signs, halves of surrogates, and marks of direction. */
const UNSEEN = /[\p{Cc}\p{Cs}\ufffe\uffff\u202a-\u202e\u2066-\u2069]/gu

/**
 * What XML forbids, and what turns the direction of text so that it reads as something else than it is,
 * becomes the sign for a character that cannot be shown.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, (sign) => (sign === '\n' || sign === '\t' ? sign : '\ufffd'))
}
