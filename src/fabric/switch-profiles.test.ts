import { describe, expect, it } from 'vitest'
import { MacTable } from '../link/mac-table.ts'
import { portQueueBytes, SWITCH_PROFILES, switchProfile } from './switch-profiles.ts'

describe('switch profiles', () => {
  it('have unique names and tables that can be built', () => {
    const names = SWITCH_PROFILES.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const { macTable } of SWITCH_PROFILES) {
      const table = new MacTable(macTable)
      expect(table.capacity).toBe(macTable.capacity)
    }
  })

  // Table sizes of the data sheets and documents that the profiles cite.
  it.each([
    ['catalyst-2960', 8192],
    ['cisco-small-business', 8000],
    ['trident2', 32768],
    ['trident3', 32768],
    ['tomahawk', 40960],
    ['spectrum', 40960],
    ['nexus-3548', 65536],
    ['arista-7150', 65536],
    ['ce6880', 98304],
    ['linux-bridge', Infinity],
    ['generic', 131072],
  ])('%s learns %d addresses', (name, capacity) => {
    expect(switchProfile(name)?.macTable.capacity).toBe(capacity)
  })

  it('take overrides field by field', () => {
    const buckets = { hash: 'crc16', ways: 8 } as const
    const changed = switchProfile('trident3', { latency: 1, macTable: { buckets, ageing: 5 } })!
    expect(changed.macTable).toEqual({ capacity: 32768, ageing: 5, buckets })
    expect([changed.latency, changed.bufferBytes]).toEqual([1, 32 * 1024 * 1024])
    expect(portQueueBytes(changed)).toBe(16 * 1024 * 1024)
    expect(portQueueBytes({ ...changed, portQueueBytes: 7 })).toBe(7)
    expect(switchProfile('no-such-switch')).toBeNull()
  })
})
