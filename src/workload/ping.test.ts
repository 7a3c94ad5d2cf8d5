import { describe, expect, it } from 'vitest'
import { CabledHosts, wireTime } from '../../test/cabled-hosts.ts'
import { duplication, reordering } from '../link/fault-rules.ts'
import type { FaultRule } from '../link/faulty-channel.ts'
import { MILLISECOND, SECOND } from '../sim/units.ts'
import { ETHERTYPE_IPV4 } from '../wire/frame.ts'
import { ipv4, prefix } from '../wire/ipv4-address.ts'
import { Ping, type PingOptions } from './ping.ts'
import type { PingResult } from './workload.ts'

function ping(hosts: CabledHosts, options: Partial<PingOptions> = {}): Ping {
  const workload = new Ping({
    simulator: hosts.simulator,
    name: 'ping-1',
    pairs: [{ from: hosts.a.namespace, destination: hosts.b.address }],
    at: MILLISECOND,
    count: 3,
    interval: 200 * MILLISECOND,
    size: 56,
    ...options,
  })
  workload.start()
  return workload
}

function run(hosts: CabledHosts, workload: Ping): PingResult {
  hosts.simulator.run(workload.endsAt)
  expect(hosts.ledger.imbalance()).toBe(0)
  return workload.result(hosts.simulator.now)
}

/** Applies a rule to the echo packets with these numbers. */
function only(sequences: readonly number[], rule: FaultRule): FaultRule {
  return {
    name: `${rule.name} of some`,
    judge: (frame, random) =>
      frame.etherType === ETHERTYPE_IPV4 && sequences.includes(frame.sequence)
        ? rule.judge(frame, random)
        : { kind: 'pass' },
  }
}

const drop: FaultRule = {
  name: 'loss',
  judge: () => ({ kind: 'drop', reason: 'link_loss' }),
}

