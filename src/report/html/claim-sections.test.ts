import { expect, it } from 'vitest'
import type { ClaimRow, ClaimVerdict } from '../../study/claim-result.ts'
import { claimSections } from './claim-sections.ts'

const row: ClaimRow = {
  circumstances: 'small MTU',
  panel: null,
  variant: 'overlay',
  text: 'goodput of bulk',
  line: 7,
  shown: '5 Gb/s',
  direction: 'below',
  by: 0.1,
  against: 'native 9 Gb/s',
  holds: true,
}

const claim: ClaimVerdict = {
  scenario: 'speed',
  says: 'Overlays are slower.',
  source: 'https://example.org/',
  verdict: 'holds only if',
  holdsIf: ['small MTU'],
  failsIf: ['jumbo'],
  rows: [row, { ...row, circumstances: 'jumbo', shown: '8.9 Gb/s', holds: false }],
}

it('says the verdict and shows each row, with those that fail marked', () => {
  const [section] = claimSections([claim])
  expect(section!.title).toBe('Claim')
  expect(section!.blocks).toEqual([
    { kind: 'text', text: 'Overlays are slower.', tone: 'head' },
    {
      kind: 'text',
      text: 'Holds only if: small MTU. Not if: jumbo. Source: https://example.org/',
      tone: 'plain',
    },
    {
      kind: 'table',
      caption: 'speed: 2 rows',
      head: ['circumstances', 'run', 'condition', 'measured', 'line', 'holds'],
      rows: [
        ['small MTU', 'overlay', 'goodput of bulk', '5 Gb/s, 10 % below native 9 Gb/s', '7', 'yes'],
        [
          'jumbo',
          'overlay',
          'goodput of bulk',
          '8.9 Gb/s, not 10 % below native 9 Gb/s',
          '7',
          'no',
        ],
      ],
      bad: [1],
    },
  ])
})

it('has no column of runs where the circumstances say it all, and nothing without a claim', () => {
  const alone = { ...claim, rows: [{ ...row, variant: 'small MTU' }] }
  const table = claimSections([alone])[0]!.blocks.at(-1)
  expect(table).toMatchObject({
    head: ['circumstances', 'condition', 'measured', 'line', 'holds'],
  })
  expect(claimSections([])).toEqual([])
})
