import { describe, expect, it } from 'vitest'
import { CabledHosts, costsOf } from '../../test/cabled-hosts.ts'
import { reordering } from '../link/fault-rules.ts'
import type { FaultRule } from '../link/faulty-channel.ts'
import { MICROSECOND, MILLISECOND, SECOND } from '../sim/units.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { TcpBulk, type TcpBulkOptions } from './tcp.ts'
import type { TcpResult } from './tcp-results.ts'

/** Of a cable of 1 Gb/s: 1448 of 1538 bytes are payload, with timestamps. */
const LINK_GOODPUT = (1e9 * 1448) / 1538

const DATA_COSTS = costsOf({ syscall_send: 2000, syscall_receive: 4000, tcp_receive: 1000 })

function bulk(hosts: CabledHosts, options: Partial<TcpBulkOptions> = {}): TcpBulk {
  const { a, b, simulator } = hosts
  const workload = new TcpBulk({
    simulator,
    name: 'tcp-1',
    at: MILLISECOND,
    duration: 100 * MILLISECOND,
    pairs: [{ from: a.namespace, to: b.namespace, destination: b.address }],
    linger: 500 * MILLISECOND,
    ...options,
  })
  workload.start()
  return workload
}

function run(hosts: CabledHosts, workload: TcpBulk): TcpResult {
  hosts.simulator.run(workload.endsAt)
  expect(hosts.ledger.imbalance()).toBe(0)
  expect(hosts.unaccounted).toBe(0)
  return workload.result(hosts.simulator.now)
}

/** Loses everything between two times. */
function cut(hosts: CabledHosts, from: number, to: number): FaultRule {
  return {
    name: 'cut',
    judge: () => {
      const { now } = hosts.simulator
      return now >= from && now < to ? { kind: 'drop', reason: 'link_loss' } : { kind: 'pass' }
    },
  }
}

