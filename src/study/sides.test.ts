import { describe, expect, it } from 'vitest'
import { scenario } from '../../test/small-scenario.ts'
import { buildWorld } from '../scenario/builder.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { lanesOf, sidesOf } from './sides.ts'

function sides(flow: string, ...settings: readonly string[]) {
  const world = buildWorld(scenario(`workload: [{ ${flow} }]\n`, ...settings), builtinSchemes)
  const found = sidesOf(world, world.workloads[0]!.model)
  return {
    senders: [...found.senders].map(({ name }) => name),
    receivers: [...found.receivers].map(({ name }) => name),
    lanes: lanesOf(world, found).map(({ link, direction }) => `${link} ${direction}`),
  }
}

const TCP = 'kind: tcp, for: 1s'

describe('the sides of a workload', () => {
  it.each([
    ['containers', 'from: c1, to: c2', 'h1', 'h2'],
    ['hosts', 'from: h2, to: h1', 'h2', 'h1'],
    ['the address of a container', 'from: c1, to: 10.20.128.1', 'h1', 'h2'],
    ['the address of a host', 'from: c1, to: 192.168.0.2', 'h1', 'h2'],
  ])('are the hosts of %s', (_, ends, from, to) => {
    const { senders, receivers } = sides(`kind: udp, rate: 1Mbps, for: 1s, ${ends}`)
    expect([senders, receivers]).toEqual([[from], [to]])
  })

  it('leave out an address that is nobody’s', () => {
    const { senders, receivers } = sides('kind: ping, from: c1, to: 10.20.9.9, count: 1')
    expect([senders, receivers]).toEqual([['h1'], []])
  })

  it('follow the direction of TCP', () => {
    const ends = 'from: c1, to: c2'
    const way = (direction: string) => {
      const { senders, receivers } = sides(`${TCP}, ${ends}, direction: ${direction}`)
      return [senders, receivers]
    }
    expect(way('forward')).toEqual([['h1'], ['h2']])
    expect(way('reverse')).toEqual([['h2'], ['h1']])
    expect(way('bidirectional')).toEqual([
      ['h1', 'h2'],
      ['h2', 'h1'],
    ])
  })
})

describe('the lanes of a workload', () => {
  it('lead from its senders and to its receivers', () => {
    expect(sides(`${TCP}, from: c1, to: c2`).lanes).toEqual([
      'h1-leaf1 forward',
      'h2-leaf1 backward',
    ])
  })

  it('are all between switches, for any of them may be on the way', () => {
    const racks = ['fabric.racks=2', 'fabric.hostsPerRack=1', 'fabric.spines=2']
    const { lanes } = sides(`${TCP}, from: c1, to: c2`, 'fabric.mode=l3', ...racks)
    expect(lanes).toHaveLength(2 + 2 * 4)
    expect(lanes).not.toContain('h1-leaf1 backward')
  })
})
