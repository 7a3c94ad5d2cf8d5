import { describe, expect, it } from 'vitest'
import { scenario } from '../../test/small-scenario.ts'
import type { Machine } from '../cpu/machine.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import type { RunResult } from './result.ts'
import { runResultSchema } from './result.ts'
import { Run } from './run.ts'

const SERVERS = ['hosts.costs=server-2020s', 'hosts.cpus=4', 'fabric.links=25Gbps']
/** Four hosts with a core each, so that one against three is the one that has too much to do. */
const ONE_CORE = ['hosts.cpus=1', 'fabric.hostsPerRack=4']

function run(workload: string, ...settings: readonly string[]): Run {
  const parts = `workload:\n  - ${workload}\n`
  const given = new Run(scenario(parts, ...settings), builtinSchemes, { capture: false })
  while (!given.advance(Infinity));
  expect(given.world.ledger.imbalance()).toBe(0)
  return given
}

function rowOf(result: RunResult) {
  return result.workloads[0]!
}

const PACED = '{ kind: udp, name: s, from: c1, to: c2, size: 1000, packetRate: 50kpps, for: 20ms }'
const MAX = '{ kind: udp, name: s, from: c1, to: c2, size: 64, packetRate: max, for: 20ms }'
const RR = '{ kind: udp-rr, name: s, from: c1, to: c2, size: 1, for: 20ms }'
const TCP = '{ kind: tcp, name: s, from: c1, to: c2, for: 50ms }'

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0)
}

describe('in the window of a workload', () => {
  it('cores of both sides are busy with what their stages say', () => {
    const { cpu } = rowOf(run(PACED, ...SERVERS).result())
    const { senders, receivers, cores, perPacket, perByte, isShared } = cpu!
    expect([senders.hosts, receivers.hosts, isShared]).toEqual([['h1'], ['h2'], false])
    expect(senders.cores + receivers.cores).toBeCloseTo(cores, 9)
    for (const side of [senders, receivers]) {
      expect(sum(Object.values(side.stages))).toBeCloseTo(side.cores, 9)
      expect(side.softirq).toBeLessThanOrEqual(side.cores)
      expect(side.busiest!.share).toBeLessThanOrEqual(side.cores)
    }
    expect(senders.stages).toHaveProperty('udp_send')
    expect(senders.stages).not.toHaveProperty('udp_receive')
    expect(receivers.stages).toHaveProperty('udp_receive')
    // 50,000 packets of 1000 bytes a second.
    expect(perPacket).toBeCloseTo((cores * 1e12) / 50_000, -4)
    expect(perPacket! / perByte!).toBeCloseTo(1000, 6)
  })

  it('the cable was busy for what the packets need on it, and carried what they carry', () => {
    for (const settings of [SERVERS, ['fabric.links=25Gbps', 'hosts.costs=none']]) {
      const { links, wireEfficiency } = rowOf(run(PACED, ...settings).result())
      // 28 bytes of UDP and IPv4, 14 of Ethernet, 24 of FCS, preamble and gap.
      const bytes = 1000 + 28 + 14 + 24
      expect(links!.map(({ name, direction }) => `${name} ${direction}`)).toEqual([
        'h1-leaf1 forward',
        'h2-leaf1 backward',
      ])
      for (const { utilisation } of links!) {
        expect(utilisation).toBeCloseTo((50_000 * bytes * 8) / 25e9, 4)
      }
      expect(wireEfficiency).toBeCloseTo(1000 / bytes, 12)
    }
  })

  it('of a number of bytes, which ends when they have been read', () => {
    const long = TCP.replace('for: 50ms', 'for: 1s, bytes: 10MB')
    const { window, cpu, goodput, limitedBy } = rowOf(run(long, ...SERVERS).result())
    expect(window.end - window.start).toBeLessThan(20e9)
    expect(limitedBy?.kind).not.toBe('application')
    expect(cpu!.cores).toBeGreaterThan(0.3)
    expect(cpu!.perByte! * (goodput! / 8)).toBeCloseTo(cpu!.cores * 1e12, -9)
  })

  it('there is no CPU where work takes no time', () => {
    const result = run(PACED, 'hosts.costs=none').result()
    expect(rowOf(result).cpu).toBeNull()
    expect(result).toMatchObject({ costs: 'none', costsAbout: null, machines: [] })
  })

  it('losses are counted, those before it not', () => {
    const losses = (until: string) =>
      rowOf(
        run(
          PACED,
          'hosts.costs=none',
          `faults=[{ node: h2, at: 1.001s, until: ${until}, loss: 100% }]`,
        ).result(),
      ).losses
    // A tenth of the 20 ms is cut off.
    expect(losses('1.002s')).toEqual([])
    expect(losses('1.004s')).toEqual([{ reason: 'link_loss', place: 'leaf1/p2', count: 100 }])
  })
})

