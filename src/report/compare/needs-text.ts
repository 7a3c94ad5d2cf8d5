/** The shortlist of a comparison as text: what speaks for each entrant, what against it, what would help. */
import type { Candidate, Verdict } from '../../study/compare/needs.ts'
import { type Layout, paint, wrap } from '../lines.ts'

const STANDINGS: Readonly<Record<Candidate['standing'], string>> = {
  fits: 'fits',
  unknown: 'may fit',
  fails: 'does not fit',
}

/** @param candidates in the order of the shortlist. */
export function needsText(candidates: readonly Candidate[], layout: Layout): string[] {
  const lines = ['', paint(layout, 'bold', 'needs '.padEnd(layout.columns, '-'))]
  for (const { entrant, standing, verdicts } of candidates) {
    lines.push('', `${paint(layout, 'bold', entrant)}: ${STANDINGS[standing]}`)
    for (const verdict of inOrder(verdicts)) {
      lines.push(...wrap(sentenceOf(verdict), layout.columns, '  ', 4))
    }
  }
  return lines
}

/** For a table: entrant, standing, what speaks for it, against it or is not known, what would help. */
export function needsRows(candidates: readonly Candidate[]): readonly (readonly string[])[] {
  return candidates.map(({ entrant, standing, verdicts }) => {
    const told = (...kinds: readonly Verdict['holds'][]) =>
      verdicts
        .filter(({ holds }) => kinds.includes(holds))
        .map(({ need, words }) => `${need}: ${words}`)
        .join('; ')
    const helps = verdicts.flatMap(({ change }) => (change === null ? [] : [change]))
    return [entrant, STANDINGS[standing], told(true), told(false, null), helps.join('; ')]
  })
}

export const NEEDS_HEAD = [
  '',
  'standing',
  'for it',
  'against it, or not measured',
  'what would help',
]

/** What speaks against it first. */
function inOrder(verdicts: readonly Verdict[]): Verdict[] {
  const rank = ({ holds }: Verdict) => (holds === false ? 0 : holds === null ? 1 : 2)
  return verdicts.toSorted((a, b) => rank(a) - rank(b))
}

function sentenceOf({ need, holds, words, change }: Verdict): string {
  const mark = holds === null ? '?' : holds ? '+' : '-'
  const help = change === null ? '' : ` (what would help: ${change})`
  return `${mark} ${need}: ${words}${help}`
}