describe('TCP in bulk', () => {
  it('fills a cable to within half a per cent of the arithmetic', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const result = run(hosts, bulk(hosts))
    expect(Math.abs(result.goodput / LINK_GOODPUT - 1)).toBeLessThan(0.005)
    expect(result).toMatchObject({
      kind: 'tcp',
      partial: false,
      window: { start: 21 * MILLISECOND, end: 101 * MILLISECOND },
      warmup: 20 * MILLISECOND,
      sent: 1,
      refused: 0,
      errors: [],
      fairness: 1,
      cores: null,
    })
    expect(result.bytes).toBe(Math.round((result.goodput * 80 * MILLISECOND) / 8 / SECOND))
    const [flow] = result.flows
    expect(flow).toMatchObject({
      from: 'a',
      to: '10.0.0.2',
      port: 5201,
      direction: 'forward',
      connected: true,
      congestion: 'cubic',
      mss: 1448,
      goodput: result.goodput,
      completionTime: null,
      error: null,
    })
    expect(flow!.connectTime).toBeGreaterThanOrEqual(10 * MICROSECOND)
    expect(flow!.connectTime).toBeLessThan(20 * MICROSECOND)
    expect(result.connectTime).toMatchObject({ count: 1, min: flow!.connectTime })
    expect(result.rtt!.min).toBeGreaterThan(10 * MICROSECOND)
    expect(result.stall).toBeLessThan(MILLISECOND)
    const { application, ...held } = result.limits!
    expect(application).toBeLessThan(0.02)
    const all = Object.values(held).reduce((sum, share) => sum + share, application)
    expect(all).toBeCloseTo(1, 9)
  })

  it('shares it fairly among flows', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const result = run(hosts, bulk(hosts, { parallel: 4, duration: SECOND }))
    expect(result.flows).toHaveLength(4)
    expect(Math.abs(result.goodput / LINK_GOODPUT - 1)).toBeLessThan(0.005)
    expect(result.fairness).toBeGreaterThan(0.8)
    const sum = result.flows.reduce((total, { bytes }) => total + bytes, 0)
    expect(result.pairs).toEqual([
      {
        from: 'a',
        to: '10.0.0.2',
        bytes: sum,
        goodput: result.goodput,
        offered: result.offered,
        retransmits: result.retransmits,
      },
    ])
  })

  it('carries so many bytes and is through', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const workload = bulk(hosts, { bytes: 1_000_000, parallel: 3 })
    hosts.simulator.run(60 * MILLISECOND)
    const result = workload.result(hosts.simulator.now)
    expect(result).toMatchObject({ partial: false, bytes: 3_000_000, warmup: 0 })
    expect(result.flows.map(({ bytes }) => bytes)).toEqual([1e6, 1e6, 1e6])
    const latest = Math.max(...result.flows.map(({ completionTime }) => completionTime!))
    expect(result.window).toEqual({ start: MILLISECOND, end: MILLISECOND + latest })
    expect(latest).toBeGreaterThan((3_000_000 * 8 * SECOND) / LINK_GOODPUT)
    expect(latest).toBeLessThan((1.05 * 3_000_000 * 8 * SECOND) / LINK_GOODPUT)
    expect(run(hosts, workload)).toEqual(result)
  })

  it('is partial before its end', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const workload = bulk(hosts)
    expect(workload.result(0)).toMatchObject({ partial: true, goodput: 0, fairness: null })
    hosts.simulator.run(61 * MILLISECOND)
    const result = workload.result(hosts.simulator.now)
    expect(result).toMatchObject({ partial: true, window: { end: 61 * MILLISECOND } })
    expect(Math.abs(result.goodput / LINK_GOODPUT - 1)).toBeLessThan(0.01)
  })

  it('goes the other way, or both ways', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const reverse = run(hosts, bulk(hosts, { direction: 'reverse' }))
    expect(reverse.flows).toMatchObject([{ from: 'a', to: '10.0.0.2', direction: 'reverse' }])
    expect(Math.abs(reverse.goodput / LINK_GOODPUT - 1)).toBeLessThan(0.005)
    const again = new CabledHosts().fixNeighbours()
    const sent = { out: 0, in: 0 }
    again.a.nic.tap = { frame: (_, { l3Length }, way) => (sent[way] += l3Length) }
    const both = run(again, bulk(again, { direction: 'bidirectional' }))
    expect(both.flows.map(({ direction }) => direction)).toEqual(['forward', 'reverse'])
    for (const { goodput } of both.flows) expect(goodput).toBeGreaterThan(0.85 * LINK_GOODPUT)
    expect(sent.out / sent.in).toBeGreaterThan(0.9)
    expect(sent.out / sent.in).toBeLessThan(1.1)
  })

  it('uses the algorithm and the buffers that it is given', () => {
    const hosts = new CabledHosts().fixNeighbours()
    hosts.a.nic.port.channel.add(reordering(1, MILLISECOND))
    const chosen = { congestion: 'reno', receiveBuffer: 32_768 } as const
    const result = run(hosts, bulk(hosts, { ...chosen, duration: SECOND }))
    expect(result.flows[0]!.congestion).toBe('reno')
    // A window of half the doubled buffer each round trip.
    expect(result.goodput).toBeLessThan((65_536 * 8 * SECOND) / MILLISECOND)
    expect(result.goodput).toBeGreaterThan((16_384 * 8 * SECOND) / MILLISECOND)
    expect(result.limits!.receiveWindow).toBeGreaterThan(0.5)
  })

  it('does not stop the clock where nothing takes time', () => {
    const hosts = new CabledHosts()
    const { a } = hosts
    const pairs = [{ from: a.namespace, to: a.namespace, destination: a.address }]
    const result = run(hosts, bulk(hosts, { pairs, duration: 5 * MILLISECOND }))
    expect(result.goodput).toBeGreaterThan(1e10)
    expect(result.goodput).toBeLessThanOrEqual((131072 * 8 * SECOND) / MICROSECOND)
  })
})