describe('what limits a workload', () => {
  it.each([
    ['application', PACED, SERVERS],
    ['send-core', MAX.replace('to: c2', 'to: [c2, c3]'), [...SERVERS, ...ONE_CORE]],
    ['round-trip', RR, SERVERS],
    ['link', PACED.replace('50kpps', '200kpps'), ['hosts.costs=none']],
    ['loss', PACED, ['hosts.costs=none', 'faults=[{ node: h2, at: 0s, loss: 10% }]']],
  ])('%s', (kind, workload, settings) => {
    expect(rowOf(run(workload, ...settings).result()).limitedBy?.kind).toBe(kind)
  })

  it('is a full cable for TCP, which then carries what the headers leave', () => {
    const { limitedBy, goodput, wireEfficiency } = rowOf(run(TCP, 'hosts.costs=none').result())
    expect(limitedBy).toMatchObject({ kind: 'link', share: expect.closeTo(1, 2) })
    // 1448 of 1538 bytes: 20 of IPv4, 32 of TCP, 14 of Ethernet, 24 of FCS, preamble and gap.
    expect(goodput).toBeCloseTo((1e9 * 1448) / 1538, -7)
    expect(wireEfficiency).toBeCloseTo(1448 / 1538, 3)
  })

  it('is the receive window, where it is short for the way', () => {
    const far = 'fabric.links={ rate: 10Gbps, delay: 1ms }'
    const narrow = TCP.replace('for: 50ms', 'for: 200ms, receiveBuffer: 64kB')
    const { limitedBy } = rowOf(run(narrow, 'hosts.costs=none', far).result())
    expect(limitedBy).toMatchObject({ kind: 'window', what: 'receive window' })
  })

  it('is the only core of a receiver to whom three hosts send', () => {
    const workload = MAX.replace('from: c1, to: c2', 'from: [c1, c2, c4], to: c3')
    const { limitedBy, cpu, losses } = rowOf(run(workload, ...SERVERS, ...ONE_CORE).result())
    expect([cpu!.senders.hosts, cpu!.receivers.hosts]).toEqual([['h1', 'h2', 'h4'], ['h3']])
    expect(cpu!.receivers.busiest!.share).toBeGreaterThan(0.99)
    expect(losses!.every(({ place }) => /^(h3|c3)\//.test(place))).toBe(true)
    expect(limitedBy?.kind).toMatch(/^receive-(softirq-)?core$/)
    expect(limitedBy?.what).toBe('core 0 of h3')
  })
})

describe('the account of a machine', () => {
  const machinesOf = ({ world }: Run): Machine[] =>
    [...world.hosts.values()].map(({ kernel }) => kernel.machine!)

  it.each([PACED, MAX, RR, TCP])('adds up to the picosecond: %s', (workload) => {
    const given = run(workload, ...SERVERS)
    const result = given.result()
    expect(runResultSchema.parse(result)).toEqual(result)
    for (const [i, machine] of machinesOf(given).entries()) {
      const row = result.machines[i]!
      expect(row).toMatchObject({ name: machine.name, balanced: true, unaccounted: 0 })
      const busy = sum(row.cores.map((core) => core.busy))
      expect(sum(Object.values(row.stages))).toBe(busy)
      expect(busy).toBeGreaterThan(0)
      for (const core of machine.cores) {
        expect(sum(core.account)).toBe(core.busy)
        expect(core.busy).toBeLessThanOrEqual(given.now)
      }
    }
  })

  it('that does not add up, or was charged outside of any core, is told', () => {
    const given = new Run(scenario(`workload:\n  - ${PACED}\n`, ...SERVERS), builtinSchemes, {
      capture: false,
    })
    given.advance(100)
    const [first] = machinesOf(given)
    first!.cores[0]!.account[0]! += 1
    first!.unaccounted++
    expect(given.result().machines[0]).toMatchObject({ balanced: false, unaccounted: 1 })
  })
})