describe('ping', () => {
  it('measures round trips, of which the first waits for ARP', () => {
    const hosts = new CabledHosts()
    const result = run(hosts, ping(hosts))
    const rtt = 2 * wireTime(84)
    const first = rtt + 2 * wireTime(28)
    expect(result).toMatchObject({
      sent: 3,
      delivered: 3,
      lost: 0,
      duplicates: 0,
      reordered: 0,
      refused: 0,
      partial: false,
      firstPacketLatency: first,
      errors: [],
    })
    expect(result.rtt).toMatchObject({ count: 3, min: rtt, max: first })
    expect(result.rtt!.mean).toBe((first + 2 * rtt) / 3)
    expect(result.pairs[0]!.rttMean).toBe((first + 2 * rtt) / 3)
  })

  it('prints what ping prints', () => {
    const hosts = new CabledHosts()
    const [pair] = run(hosts, ping(hosts)).pairs
    // One way 84 B: (98 + 24) * 8 ns + 5 us = 5.976 us; ARP (60 + 24) * 8 ns + 5 us = 5.672 us.
    expect(pair!.lines).toEqual([
      'PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.',
      '64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.023 ms',
      '64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.011 ms',
      '64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=0.011 ms',
      '',
      '--- 10.0.0.2 ping statistics ---',
      '3 packets transmitted, 3 received, 0% packet loss, time 400ms',
      'rtt min/avg/max/mdev = 0.011/0.015/0.023/0.005 ms',
    ])
  })

  it('reports the unreachable neighbour as the lab saw it', () => {
    const hosts = new CabledHosts()
    const pairs = [{ from: hosts.a.namespace, destination: ipv4('10.0.0.77') }]
    const result = run(hosts, ping(hosts, { pairs, count: 3, interval: SECOND }))
    expect(result).toMatchObject({ sent: 3, delivered: 0, lost: 3, firstPacketLatency: null })
    expect(result.errors).toEqual([
      { origin: 'icmp', type: 3, code: 1, from: '10.0.0.1', mtu: 0, count: 3 },
    ])
    expect(result.pairs[0]!.lines.slice(1)).toEqual([
      'From 10.0.0.1 icmp_seq=1 Destination Host Unreachable',
      'From 10.0.0.1 icmp_seq=2 Destination Host Unreachable',
      'From 10.0.0.1 icmp_seq=3 Destination Host Unreachable',
      '',
      '--- 10.0.0.77 ping statistics ---',
      '3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2000ms',
      'pipe 3',
    ])
  })

  it('knows its request by the fragment that an error quotes', () => {
    const hosts = new CabledHosts()
    const pairs = [{ from: hosts.a.namespace, destination: ipv4('10.0.0.77') }]
    const result = run(hosts, ping(hosts, { pairs, count: 2, size: 3000 }))
    expect(result.pairs[0]!.lines.slice(1, 3)).toEqual([
      'From 10.0.0.1 icmp_seq=1 Destination Host Unreachable',
      'From 10.0.0.1 icmp_seq=2 Destination Host Unreachable',
    ])
  })

  it('names the MTU when the socket refuses, and counts the attempt as transmitted', () => {
    const hosts = new CabledHosts()
    const result = run(hosts, ping(hosts, { size: 1473, dontFragment: 'do', count: 2 }))
    expect(result).toMatchObject({ sent: 2, refused: 2, lost: 2 })
    expect(result.errors).toEqual([{ origin: 'local', errno: 'EMSGSIZE', count: 2 }])
    expect(result.pairs[0]!.lines.slice(1)).toEqual([
      'ping: local error: message too long, mtu=1500',
      'ping: local error: message too long, mtu=1500',
      '',
      '--- 10.0.0.2 ping statistics ---',
      '2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 200ms',
    ])
  })

  it('learns a smaller MTU from "fragmentation needed", then refuses itself', () => {
    const hosts = new CabledHosts()
    hosts.routeBehindB('192.0.2.0/24')
    hosts.b.namespace.sysctls.ipForward = true
    hosts.b.nic.mtu = 1400
    const pairs = [{ from: hosts.a.namespace, destination: ipv4('192.0.2.9') }]
    // The router sends it back out of the same NIC, whose MTU is too small for that, though it takes
    // frames of up to four bytes more (the room for a tag).
    hosts.b.namespace.routes.add({
      destination: { base: ipv4('192.0.2.0'), length: 24 },
      via: hosts.a.address,
    })
    const result = run(hosts, ping(hosts, { pairs, size: 1374, dontFragment: 'do', count: 2 }))
    expect(result.errors).toEqual([
      { origin: 'local', errno: 'EMSGSIZE', count: 1 },
      { origin: 'icmp', type: 3, code: 4, from: '10.0.0.2', mtu: 1400, count: 1 },
    ])
    expect(result.pairs[0]!.lines.slice(1, 3)).toEqual([
      'From 10.0.0.2 icmp_seq=1 Frag needed and DF set (mtu = 1400)',
      'ping: local error: message too long, mtu=1400',
    ])
  })

  it('reports an expired TTL and passes its TTL and TOS to the packet', () => {
    const hosts = new CabledHosts()
    hosts.routeBehindB('192.0.2.0/24')
    // Without a way on, a router says so before it looks at the TTL.
    const beyond = { destination: prefix('192.0.2.0/24'), via: hosts.a.address }
    hosts.b.namespace.routes.add(beyond)
    hosts.b.namespace.sysctls.ipForward = true
    const sent: number[][] = []
    hosts.a.nic.tap = {
      frame: (_, { protocol, ttl, tos }, direction) => {
        if (direction === 'out' && protocol === 1) sent.push([ttl, tos])
      },
    }
    const pairs = [{ from: hosts.a.namespace, destination: ipv4('192.0.2.9') }]
    const result = run(hosts, ping(hosts, { pairs, ttl: 1, tos: 0x10, count: 1 }))
    expect(sent).toEqual([[1, 0x10]])
    expect(result.pairs[0]!.lines[1]).toBe('From 10.0.0.2 icmp_seq=1 Time to live exceeded')
  })

  it('tells lost, doubled and overtaken replies apart', () => {
    const hosts = new CabledHosts()
    const { channel } = hosts.b.nic.port
    channel.add(only([1], drop))
    channel.add(only([2], duplication(1)))
    channel.add(only([4], reordering(1, 250 * MILLISECOND)))
    const result = run(hosts, ping(hosts, { count: 6 }))
    expect(result).toMatchObject({ sent: 6, delivered: 5, lost: 1, duplicates: 1, reordered: 1 })
    expect(result.rtt?.count).toBe(5)
    const { lines } = result.pairs[0]!
    expect(lines).toContain('64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.011 ms (DUP!)')
    expect(lines).toContain('64 bytes from 10.0.0.2: icmp_seq=4 ttl=64 time=250 ms')
    expect(lines).toContain(
      '6 packets transmitted, 5 received, +1 duplicates, 16.6667% packet loss, time 1000ms',
    )
  })

  it('numbers requests past 65535', () => {
    const hosts = new CabledHosts().fixNeighbours()
    hosts.b.nic.port.channel.add(only([70_000], drop))
    const options = { count: 70_001, interval: MILLISECOND / 10, size: 8 }
    const result = run(hosts, ping(hosts, options))
    expect(result).toMatchObject({ sent: 70_001, delivered: 70_000, duplicates: 0, reordered: 0 })
  })

  it('closes its socket at its end', () => {
    const hosts = new CabledHosts()
    hosts.b.nic.port.channel.add(only([3], reordering(1, 3 * SECOND)))
    const workload = ping(hosts, { timeout: SECOND })
    hosts.simulator.run(workload.endsAt + 5 * SECOND)
    expect(workload.result(hosts.simulator.now)).toMatchObject({ delivered: 2, lost: 1 })
    expect(hosts.ledger.dropsByReason().get('icmp_ignored')).toBe(1)
    expect(hosts.ledger.imbalance()).toBe(0)
  })

  it('is partial only while replies are missing', () => {
    const hosts = new CabledHosts()
    const workload = ping(hosts)
    hosts.simulator.run(300 * MILLISECOND)
    expect(workload.result(hosts.simulator.now)).toMatchObject({ partial: true, sent: 2, lost: 0 })
    hosts.simulator.run(402 * MILLISECOND)
    expect(workload.result(hosts.simulator.now).partial).toBe(false)
  })
})
