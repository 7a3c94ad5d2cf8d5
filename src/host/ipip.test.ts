import { describe, expect, it } from 'vitest'
import { DeviceBench, hostDevice, made } from '../../test/device-bench.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ipv4, prefix } from '../wire/ipv4-address.ts'
import { Commands } from './commands.ts'
import { linkAdd } from './device-factory.ts'
import type { IpipSpec } from './link-spec.ts'

/** Two hosts with tunl0, each with the other's subnet behind it, and a container. */
class TunnelledHosts extends DeviceBench {
  readonly hosts: NetNamespace[]
  readonly containers: NetNamespace[] = []

  constructor(spec: Partial<IpipSpec> = {}) {
    super()
    this.hosts = [this.namespace('h1'), this.namespace('h2')]
    this.join(this.hosts[0]!, this.hosts[1]!, { a: '192.168.50.11/24', b: '192.168.50.12/24' })
    this.hosts.forEach((host, i) => {
      this.setUp(host, i + 1, spec)
    })
  }

  private setUp(host: NetNamespace, h: number, spec: Partial<IpipSpec>): void {
    const commands = new Commands(host)
    commands.sysctl('net.ipv4.ip_forward', 1)
    made(linkAdd(host, { ...spec, type: 'ipip', name: 'tunl0' })).setUp(true)
    const container = this.namespace(`c${h}`)
    this.join(host, container, {
      name: 'veth0',
      a: `10.65.${h}.1/24`,
      b: `10.65.${h}.2/24`,
      mtu: 1480,
    })
    new Commands(container).route.replace({ dst: prefix('0.0.0.0/0'), via: ipv4(`10.65.${h}.1`) })
    commands.route.replace({
      dst: prefix(`10.65.${3 - h}.0/24`),
      via: ipv4(`192.168.50.1${3 - h}`),
      dev: 'tunl0',
      flags: ['onlink'],
    })
    this.containers.push(container)
  }
}

describe('Ipip', () => {
  it('carries a packet to the gateway of its route: 20 bytes more, protocol 4', () => {
    const bench = new TunnelledHosts({ pmtuDiscovery: false })
    const seen = bench.record(hostDevice(bench.hosts[0]!, 'eth0'))
    expect(bench.ping(bench.containers[0]!, '10.65.2.2', { bytes: 1452, tos: 2 })).toBe(true)
    const [request, reply] = seen.filter(({ frame }) => frame.protocol === 4).map((s) => s.frame)
    expect([request!.length, request!.ttl, request!.tos, request!.dontFragment]).toEqual([
      1514,
      63,
      2,
      true,
    ])
    expect([request!.ipDst, request!.inner!.ipDst].map((address) => address & 255)).toEqual([12, 2])
    expect([reply!.dontFragment, reply!.inner!.dontFragment]).toEqual([false, false])
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('sets DF outside by default, and its own TTL', () => {
    const bench = new TunnelledHosts({ ttl: 64 })
    const seen = bench.record(hostDevice(bench.hosts[0]!, 'eth0'))
    expect(bench.ping(bench.containers[0]!, '10.65.2.2', { dontFragment: false })).toBe(true)
    const frames = seen.filter(({ frame }) => frame.protocol === 4).map((s) => s.frame)
    expect(frames.map(({ dontFragment, ttl }) => [dontFragment, ttl])).toEqual([
      [true, 64],
      [true, 64],
    ])
  })

  it('tells the sender when the way is shorter than the tunnel', () => {
    const bench = new TunnelledHosts({ pmtuDiscovery: false })
    hostDevice(bench.hosts[0]!, 'eth0').setMtu(1400)
    const [c1] = bench.containers
    expect(bench.ping(c1!, '10.65.2.2', { bytes: 1452 })).toBe('mtu 1380')
    expect(bench.drops()).toEqual({ mtu_exceeded_df: 1 })
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('gives a packet to the tunnel that fits it best, and drops what fits none', () => {
    const bench = new TunnelledHosts()
    const [h1, h2] = bench.hosts
    const pair = made(linkAdd(h2!, { type: 'ipip', name: 'pair', remote: ipv4('192.168.50.11') }))
    pair.setUp(true)
    expect(bench.ping(bench.containers[0]!, '10.65.2.2')).toBe(true)
    expect([pair.rxPackets, hostDevice(h2!, 'tunl0').rxPackets]).toEqual([1, 0])
    hostDevice(h2!, 'tunl0').remove()
    pair.remove()
    expect(bench.ping(bench.containers[0]!, '10.65.2.2')).toBe('no reply')
    expect(bench.drops()).toEqual({ unhandled_l4: 1 })
    expect(hostDevice(h1!, 'tunl0').details()).toMatchObject({ remote: 'any', pmtudisc: true })
    expect(bench.ledger.imbalance()).toBe(0)
  })
})
