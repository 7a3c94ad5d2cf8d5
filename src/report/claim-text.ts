import type { ClaimRow, ClaimVerdict } from '../study/claim-result.ts'
import { formatShare } from './format.ts'
import { type Layout, paint, type Style, wrap } from './lines.ts'

const STYLES: Readonly<Record<ClaimVerdict['verdict'], Style>> = {
  confirmed: 'green',
  'holds only if': 'yellow',
  contradicted: 'red',
  open: 'dim',
}

/** What became of each claim, row by row; of several an overview at the end. */
export function claimLines(verdicts: readonly ClaimVerdict[], layout: Layout): string[] {
  const lines = verdicts.flatMap((each) => ['', ...verdictLines(each, layout)])
  if (verdicts.length < 2) return lines
  return [...lines, '', ...overview(verdicts, layout)]
}

function verdictLines(claim: ClaimVerdict, layout: Layout): string[] {
  const { columns } = layout
  const lines = wrap(claim.says, columns, 'Claim: ', 2)
  const words = wrap(conclusionOf(claim), columns)
  lines.push(...words.map((line) => paint(layout, STYLES[claim.verdict], line)))
  let circumstances = ''
  for (const row of claim.rows) {
    if (row.circumstances !== circumstances) lines.push(...wrap(row.circumstances, columns, '  '))
    circumstances = row.circumstances
    const place = placeOf(row)
    const whose = place === '' ? '' : `${place}: `
    const answer = row.holds ? 'yes' : 'no'
    const text = `${answer}: ${whose}${row.text}: ${measuredOf(row)} (line ${row.line})`
    lines.push(...wrap(text, columns, '    ', 6))
  }
  return lines
}

/** Variant and panel, where they are not the circumstances already. */
export function placeOf({ variant, panel, circumstances }: ClaimRow): string {
  const place = [variant, panel].filter((each) => each !== null).join(', ')
  return place === circumstances ? '' : place
}

/** The value, and how it stands to that of its rival. */
export function measuredOf(row: ClaimRow): string {
  return `${row.shown}${rivalOf(row)}`
}

function rivalOf({ against, direction, by, holds }: ClaimRow): string {
  if (against === null) return ''
  const much = by === 0 ? '' : `${formatShare(by)} `
  return `, ${holds ? '' : 'not '}${much}${direction} ${against}`
}

/** The verdict as a sentence. */
export function conclusionOf({ verdict, holdsIf, failsIf }: ClaimVerdict): string {
  switch (verdict) {
    case 'confirmed':
      return 'Confirmed.'
    case 'contradicted':
      return 'Contradicted.'
    case 'open':
      return 'Open: not all runs of the file were made.'
    case 'holds only if':
      return `Holds only if: ${holdsIf.join('; ')}. Not if: ${failsIf.join('; ')}.`
  }
}

function overview(verdicts: readonly ClaimVerdict[], { columns }: Layout): string[] {
  const names = Math.max(...verdicts.map(({ scenario }) => scenario.length)) + 2
  return verdicts.flatMap((each) => {
    const text = `${each.says} ${conclusionOf(each)}`
    return wrap(text, columns, each.scenario.padEnd(names), names)
  })
}
