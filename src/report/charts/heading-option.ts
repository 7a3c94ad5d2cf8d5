import { wrap } from '../lines.ts'
import { INK, SOFT_INK } from './style.ts'

const TOP = 10
const TITLE_HEIGHT = 28
const NOTE_HEIGHT = 16
/** Generous, for letters that the viewer has and this program has not. */
const LETTER_WIDTH = 6.8

/** Title and notes of a chart, and how many pixels from the top they take. */
export function headingOption(text: string, notes: readonly string[], width: number) {
  const lines = notes.flatMap((note) => wrap(note, Math.floor((width - 40) / LETTER_WIDTH)))
  const option = {
    text,
    subtext: lines.join('\n'),
    left: 16,
    top: TOP,
    itemGap: 6,
    textStyle: { fontSize: 17, fontWeight: 'bold', color: INK },
    subtextStyle: { fontSize: 12, lineHeight: NOTE_HEIGHT, color: SOFT_INK },
  }
  return { option, height: TOP + TITLE_HEIGHT + lines.length * NOTE_HEIGHT + 6 }
}

/** Pixels that a text of small letters takes, rather too many. */
export function textWidth(text: string): number {
  return text.length * LETTER_WIDTH
}
