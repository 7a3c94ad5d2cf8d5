import { describe, expect, it } from 'vitest'
import { CabledHosts, wireTime } from '../../test/cabled-hosts.ts'
import { duplication, maxPacket, reordering } from '../link/fault-rules.ts'
import type { FaultRule } from '../link/faulty-channel.ts'
import { MICROSECOND, MILLISECOND, SECOND } from '../sim/units.ts'
import type { Frame } from '../wire/frame.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { type UdpOptions, UdpStream } from './udp.ts'
import type { UdpResult } from './workload.ts'

/** 1000 payload bytes a millisecond: 8 Mb/s. */
function stream(hosts: CabledHosts, options: Partial<UdpOptions> = {}): UdpStream {
  const workload = new UdpStream({
    simulator: hosts.simulator,
    name: 'udp-1',
    at: MILLISECOND,
    duration: 100 * MILLISECOND,
    packetRate: 1000,
    size: 1000,
    port: 5001,
    pairs: [{ from: hosts.a.namespace, to: hosts.b.namespace, destination: hosts.b.address }],
    ...options,
  })
  workload.start()
  return workload
}

function run(hosts: CabledHosts, workload: UdpStream): UdpResult {
  hosts.simulator.run(workload.endsAt)
  expect(hosts.ledger.imbalance()).toBe(0)
  return workload.result(hosts.simulator.now)
}

/** Applies `verdict` to the packets with these stamps. */
function only(stamps: readonly number[], rule: FaultRule): FaultRule {
  return {
    name: `${rule.name} of some`,
    judge: (frame, random) =>
      stamps.includes(frame.sequence) && frame.protocol === 17
        ? rule.judge(frame, random)
        : { kind: 'pass' },
  }
}

const drop: FaultRule = {
  name: 'loss',
  judge: () => ({ kind: 'drop', reason: 'link_loss' }),
}

describe('a UDP stream', () => {
  it('measures exactly what a cable does to it', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const result = run(hosts, stream(hosts))
    const latency = wireTime(1028)
    expect(result).toMatchObject({
      kind: 'udp',
      partial: false,
      window: { start: MILLISECOND, end: 101 * MILLISECOND },
      sent: 100,
      refused: 0,
      delivered: 100,
      lost: 0,
      duplicates: 0,
      reordered: 0,
      misdelivered: 0,
      bytes: 100_000,
      goodput: 8e6,
      offered: 8e6,
      packetsPerSecond: 1000,
      jitter: 0,
      firstPacketLatency: latency,
      errors: [],
    })
    expect(result.latency).toEqual({
      count: 100,
      min: latency,
      mean: latency,
      p50: latency,
      p90: latency,
      p99: latency,
      p999: latency,
      max: latency,
    })
    expect(hosts.ledger.delivered).toBe(100)
  })

  it('sends at start + n/rate without drift, rounded to picoseconds', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const times: number[] = []
    hosts.a.nic.port.tap = { frame: (time) => times.push(time) }
    run(hosts, stream(hosts, { packetRate: 3000, duration: SECOND }))
    expect(times).toHaveLength(3000)
    expect(times[1]).toBe(MILLISECOND + 333_333_333)
    expect(times[2]).toBe(MILLISECOND + 666_666_667)
    expect(times[2999]).toBe(MILLISECOND + 999_666_666_667)
  })

  it('spreads the packets of a pair evenly over its flows', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const ports: number[] = []
    hosts.b.nic.port.tap = { frame: (_, { sourcePort }: Frame) => ports.push(sourcePort) }
    const result = run(hosts, stream(hosts, { parallel: 4 }))
    expect(new Set(ports).size).toBe(4)
    expect(ports.slice(4, 8)).toEqual(ports.slice(0, 4))
    expect(result).toMatchObject({ sent: 100, delivered: 100, reordered: 0, duplicates: 0 })
  })

  it('counts the ARP exchange into the first packet and loses none', () => {
    const hosts = new CabledHosts()
    const result = run(hosts, stream(hosts))
    expect(result.firstPacketLatency).toBe(2 * wireTime(28) + wireTime(1028))
    expect(result.latency).toMatchObject({
      min: wireTime(1028),
      max: 2 * wireTime(28) + wireTime(1028),
    })
    expect(result.delivered).toBe(100)
  })

  it('cuts the warm-up off rates and distributions, not off counts', () => {
    const hosts = new CabledHosts()
    const result = run(hosts, stream(hosts, { warmup: 20 * MILLISECOND }))
    expect(result).toMatchObject({ sent: 100, delivered: 100, bytes: 80_000, goodput: 8e6 })
    expect(result.window).toEqual({ start: 21 * MILLISECOND, end: 101 * MILLISECOND })
    expect(result.latency).toMatchObject({ count: 80, max: wireTime(1028) })
  })

  it('stops at its count', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const result = run(hosts, stream(hosts, { count: 10 }))
    expect(result).toMatchObject({ sent: 10, delivered: 10, goodput: 8e6 })
    expect(result.window.end).toBe(11 * MILLISECOND)
  })
})

