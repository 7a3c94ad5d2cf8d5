import { describe, expect, it } from 'vitest'
import { needs as schema } from '../../scenario/schema/needs.ts'
import type { CellValue, ComparedCell } from './cell.ts'
import { shortlist } from './needs.ts'

const REACH = 'connectivity and isolation'

type Row = readonly [section: string, row: string, text: string, value?: CellValue]

function cellsOf(entrant: string, rows: readonly Row[]): ComparedCell[] {
  const evidence = { scenario: 's', probe: 'p', instant: 0 }
  return rows.map(([section, row, text, value = text]) => ({
    entrant,
    section,
    row,
    text,
    seeds: [{ seed: '1', value, text, evidence }],
  }))
}

/** The first verdict on each entrant, in the order of the shortlist. */
function judged(needs: unknown, ...of: readonly (readonly [string, readonly Row[]])[]) {
  const cells = of.flatMap(([entrant, rows]) => cellsOf(entrant, rows))
  return shortlist(schema.parse(needs), cells).map(({ entrant, standing, verdicts }) => {
    return { entrant, standing, ...verdicts[0]! }
  })
}

describe('the shortlist', () => {
  it('puts those who fit first and names the variant that does what another does not', () => {
    const open: Row[] = [
      [REACH, 'other network, same host', 'yes'],
      [REACH, 'other network, other host', 'no'],
    ]
    const closed: Row[] = [
      [REACH, 'other network, same host', 'no'],
      [REACH, 'other network, other host', 'no'],
    ]
    const alone: Row[] = [[REACH, 'other network, same host', '-']]
    const list = judged({ isolation: true }, ['a/open', open], ['b', alone], ['a/closed', closed])
    expect(list.map(({ entrant, standing }) => [entrant, standing])).toEqual([
      ['a/closed', 'fits'],
      ['b', 'unknown'],
      ['a/open', 'fails'],
    ])
    expect(list[2]!.change).toBe('as a/closed')
    expect(list[2]!.evidence.map(({ row }) => row)).toEqual(open.map(([, row]) => row))
  })

  it('computes tables by their formulas', () => {
    const rows: Row[] = [
      ['footprint', 'switch MACs', 'C + 1 (of 1000)'],
      ['footprint', 'host neighbours', 'kC (of 1024)'],
      ['footprint', 'host routes', 'C'],
    ]
    const [fits] = judged({ hosts: 10 }, ['a', rows])
    expect(fits).toMatchObject({ holds: true, words: 'fullest: 1000 of 1024 host neighbours' })
    const [full] = judged({ hosts: 10, containersPerHost: 11 }, ['a', rows])
    expect(full).toMatchObject({ holds: false, words: '1210 host neighbours for 1024' })
    expect(full!.change).toBe('room for 1210 host neighbours')
    const unclear: Row[] = [['footprint', 'switch MACs', '3..9, no rule (of 1000)']]
    expect(judged({ hosts: 1 }, ['a', unclear])[0]!.holds).toBeNull()
  })

  it('holds throughput, start, store, segments and failures against what was measured', () => {
    const rows: Row[] = [
      ['performance', 'flow', '8 Gb/s', 8e9],
      ['performance', 'flow, limited by', 'window'],
      ['performance', 'start to being reached', '1.3 s', 1.3e12],
      ['distributed store', 'store', 'none'],
      ['limits of segments', 'networks at most', '4094', 4094],
      ['failures', 'host crash: goes on', 'old flow, same host'],
      ['failures', 'daemon crash: goes on', 'same host'],
      ['failures', 'daemon crash: heals', 'never'],
    ]
    const holds = (needs: unknown) => judged(needs, ['a', rows])[0]!.holds
    expect(holds({ throughput: '8Gbps' })).toBe(true)
    expect(judged({ throughput: '9Gbps' }, ['a', rows])[0]).toMatchObject({
      holds: false,
      change: 'more of what limits it: window',
    })
    expect(holds({ startWithin: '2s' })).toBe(true)
    expect(holds({ startWithin: '1s' })).toBe(false)
    expect(holds({ noStore: true })).toBe(true)
    expect(holds({ segments: 4094 })).toBe(true)
    expect(holds({ segments: 4095 })).toBe(false)
    expect(holds({ oldFlowsSurvive: ['host crash'] })).toBe(true)
    expect(holds({ oldFlowsSurvive: ['store outage'] })).toBe(true)
    expect(judged({ oldFlowsSurvive: ['daemon crash'] }, ['a', rows])[0]).toMatchObject({
      holds: false,
      words: 'daemon crash: goes on: same host; heals never',
    })
    expect(holds({ oldFlowsSurvive: ['partial partition'] })).toBeNull()
  })
})
