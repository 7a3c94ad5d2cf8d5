import { describe, expect, it } from 'vitest'
import type { ClaimRow, ClaimVerdict } from '../study/claim-result.ts'
import { claimLines } from './claim-text.ts'

const row: ClaimRow = {
  circumstances: 'one flow',
  panel: '25G',
  variant: 'macvlan',
  text: 'goodput: { of: flow }',
  line: 12,
  shown: '23.5 Gb/s',
  direction: 'above',
  by: 0.02,
  against: 'vxlan: 22.7 Gb/s',
  holds: true,
}
const claim: ClaimVerdict = {
  scenario: 'performance',
  says: 'Underlay outperforms overlay.',
  source: null,
  verdict: 'holds only if',
  holdsIf: ['one flow'],
  failsIf: ['jumbo frames'],
  rows: [row, { ...row, circumstances: 'jumbo frames', panel: 'jumbo', holds: false }],
}
const layout = { color: false, columns: 80 }

describe('claims', () => {
  it('show their verdict and each row with its rival', () => {
    expect(claimLines([claim], layout)).toEqual([
      '',
      'Claim: Underlay outperforms overlay.',
      'Holds only if: one flow. Not if: jumbo frames.',
      '  one flow',
      '    yes: macvlan, 25G: goodput: { of: flow }: 23.5 Gb/s, 2 % above vxlan:',
      '      22.7 Gb/s (line 12)',
      '  jumbo frames',
      '    no: macvlan, jumbo: goodput: { of: flow }: 23.5 Gb/s, not 2 % above vxlan:',
      '      22.7 Gb/s (line 12)',
    ])
  })

  it('end with an overview when there are several, within the width', () => {
    const other: ClaimVerdict = { ...claim, scenario: 'ipam', verdict: 'confirmed', rows: [] }
    const lines = claimLines([claim, other], { color: false, columns: 60 })
    expect(lines.slice(-4, -1)).toEqual([
      '',
      'performance  Underlay outperforms overlay. Holds only if:',
      '             one flow. Not if: jumbo frames.',
    ])
    expect(lines.at(-1)).toBe('ipam         Underlay outperforms overlay. Confirmed.')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60)
  })
})
