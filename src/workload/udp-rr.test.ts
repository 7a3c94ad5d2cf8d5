import { describe, expect, it } from 'vitest'
import { CabledHosts, wireTime } from '../../test/cabled-hosts.ts'
import { duplication, reordering } from '../link/fault-rules.ts'
import type { FaultRule } from '../link/faulty-channel.ts'
import { MICROSECOND, MILLISECOND } from '../sim/units.ts'
import { UdpRequestResponse, type UdpRequestResponseOptions } from './udp-rr.ts'
import type { UdpRequestResponseResult } from './workload.ts'

function requests(
  hosts: CabledHosts,
  options: Partial<UdpRequestResponseOptions> = {},
): UdpRequestResponse {
  const workload = new UdpRequestResponse({
    simulator: hosts.simulator,
    name: 'udp-rr-1',
    pairs: [{ from: hosts.a.namespace, to: hosts.b.namespace, destination: hosts.b.address }],
    at: MILLISECOND,
    duration: 10 * MILLISECOND,
    size: 100,
    replySize: 1000,
    outstanding: 1,
    timeout: 5 * MILLISECOND,
    port: 12865,
    ...options,
  })
  workload.start()
  return workload
}

function run(hosts: CabledHosts, workload: UdpRequestResponse): UdpRequestResponseResult {
  hosts.simulator.run(workload.endsAt)
  expect(hosts.ledger.imbalance()).toBe(0)
  return workload.result(hosts.simulator.now)
}

/** Applies a rule to what carries these request numbers. */
function only(sequences: readonly number[], rule: FaultRule): FaultRule {
  return {
    name: `${rule.name} of some`,
    judge: (frame, random) =>
      sequences.includes(frame.sequence) && frame.protocol === 17
        ? rule.judge(frame, random)
        : { kind: 'pass' },
  }
}

const drop: FaultRule = {
  name: 'loss',
  judge: () => ({ kind: 'drop', reason: 'link_loss' }),
}

const RTT = wireTime(128) + wireTime(1028)

describe('UDP requests and responses', () => {
  it('run one after the other at the rate of the round trip', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const result = run(hosts, requests(hosts))
    // A new request leaves with each reply, the last of them just before the end.
    const sent = Math.ceil((10 * MILLISECOND) / RTT)
    expect(result).toMatchObject({
      kind: 'udp-rr',
      partial: false,
      sent,
      requests: sent,
      delivered: sent,
      lost: 0,
      timeouts: 0,
      late: 0,
      duplicates: 0,
      firstPacketLatency: RTT,
      transactionsPerSecond: (sent - 1) * 100,
      bytes: (sent - 1) * 1100,
      goodput: (sent - 1) * 1100 * 8 * 100,
      errors: [],
    })
    expect(result.rtt).toMatchObject({ count: sent - 1, min: RTT, max: RTT })
  })

  it('keep several under way', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const one = run(hosts, requests(hosts))
    const again = new CabledHosts().fixNeighbours()
    const seen: number[] = []
    again.b.nic.tap = { frame: (_, { sequence }, way) => way === 'in' && seen.push(sequence) }
    const result = run(again, requests(again, { outstanding: 2 }))
    expect(seen.slice(0, 6)).toEqual([0, 1, 2, 3, 4, 5])
    expect(result.rtt!.count).toBeGreaterThan(1.8 * one.rtt!.count)
    expect(result.delivered).toBe(result.sent)
  })

  it('give a lost request up after the timeout and go on with the next', () => {
    const hosts = new CabledHosts().fixNeighbours()
    hosts.a.nic.port.channel.add(only([2], drop))
    hosts.b.nic.port.channel.add(only([4], drop))
    const result = run(hosts, requests(hosts, { duration: 20 * MILLISECOND }))
    expect(result).toMatchObject({ timeouts: 2, lost: 2, late: 0, partial: false })
    expect(result.requests).toBe(result.sent - 1)
    const expected = Math.ceil((20 * MILLISECOND - 2 * 5 * MILLISECOND) / RTT) + 2
    expect(result.sent).toBe(expected)
  })

  it('tell a late reply from a doubled one', () => {
    const hosts = new CabledHosts().fixNeighbours()
    hosts.b.nic.port.channel.add(only([2], reordering(1, 6 * MILLISECOND)))
    hosts.b.nic.port.channel.add(only([5], duplication(1)))
    const result = run(hosts, requests(hosts))
    expect(result).toMatchObject({ timeouts: 1, lost: 1, late: 1, duplicates: 1 })
  })

  it('do not stop the clock where nothing takes time', () => {
    const hosts = new CabledHosts()
    const { a } = hosts
    const pairs = [{ from: a.namespace, to: a.namespace, destination: a.address }]
    const result = run(hosts, requests(hosts, { pairs, duration: MILLISECOND }))
    expect(result).toMatchObject({ sent: 1000, delivered: 1000, transactionsPerSecond: 1e6 })
    expect(result.rtt?.max).toBe(0)
  })

  it('wait, client and server, for room in their send buffers', () => {
    for (const sizes of [
      { size: 1400, replySize: 10 },
      { size: 10, replySize: 1400 },
    ]) {
      const hosts = new CabledHosts().fixNeighbours()
      const options = { ...sizes, outstanding: 300, timeout: 100 * MILLISECOND }
      const result = run(hosts, requests(hosts, options))
      expect(result).toMatchObject({ refused: 0, lost: 0, timeouts: 0, errors: [] })
      expect(result.goodput).toBeGreaterThan(0.7e9)
    }
  })

  it('time out where nobody listens, with the errors that came', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const pairs = [{ from: hosts.a.namespace, to: null, destination: hosts.b.address }]
    const workload = requests(hosts, { pairs })
    hosts.simulator.run(10 * MILLISECOND)
    expect(workload.result(hosts.simulator.now).partial).toBe(true)
    expect(run(hosts, workload)).toMatchObject({
      partial: false,
      sent: 2,
      delivered: 0,
      timeouts: 2,
      goodput: 0,
      rtt: null,
      errors: [{ origin: 'icmp', type: 3, code: 3, from: '10.0.0.2', mtu: 0, count: 2 }],
    })
  })

  it('share a server between clients and keep a warm-up out of the rates', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const { a, b } = hosts
    const pair = { from: a.namespace, to: b.namespace, destination: b.address }
    const pairs = [pair, { from: b.namespace, to: b.namespace, destination: b.address }]
    const result = run(hosts, requests(hosts, { pairs, warmup: 5 * MILLISECOND }))
    const remote = Math.ceil((10 * MILLISECOND) / RTT)
    const local = (10 * MILLISECOND) / MICROSECOND
    expect(result).toMatchObject({ sent: remote + local, delivered: remote + local })
    const before = Math.floor((5 * MILLISECOND) / RTT)
    expect(result.rtt?.count).toBe(remote - 1 - before + local / 2)
  })
})