describe('a UDP stream under faults', () => {
  it('counts lost packets', () => {
    const hosts = new CabledHosts().fixNeighbours()
    hosts.a.nic.port.channel.add(only([3, 4, 50], drop))
    const result = run(hosts, stream(hosts))
    expect(result).toMatchObject({ sent: 100, delivered: 97, lost: 3, reordered: 0, bytes: 97_000 })
    expect(result.goodput).toBe(7.76e6)
    expect(result.offered).toBe(8e6)
  })

  it('counts duplicates apart, in latency and goodput not at all', () => {
    const hosts = new CabledHosts().fixNeighbours()
    hosts.a.nic.port.channel.add(only([7, 8], duplication(1)))
    const result = run(hosts, stream(hosts))
    expect(result).toMatchObject({ delivered: 100, lost: 0, duplicates: 2, reordered: 0 })
    expect(result.latency?.count).toBe(100)
    expect(result.goodput).toBe(8e6)
  })

  it('counts as reordered what later packets overtook, even when it comes twice', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const late = 2.5 * MILLISECOND
    hosts.a.nic.port.channel.add(only([10, 20], reordering(1, late)))
    hosts.a.nic.port.channel.add(only([20], duplication(1)))
    const result = run(hosts, stream(hosts))
    expect(result).toMatchObject({ delivered: 100, reordered: 2, duplicates: 1, lost: 0 })
    expect(result.latency?.max).toBe(wireTime(1028) + late)
  })

  it('takes order and jitter by flow: a slower flow is in order', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const odd = Array.from({ length: 50 }, (_, i) => 2 * i + 1)
    hosts.a.nic.port.channel.add(only(odd, reordering(1, 5 * MILLISECOND)))
    const result = run(hosts, stream(hosts, { parallel: 2 }))
    expect(result).toMatchObject({ delivered: 100, reordered: 0, jitter: 0 })
  })

  it('smooths jitter by a sixteenth (RFC 3550)', () => {
    const hosts = new CabledHosts().fixNeighbours()
    hosts.a.nic.port.channel.add(only([3], reordering(1, 160 * MICROSECOND)))
    const result = run(hosts, stream(hosts, { count: 4 }))
    expect(result.jitter).toBe(10 * MICROSECOND)
  })
})

describe('a UDP stream that meets errors', () => {
  it('counts what a socket that insists on DF refuses as sent and lost', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const result = run(hosts, stream(hosts, { size: 1473, dontFragment: 'do', count: 5 }))
    expect(result).toMatchObject({ sent: 5, refused: 5, delivered: 0, lost: 5 })
    expect(result).toMatchObject({ firstPacketLatency: null, latency: null, jitter: null })
    expect(result.errors).toEqual([{ origin: 'local', errno: 'EMSGSIZE', count: 5 }])
    expect(hosts.ledger.originated).toBe(0)
  })

  it('fragments by default what does not fit', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const result = run(hosts, stream(hosts, { size: 4000, count: 5 }))
    expect(result).toMatchObject({ sent: 5, delivered: 5, bytes: 20_000 })
    expect(hosts.ledger).toMatchObject({ split: 5, fragments: 15, merged: 10 })
  })

  it('counts ICMP errors by type and sender', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const pairs = [{ from: hosts.a.namespace, to: null, destination: hosts.b.address }]
    const result = run(hosts, stream(hosts, { pairs, count: 3 }))
    expect(result).toMatchObject({ sent: 3, refused: 0, lost: 3 })
    expect(result.errors).toEqual([
      { origin: 'icmp', type: 3, code: 3, from: '10.0.0.2', mtu: 0, count: 3 },
    ])
    expect(result.pairs[0]!.port).toBeNull()
  })

  it('tells a missing route', () => {
    const hosts = new CabledHosts()
    const pairs = [{ from: hosts.a.namespace, to: null, destination: ipv4('192.0.2.1') }]
    const result = run(hosts, stream(hosts, { pairs, count: 2 }))
    expect(result.errors).toEqual([{ origin: 'local', errno: 'ENETUNREACH', count: 2 }])
  })

  it('fails each send of a flow that found no free port', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const { sockets } = hosts.a.namespace
    for (let port = 32768; port < 60999; port++) sockets.openUdp(port)
    const result = run(hosts, stream(hosts, { parallel: 2, count: 6 }))
    expect(result).toMatchObject({ sent: 6, refused: 3, delivered: 3, lost: 3 })
    expect(result.errors).toEqual([{ origin: 'local', errno: 'EAGAIN', count: 3 }])
  })

  it('blocks on a full send buffer, as iperf3 does, and loses nothing', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const overload = { size: 1472, packetRate: 200_000, parallel: 3 }
    const result = run(hosts, stream(hosts, overload))
    const linkRate = SECOND / (wireTime(1500) - 5 * MICROSECOND)
    expect(result).toMatchObject({ refused: 0, lost: 0, requestedPacketsPerSecond: 200_000 })
    // What is in the buffers at the end of the sending arrives after the window.
    expect(result.packetsPerSecond).toBeGreaterThan(0.99 * linkRate)
    expect(result.packetsPerSecond).toBeLessThanOrEqual(linkRate)
    expect(result.sent).toBeLessThan(0.5 * 20_000)
  })

  it('goes on after blocking with what has become due, and then by its pace again', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const times: number[] = []
    hosts.b.nic.port.tap = { frame: (time) => times.push(time) }
    // 100 packets of 64 kB: ten times what the cable carries until the count is reached.
    const result = run(hosts, stream(hosts, { size: 64_000, packetRate: 20_000, count: 100 }))
    expect(result).toMatchObject({ sent: 100, delivered: 100, refused: 0, reordered: 0 })
    const gaps = times.slice(1).map((time, i) => time - times[i]!)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(wireTime(1500) - 5 * MICROSECOND)
  })

  it('is silent about a hop that drops silently', () => {
    const hosts = new CabledHosts().fixNeighbours()
    hosts.a.nic.port.channel.add(maxPacket(1000))
    expect(run(hosts, stream(hosts, { count: 2 }))).toMatchObject({ lost: 2, errors: [] })
  })
})

