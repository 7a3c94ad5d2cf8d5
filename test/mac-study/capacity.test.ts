/**
 * Containers up to and past the capacity of a MAC table, against arithmetic: of n addresses that speak
 * in turn the first are learned, the others stay unknown, and each frame to those reaches every port.
 */
import { describe, expect, it } from 'vitest'
import type { RunResult } from '../../src/study/result.ts'
import { run } from './runs.ts'

const HOSTS = 5
const CAPACITY = 64
/** h1, h2, h4 and h5 speak for themselves as well. */
const SPEAKING_HOSTS = 4
const PACKETS = 200

/** Of all containers and speaking hosts, how many a table without buckets leaves unknown. */
function unknown(perHost: number, capacity: number): number {
  return Math.max(0, perHost * HOSTS + SPEAKING_HOSTS - capacity)
}

function tableOf(result: RunResult, kind: RunResult['tables'][number]['kind']) {
  return result.tables.find((table) => table.kind === kind)!
}

describe('containers a host, up to and past a MAC table of 64', () => {
  // Full with 12 a host: 60 containers and four hosts.
  it.each([4, 8, 12, 13, 16, 24])('%i with macvlan', (perHost) => {
    const result = run('mac-exhaustion', 'macvlan', `containers.perHost=${perHost}`)
    const [leaf] = result.switches
    const left = unknown(perHost, CAPACITY)
    expect(leaf!.entries).toBe(Math.min(CAPACITY, perHost * HOSTS + SPEAKING_HOSTS))
    expect(leaf!.refused > 0).toBe(left > 0)
    expect(leaf!.aged).toBe(0)
    // Every receiver of the load that is unknown has all of its packets flooded, and little else is.
    expect(leaf!.floods.unknownUnicast).toBeGreaterThanOrEqual((left - 1) * PACKETS)
    expect(leaf!.floods.unknownUnicast).toBeLessThanOrEqual(left * (PACKETS + 4))
    expect(tableOf(result, 'switch-mac').share).toBe(leaf!.entries / CAPACITY)
    expect(result.ledger.balanced).toBe(true)
  })

  it.each([
    ['flannel/host-gw', 12],
    ['flannel/host-gw', 24],
    ['flannel/vxlan', 24],
  ])('%s with %i shows the switch its hosts', (variant, perHost) => {
    const { switches } = run('mac-exhaustion', variant, `containers.perHost=${perHost}`)
    const { entries, refused, floods } = switches[0]!
    expect([entries, refused, floods.unknownUnicast]).toEqual([HOSTS, 0, 0])
  })

  it('moves the edge with the table', () => {
    const capacity = 24 * HOSTS + SPEAKING_HOSTS
    const floods = [capacity - 2, capacity].map((size) => {
      const table = `fabric.switch.macTable.capacity=${size}`
      const result = run('mac-exhaustion', 'macvlan', 'containers.perHost=24', table)
      return result.switches[0]!.floods.unknownUnicast
    })
    expect(floods.map((count) => count > 0)).toEqual([true, false])
  })
})

describe('what a bystander gets', () => {
  const WIRE_BYTES = 200 + 28 + 14 + 24
  const PACKETS_PER_SECOND = 200

  it('is the rate of all unknown receivers but its own, in bits on its cable', () => {
    const perHost = 20
    const result = run('mac-exhaustion', 'macvlan', `containers.perHost=${perHost}`)
    // Of the two hosts that come late one only sends: nothing is flooded for it.
    const all = (unknown(perHost, CAPACITY) - 1) * PACKETS_PER_SECOND * WIRE_BYTES * 8
    const { flooded } = result.switches[0]!
    for (const { rate, share } of flooded) {
      // Each host sends some of it, which does not come back to it.
      expect(rate).toBeGreaterThan(0.5 * all)
      expect(rate).toBeLessThanOrEqual(1.001 * all)
      expect(share).toBeCloseTo(rate / 1e9, 12)
    }
    // Each frame goes to every port but the one it came from.
    const sum = flooded.reduce((total, { rate }) => total + rate, 0)
    expect(sum / ((HOSTS - 1) * all)).toBeCloseTo(1, 2)
  })

  it('is nothing while all addresses fit', () => {
    const result = run('mac-exhaustion', 'macvlan', 'containers.perHost=12')
    expect(result.switches[0]!.flooded.map(({ rate }) => rate)).toEqual([0, 0, 0, 0, 0])
  })
})

describe('the order of the tables', () => {
  const kinds = (variant: string, perHost: number) => {
    const small = ['fabric.switch.macTable.capacity=1000', `containers.perHost=${perHost}`]
    return run('mac-exhaustion', variant, ...small).tables.map(({ kind }) => kind)
  }

  it('changes with the scheme', () => {
    expect(kinds('macvlan', 60)[0]).toBe('nic-filter')
    expect(kinds('flannel/vxlan', 60)[0]).toBe('neighbours')
  })

  it('counts what a filter was asked for and refused', () => {
    const result = run('mac-exhaustion', 'macvlan', 'hosts.nic.filterEntries=16')
    expect(tableOf(result, 'nic-filter')).toMatchObject({ capacity: 16, used: 20, refused: 4 })
  })

  it('fills the table of a gateway with containers that talk to the outside', () => {
    const result = run('mac-which-table', 'macvlan', 'fabric.router.arpEntries=8')
    const outwards = result.workloads.find(({ name }) => name === 'outwards')!
    expect(tableOf(result, 'router-arp')).toMatchObject({ capacity: 8, used: 8, share: 1 })
    expect(tableOf(result, 'router-arp').refused).toBe(12)
    expect(outwards.delivered).toBeLessThan(12)
    const routed = run('mac-which-table', 'flannel/host-gw', 'fabric.router.arpEntries=8')
    expect(tableOf(routed, 'router-arp').refused).toBe(0)
  })
})
