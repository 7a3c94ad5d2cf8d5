import { describe, expect, it } from 'vitest'
import { CabledHosts, costsOf, WAKEUP_LATENCY, wireTime } from '../../test/cabled-hosts.ts'
import { MICROSECOND, MILLISECOND } from '../sim/units.ts'
import { TcpConnectRequestResponse } from './tcp-crr.ts'
import type { TcpConnectResult, TcpRequestResponseResult } from './tcp-results.ts'
import { TcpRequestResponse } from './tcp-rr.ts'
import type { TcpTransactionOptions } from './tcp-transactions.ts'

/** A byte with IP and TCP headers and timestamps. */
const BYTE = wireTime(53)

function optionsOf(
  hosts: CabledHosts,
  options: Partial<TcpTransactionOptions>,
): TcpTransactionOptions {
  const { a, b, simulator } = hosts
  return {
    simulator,
    name: 'rr-1',
    at: MILLISECOND,
    duration: 10 * MILLISECOND,
    warmup: 0,
    pairs: [{ from: a.namespace, to: b.namespace, destination: b.address }],
    ...options,
  }
}

function finish<R>(
  hosts: CabledHosts,
  workload: { start(): void; endsAt: number; result(now: number): R },
): R {
  workload.start()
  hosts.simulator.run(workload.endsAt)
  expect(hosts.ledger.imbalance()).toBe(0)
  expect(hosts.unaccounted).toBe(0)
  return workload.result(hosts.simulator.now)
}

function requests(
  hosts: CabledHosts,
  options: Partial<TcpTransactionOptions> = {},
): TcpRequestResponseResult {
  return finish(hosts, new TcpRequestResponse(optionsOf(hosts, options)))
}

function connects(
  hosts: CabledHosts,
  options: Partial<TcpTransactionOptions> = {},
): TcpConnectResult {
  return finish(hosts, new TcpConnectRequestResponse(optionsOf(hosts, options)))
}

describe('TCP requests and responses', () => {
  it('run one after the other at the rate of the round trip', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const result = requests(hosts)
    expect(result.rtt).toMatchObject({ min: 2 * BYTE, p50: 2 * BYTE })
    expect(result).toMatchObject({
      kind: 'tcp-rr',
      partial: false,
      refused: 0,
      lost: 0,
      retransmits: 0,
      errors: [],
      cores: null,
      sent: result.delivered,
    })
    const connect = result.connectTime!.max
    expect(connect).toBeLessThan(2 * wireTime(60) + MICROSECOND)
    // Some of the first wait for bare ACKs to leave: of the handshake, and of requests (quick ACKs).
    const most = Math.ceil((10 * MILLISECOND - connect) / (2 * BYTE))
    expect(result.delivered).toBeLessThanOrEqual(most)
    expect(result.delivered).toBeGreaterThan(most - 3)
    expect(result.firstPacketLatency).toBe(connect + result.rtt!.max)
    expect(result.rtt!.max).toBe(2 * BYTE + 2 * (wireTime(52) - 5 * MICROSECOND))
    expect(result.transactionsPerSecond).toBe((result.delivered - 1) * 100)
  })

  it('have sizes, which the rates count', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const result = requests(hosts, { size: 100, replySize: 20_000 })
    expect(result.lost).toBe(0)
    expect(result.bytes).toBe(20_100 * result.rtt!.count)
    expect(result.goodput).toBeGreaterThan(0.6e9)
  })

  it('keep several connections of a pair busy', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const one = requests(hosts)
    const again = new CabledHosts().fixNeighbours()
    const eight = requests(again, { outstanding: 8 })
    expect(eight.connectTime!.count).toBe(8)
    expect(eight.transactionsPerSecond / one.transactionsPerSecond).toBeGreaterThan(7)
  })

  it('do not stop the clock where nothing takes time', () => {
    const hosts = new CabledHosts()
    const { a } = hosts
    const pairs = [{ from: a.namespace, to: a.namespace, destination: a.address }]
    expect(requests(hosts, { pairs, duration: MILLISECOND })).toMatchObject({ delivered: 1000 })
  })

  it('are refused where nobody listens', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const pairs = [{ from: hosts.a.namespace, to: null, destination: hosts.b.address }]
    expect(requests(hosts, { pairs })).toMatchObject({
      sent: 0,
      refused: 1,
      rtt: null,
      partial: false,
      errors: [{ origin: 'local', errno: 'ECONNREFUSED', count: 1 }],
    })
  })

  it('take two calls and a wake-up at each end of a machine', () => {
    const costs = costsOf({ syscall_send: 3000, syscall_receive: 5000 })
    const hosts = new CabledHosts('1', costs).fixNeighbours()
    const result = requests(hosts, { senderCore: 1, receiverCore: 0 })
    const turn = 2 * (BYTE + WAKEUP_LATENCY + 8 * MICROSECOND)
    expect(result.rtt!.p50).toBe(turn)
    const { senders, receivers } = result.cores!
    expect(senders).toMatchObject([{ host: 'a', core: 1 }])
    expect(receivers).toMatchObject([{ host: 'b', core: 0 }])
    expect(senders[0]!.share).toBeCloseTo((8 * MICROSECOND) / turn, 1)
  })
})

describe('TCP connections, each for a request and its reply', () => {
  it('take a round trip more than the request alone, with the ACKs before request and reply', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const result = connects(hosts)
    const least = result.connectTime!.min + 2 * BYTE + 2 * (wireTime(52) - 5 * MICROSECOND)
    expect(result.rtt!.min).toBe(least)
    expect(result.rtt!.max).toBeLessThan(least + 5 * MICROSECOND)
    expect(result).toMatchObject({ kind: 'tcp-crr', partial: false, refused: 0, lost: 0 })
    expect(result.connectTime!.count).toBe(result.sent)
    expect(result.delivered).toBe(Math.ceil((10 * MILLISECOND) / result.rtt!.mean))
  })

  it('share one listener between clients', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const ports = new Set<number>()
    hosts.b.nic.tap = {
      frame: (_, { destinationPort }, way) => way === 'in' && ports.add(destinationPort),
    }
    const result = connects(hosts, { outstanding: 5 })
    expect(ports).toEqual(new Set([12865]))
    expect(result).toMatchObject({ lost: 0, refused: 0 })
    expect(result.delivered).toBeGreaterThan(1000)
  })

  it('are tried again after a pause where nobody listens', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const pairs = [{ from: hosts.a.namespace, to: null, destination: hosts.b.address }]
    const result = connects(hosts, { pairs })
    expect(result).toMatchObject({ delivered: 0, partial: false, rtt: null, connectTime: null })
    expect(result.sent).toBe(result.refused)
    expect(result.sent).toBe(10)
  })

  it('run on machines', () => {
    const costs = costsOf({ syscall_send: 3000, syscall_receive: 5000, tcp_receive: 1000 })
    const hosts = new CabledHosts('1', costs).fixNeighbours()
    const result = connects(hosts, { outstanding: 3 })
    expect(result).toMatchObject({ lost: 0, refused: 0 })
    expect(result.delivered).toBeGreaterThan(500)
    expect(result.cores!.senders).toHaveLength(3)
    expect(result.cores!.receivers).toHaveLength(3)
  })
})