describe('several pairs', () => {
  it('are measured one by one and as a whole', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const { a, b } = hosts
    const pairs = [
      { from: a.namespace, to: b.namespace, destination: b.address },
      { from: b.namespace, to: a.namespace, destination: a.address },
    ]
    b.nic.port.channel.add(only([1, 3], drop))
    const result = run(hosts, stream(hosts, { pairs, warmup: 10 * MILLISECOND }))
    expect(result).toMatchObject({ sent: 200, delivered: 198, lost: 2 })
    expect(result.pairs).toMatchObject([
      { from: 'a', to: '10.0.0.2', port: 5001, sent: 100, delivered: 100, goodput: 8e6 },
      { from: 'b', to: '10.0.0.1', port: 5001, sent: 100, delivered: 98, lost: 2, duplicates: 0 },
    ])
  })

  it('that share a receiver do not mix', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const { a, b } = hosts
    const pair = { from: a.namespace, to: b.namespace, destination: b.address }
    b.nic.port.channel.add(drop)
    const result = run(hosts, stream(hosts, { pairs: [pair, pair, pair], count: 20 }))
    expect(result).toMatchObject({ sent: 60, delivered: 60, duplicates: 0, reordered: 0 })
    expect(result.pairs.map(({ delivered }) => delivered)).toEqual([20, 20, 20])
  })

  it('notice packets that reach the wrong receiver', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const { a, b } = hosts
    const pairs = [
      { from: a.namespace, to: a.namespace, destination: b.address },
      { from: a.namespace, to: b.namespace, destination: b.address },
    ]
    const result = run(hosts, stream(hosts, { pairs, count: 5 }))
    expect(result.pairs).toMatchObject([
      { delivered: 0, lost: 5, misdelivered: 5 },
      { delivered: 5, lost: 0, misdelivered: 0 },
    ])
  })

  it('of a second workload get a port of their own', () => {
    const hosts = new CabledHosts().fixNeighbours()
    const first = stream(hosts)
    const second = stream(hosts, { name: 'udp-2', count: 30 })
    hosts.simulator.run(first.endsAt)
    expect(first.result(first.endsAt)).toMatchObject({ delivered: 100, duplicates: 0 })
    const result = second.result(second.endsAt)
    expect(result).toMatchObject({ delivered: 30, duplicates: 0 })
    expect(result.pairs[0]!.port).toBe(5002)
  })
})

it('says that a result is partial, with rates of the time that has passed', () => {
  const hosts = new CabledHosts().fixNeighbours()
  const workload = stream(hosts)
  expect(workload.result(0)).toMatchObject({ partial: true, sent: 0, goodput: 0 })
  hosts.simulator.run(51 * MILLISECOND - 1)
  expect(workload.result(hosts.simulator.now)).toMatchObject({
    partial: true,
    sent: 50,
    delivered: 50,
    window: { start: MILLISECOND, end: 51 * MILLISECOND - 1 },
  })
  hosts.simulator.run(workload.window.end)
  expect(workload.result(hosts.simulator.now).partial).toBe(false)
})

it('is the same for the same seed', () => {
  const results = ['7', '7', '8'].map((seed) => {
    const hosts = new CabledHosts(seed)
    const { a, b } = hosts
    const pair = { from: a.namespace, to: b.namespace, destination: b.address }
    a.nic.port.channel.add(reordering(0.2, 3 * MILLISECOND))
    return run(hosts, stream(hosts, { pairs: [pair, pair, pair] }))
  })
  expect(results[1]).toEqual(results[0])
  expect(results[2]).not.toEqual(results[0])
})
