import { describe, expect, it } from 'vitest'
import { tor } from '../../test/run-results.ts'
import { floodLines, limitLines } from './flood-text.ts'

const LAYOUT = { columns: 200, color: false }
const port = (host: string, rate: number) => ({
  name: host.replace('h', 'p'),
  host,
  frames: rate === 0 ? 0 : 10,
  rate,
  share: rate / 1e9,
})

describe('floodLines', () => {
  it('names the hosts that get most, by the share of their link', () => {
    const flooded = [
      port('h1', 1e6),
      port('h2', 4e6),
      port('h3', 0),
      port('h4', 3e6),
      port('h5', 2e6),
    ]
    expect(floodLines([tor(2, { flooded })], LAYOUT, false)).toEqual([
      '  Unknown unicast flooded to hosts while measured: h2 4 Mb/s (0.4 % of its link), ' +
        'h4 3 Mb/s (0.3 % of its link) and h5 2 Mb/s (0.2 % of its link), the most of 4.',
    ])
    expect(floodLines([tor(2, { flooded })], LAYOUT, true).join(' ')).toContain('h1 1 Mb/s')
  })

  it('says nothing where nothing was flooded', () => {
    expect(floodLines([tor(2, { flooded: [port('h1', 0)] })], LAYOUT, true)).toEqual([])
  })
})

describe('limitLines', () => {
  const tables = [
    { kind: 'nic-filter', place: 'h1/eth0', capacity: 16, used: 20, share: 1.25, refused: 4 },
    { kind: 'switch-mac', place: 'leaf1', capacity: 64, used: 64, share: 1, refused: 0 },
    { kind: 'router-fib', place: 'gateway', capacity: 100, used: 2, share: 0.02, refused: 0 },
  ] as const

  it('shows tables that are at least half full', () => {
    expect(limitLines([...tables], LAYOUT, false)).toEqual([
      '  Fullest tables: unicast filter of h1/eth0 20 of 16, refused 4 times; ' +
        'MAC table of switch leaf1 64 of 64.',
    ])
    expect(limitLines(tables.slice(2), LAYOUT, false)).toEqual([])
  })

  it('shows all of them to who asks', () => {
    expect(limitLines([...tables], LAYOUT, true).join('')).toContain(
      'FIB of router gateway 2 of 100',
    )
  })
})
