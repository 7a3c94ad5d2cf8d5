import { describe, expect, it } from 'vitest'
import { SECOND } from '../../sim/units.ts'
import { checkConfig } from '../raft/config.ts'
import { CONSUL_DEFAULTS, raftConfigOf } from './settings.ts'

describe('raftConfigOf', () => {
  it('gives a configuration that raft takes, slow by default since 0.7', () => {
    const patience = Object.entries(CONSUL_DEFAULTS).map(([release, settings]) => {
      const config = raftConfigOf(settings, 'a', ['a', 'b', 'c'])
      checkConfig(config)
      return [release, config.timing.election.low / SECOND, config.timing.lease / SECOND]
    })
    expect(patience).toEqual([
      ['0.6', 1, 0.5],
      ['1.0', 5, 2.5],
      ['1.2', 5, 2.5],
      ['1.8', 5, 2.5],
    ])
  })

  it('refuses a multiplier outside 1 to 10', () => {
    const settings = { ...CONSUL_DEFAULTS['1.8'], raftMultiplier: 11 }
    expect(() => raftConfigOf(settings, 'a', ['a'])).toThrow('raft_multiplier')
  })
})
