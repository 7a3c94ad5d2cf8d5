/** Several switches: the tables of other racks, and what the links between them carry of a flood. */
import { describe, expect, it } from 'vitest'
import { switchLines } from '../../src/report/network-text.ts'
import type { SwitchResult } from '../../src/study/result.ts'
import { run } from './runs.ts'

const LAYOUT = { color: false, columns: 1000 }
const TWO_RACKS = ['fabric.mode=l2', 'fabric.racks=2', 'fabric.hostsPerRack=3', 'fabric.spines=1']
const HOSTS_PER_RACK = 3

function byName(switches: readonly SwitchResult[]): Record<string, SwitchResult> {
  return Object.fromEntries(switches.map((row) => [row.name, row]))
}

describe('two racks, the tables of which are full', () => {
  const { switches } = run('mac-exhaustion', 'macvlan', ...TWO_RACKS)
  const { leaf1, leaf2, spine1 } = byName(switches)

  it('fills every table of the broadcast domain, not only that of the rack', () => {
    for (const { peak, refused } of switches) {
      expect(peak).toBe(64)
      expect(refused).toBeGreaterThan(0)
    }
  })

  it('counts each copy of a flooded frame at the port that was given it', () => {
    for (const { floods, flooded, trunks } of switches) {
      const copies = [...flooded, ...trunks].reduce((sum, { frames }) => sum + frames, 0)
      const ports = flooded.length + trunks.length
      expect(copies).toBe(floods.unknownUnicast * (ports - 1))
    }
  })

  it('names the links to other switches by what they lead to', () => {
    expect(leaf1!.trunks.map(({ node }) => node)).toEqual(['spine1'])
    expect(leaf2!.trunks.map(({ node }) => node)).toEqual(['spine1'])
    expect(spine1!.trunks.map(({ node }) => node)).toEqual(['leaf1', 'leaf2'])
    expect(leaf1!.flooded).toHaveLength(HOSTS_PER_RACK)
    expect(spine1!.flooded).toEqual([])
    for (const { rate, share } of leaf1!.trunks) {
      expect(rate).toBeGreaterThan(1e6)
      expect(share).toBeCloseTo(rate / 4e9, 12)
    }
  })

  it('tells of them in the report', () => {
    const [line] = switchLines([leaf1!], LAYOUT, false)
    expect(line).toMatch(/; unknown unicast while measured to spine1 [\d.]+ Mb\/s \([\d.]+ %\)$/)
  })
})

describe('an asymmetric path', () => {
  it('floods one direction apart from the other', () => {
    const shareOf = (variant: string) => {
      const { switches } = run('mac-asymmetric-path', variant)
      return switches[0]!.flooded.find(({ host }) => host === 'h4')!.share
    }
    // Data: the link's whole rate. ACKs: one of 84 bytes on the wire for every second segment of 1,538.
    expect(shareOf('data by the switch')).toBeCloseTo(1, 2)
    expect(shareOf('ACKs by the switch')).toBeGreaterThan(84 / 2 / 1538)
    expect(shareOf('ACKs by the switch')).toBeLessThan(0.035)
    expect(shareOf('one path')).toBe(0)
  })

  it('is known to the switch by the address of the host, not of the container', () => {
    const { switches } = run('mac-asymmetric-path', 'data by the switch')
    expect(switches[0]).toMatchObject({ entries: 2, peak: 3 })
  })
})
