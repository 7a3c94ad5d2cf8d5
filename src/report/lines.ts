import { stripVTControlCharacters, styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** How text is laid out. */
export interface Layout {
  readonly color: boolean
  /** Width of the terminal, characters. */
  readonly columns: number
}

/** Paints `text` where colour is asked for. */
export function paint(layout: { readonly color: boolean }, style: Style, text: string): string {
  // Whether colour is wanted is the caller's to know: no stream is asked.
  return layout.color && text !== '' ? styleText(style, text, { validateStream: false }) : text
}

/** Characters that `text` takes on a terminal. */
export function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length
}

/**
 * Breaks `text` at blanks into lines of at most `columns`; `first` begins the first line, and the
 * others are indented by `indent`. A word longer than a line is cut, but an address of the web is
 * left whole, for it must be copied.
 */
export function wrap(text: string, columns: number, first = '', indent = widthOf(first)): string[] {
  const lines: string[] = []
  const margin = ' '.repeat(indent)
  let line = first
  let isEmpty = true
  const flush = () => {
    lines.push(line.trimEnd())
    line = margin
    isEmpty = true
  }
  for (const word of wordsOf(text).flatMap((word) => cut(word, columns - indent))) {
    if (!isEmpty && widthOf(line) + 1 + widthOf(word) > columns) flush()
    else if (isEmpty && widthOf(line) + widthOf(word) > columns && line !== margin) flush()
    line += isEmpty ? word : ` ${word}`
    isEmpty = false
  }
  if (!isEmpty || line === first) flush()
  return lines
}

const NUMBER = /^[(]?-?[\d,.]+$/
const UNIT = /^(%|[pnum]?s|[kMGT]?b\/s|[kMG]?pps|[kMGT]?B)[),.;:]*$/

/** Words of a text, a number with its unit being one. */
function wordsOf(text: string): string[] {
  const words: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = words.at(-1)
    if (last !== undefined && UNIT.test(word) && NUMBER.test(last)) {
      words[words.length - 1] = `${last} ${word}`
    } else if (word !== '') words.push(word)
  }
  return words
}

/** Pieces of a word that is too long, cut after a sign where there is one. */
export function cut(word: string, room: number): string[] {
  const width = Math.max(8, room)
  if (word.length <= width || /^\W*https?:/.test(word)) return [word]
  const pieces: string[] = []
  let rest = word
  while (rest.length > width) {
    const sign = rest.slice(0, width).search(/[^/,:_-]*$/)
    const at = sign > 0 ? sign : width
    pieces.push(rest.slice(0, at))
    rest = rest.slice(at)
  }
  return rest === '' ? pieces : [...pieces, rest]
}
