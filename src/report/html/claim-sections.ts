/** What became of the claims of a page's files. */
import type { ClaimVerdict } from '../../study/claim-result.ts'
import { conclusionOf, measuredOf, placeOf } from '../claim-text.ts'
import { plural } from '../format.ts'
import type { Block, Section, TableBlock } from './page.ts'

export function claimSections(verdicts: readonly ClaimVerdict[]): Section[] {
  if (verdicts.length === 0) return []
  return [{ title: verdicts.length === 1 ? 'Claim' : 'Claims', blocks: verdicts.flatMap(blocksOf) }]
}

function blocksOf(claim: ClaimVerdict): Block[] {
  const { says, source, verdict } = claim
  const whence = source === null ? '' : ` Source: ${source}`
  const tone = verdict === 'contradicted' ? 'bad' : 'plain'
  return [
    { kind: 'text', text: says, tone: 'head' },
    { kind: 'text', text: `${conclusionOf(claim)}${whence}`, tone },
    rowsOf(claim),
  ]
}

function rowsOf({ scenario, rows }: ClaimVerdict): TableBlock {
  const hasPlaces = rows.some((row) => placeOf(row) !== '')
  return {
    kind: 'table',
    caption: `${scenario}: ${plural(rows.length, 'row')}`,
    head: [
      'circumstances',
      ...(hasPlaces ? ['run'] : []),
      'condition',
      'measured',
      'line',
      'holds',
    ],
    rows: rows.map((row) => [
      row.circumstances,
      ...(hasPlaces ? [placeOf(row)] : []),
      row.text,
      measuredOf(row),
      String(row.line),
      row.holds ? 'yes' : 'no',
    ]),
    bad: rows.flatMap(({ holds }, i) => (holds ? [] : [i])),
  }
}