describe('TCP in bulk that meets trouble', () => {
  it('is refused where nobody listens', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const { a, b } = hosts
    const pairs = [{ from: a.namespace, to: null, destination: b.address }]
    const result = run(hosts, bulk(hosts, { pairs, parallel: 2 }))
    expect(result).toMatchObject({ sent: 2, refused: 2, goodput: 0, rtt: null, limits: null })
    expect(result.errors).toEqual([{ origin: 'local', errno: 'ECONNREFUSED', count: 2 }])
    expect(result.flows[0]).toMatchObject({
      port: null,
      connected: false,
      error: 'ECONNREFUSED',
      cwnd: null,
      connectTime: null,
    })
  })

  it('tells a missing route', () => {
    const hosts = new CabledHosts()
    const pairs = [{ from: hosts.a.namespace, to: null, destination: ipv4('192.0.2.1') }]
    const { errors } = run(hosts, bulk(hosts, { pairs }))
    expect(errors).toEqual([{ origin: 'local', errno: 'ENETUNREACH', count: 1 }])
  })

  it('says how long nothing arrived', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const start = 50 * MILLISECOND
    hosts.a.nic.port.channel.add(cut(hosts, start, start + 100 * MILLISECOND))
    const result = run(hosts, bulk(hosts, { duration: 800 * MILLISECOND }))
    // The first timeout, after 200 ms at the least, repairs it.
    expect(result.stall).toBeGreaterThanOrEqual(100 * MILLISECOND)
    expect(result.stall).toBeLessThan(500 * MILLISECOND)
    expect(result.retransmits).toBeGreaterThan(0)
    const again = new CabledHosts().fixNeighbours()
    again.a.nic.port.channel.add(cut(again, start, start + 100 * MILLISECOND))
    const options = { duration: 800 * MILLISECOND, warmup: 600 * MILLISECOND }
    expect(run(again, bulk(again, options))).toMatchObject({ retransmits: 0, stall: result.stall })
  })

  it('knows whose connection it has accepted when two ends have one address', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const { a, b } = hosts
    const pairs = [
      { from: a.namespace, to: a.namespace, destination: b.address },
      { from: a.namespace, to: b.namespace, destination: b.address },
    ]
    const result = run(hosts, bulk(hosts, { pairs }))
    expect(result.flows).toMatchObject([{ bytes: 0, error: 'ECONNRESET' }, { error: null }])
    expect(result.pairs[1]!.goodput).toBe(result.goodput)
  })

  it('leaves another workload’s port alone', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const first = bulk(hosts, { bytes: 10_000 })
    const second = bulk(hosts, { name: 'tcp-2', bytes: 20_000 })
    hosts.simulator.run(first.endsAt)
    expect(first.result(first.endsAt)).toMatchObject({ bytes: 10_000, flows: [{ port: 5201 }] })
    expect(second.result(first.endsAt)).toMatchObject({ bytes: 20_000, flows: [{ port: 5202 }] })
  })
})

describe('TCP in bulk between machines', () => {
  it('is held by the reader’s core, which its window tells the sender', () => {
    const hosts = new CabledHosts('1', costsOf({ copy_out: 2_000_000 })).fixNeighbours()
    const result = run(hosts, bulk(hosts, { senderCore: 0, receiverCore: 1 }))
    expect(result.goodput).toBeLessThan(0.9 * LINK_GOODPUT)
    expect(result.limits!.receiveWindow).toBeGreaterThan(0.3)
    const { senders, receivers } = result.cores!
    expect(senders).toMatchObject([{ host: 'a', core: 0 }])
    expect(receivers).toMatchObject([{ host: 'b', core: 1 }])
    expect(receivers[0]!.share).toBeGreaterThan(0.9)
    expect(senders[0]!.share).toBeLessThan(0.5)
  })

  it('counts as a sender who writes, whichever end that is', () => {
    const hosts = new CabledHosts('1', DATA_COSTS).fixNeighbours()
    const options = { direction: 'reverse', senderCore: 1, receiverCore: 0 } as const
    const { cores, goodput } = run(hosts, bulk(hosts, options))
    expect(goodput).toBeGreaterThan(0.9 * LINK_GOODPUT)
    expect(cores!.senders).toMatchObject([{ host: 'b', core: 1, task: 'tcp-1 server b flow 0' }])
    expect(cores!.receivers).toMatchObject([{ host: 'a', core: 0, task: 'tcp-1 client a flow 0' }])
  })

  it('fills the cable when the cores suffice, each flow with a thread at each end', () => {
    const hosts = new CabledHosts('1', DATA_COSTS).fixNeighbours()
    const result = run(hosts, bulk(hosts, { parallel: 2 }))
    expect(Math.abs(result.goodput / LINK_GOODPUT - 1)).toBeLessThan(0.01)
    expect(result.cores!.senders).toHaveLength(2)
    expect(result.cores!.receivers).toHaveLength(2)
    const { cores } = hosts.a.namespace.kernel.machine!
    expect(cores.every(({ busy }) => busy > 0)).toBe(true)
  })
})

it('is the same for the same seed', () => {
  const results = ['7', '7', '8'].map((seed) => {
    const hosts = new CabledHosts(seed, DATA_COSTS)
    return run(hosts, bulk(hosts, { parallel: 2 }))
  })
  expect(results[1]).toEqual(results[0])
  expect(results[2]).not.toEqual(results[0])
})
