import { describe, expect, it } from 'vitest'
import { COST_PROFILES, costProfile } from './cost-profile.ts'
import { type CpuStage, STAGE_COPY_IN, STAGE_GSO, STAGES } from './stage.ts'

const latency = { ns: 3000, source: 'test' }
const file = {
  name: 'test',
  about: 'A machine of a test.',
  stages: Object.fromEntries(STAGES.map((stage) => [stage, { source: 'test' }])) as Record<
    CpuStage,
    { unit?: number; segment?: number; byte?: number; source: string }
  >,
  cold: { factor: 2, afterNs: 1000, source: 'test' },
  latencies: { wakeup: latency, interrupt: { ns: 1500, source: 'test' } },
}

describe('costProfile', () => {
  it('turns nanoseconds into picoseconds, of bytes with fractions', () => {
    const stages = {
      ...file.stages,
      gso: { unit: 0.5, segment: 100, source: 'test' },
      copy_in: { byte: 0.0803, source: 'test' },
    }
    const profile = costProfile({ ...file, stages })
    expect(profile.perUnit[STAGE_GSO]).toBe(500)
    expect(profile.perSegment[STAGE_GSO]).toBe(100_000)
    expect(profile.perByte[STAGE_COPY_IN]).toBeCloseTo(80.3, 9)
    expect([profile.wakeupLatency, profile.interruptLatency]).toEqual([3_000_000, 1_500_000])
  })

  it('refuses a stage that there is not, and a file that leaves one out', () => {
    const wrong = { ...file.stages, teleport: { unit: 1, source: 'test' } }
    expect(() => costProfile({ ...file, stages: wrong })).toThrow('there is no stage teleport')
    const { gro: _, ...rest } = file.stages
    expect(() => costProfile({ ...file, stages: rest })).toThrow('no cost of gro')
  })

  it.each(Object.entries(COST_PROFILES))('%s says what it is and costs time', (name, profile) => {
    expect(profile.name).toBe(name)
    expect(profile.about).toMatch(/\.$/)
    for (const table of [profile.perUnit, profile.perSegment, profile.perByte]) {
      for (const cost of table) expect(cost).toBeGreaterThanOrEqual(0)
    }
    STAGES.forEach((stage, i) => {
      const total = profile.perUnit[i]! + profile.perSegment[i]! + profile.perByte[i]!
      expect(total, stage).toBeGreaterThan(0)
    })
  })
})
