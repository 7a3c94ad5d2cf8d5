import { describe, expect, it } from 'vitest'
import { DeviceBench, hostDevice, made } from '../../test/device-bench.ts'
import { testCosts } from '../../test/test-costs.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ipv4, prefix } from '../wire/ipv4-address.ts'
import { BROADCAST_MAC, mac } from '../wire/mac-address.ts'
import { Commands } from './commands.ts'
import { linkAdd } from './device-factory.ts'
import type { LinkError } from './link-error.ts'
import type { Macvlan, MacvlanMode } from './macvlan.ts'

/** The lab: h1 with children a and b, h2 with r, a bridge as switch whose ports may reflect. */
class MacvlanLab extends DeviceBench {
  readonly h1: NetNamespace
  readonly h2: NetNamespace
  readonly children = new Map<string, NetNamespace>()

  constructor(mode: MacvlanMode, reflective = false) {
    super()
    const sw = this.namespace('sw')
    const bridge = made(linkAdd(sw, { type: 'bridge', name: 'sw0' }))
    bridge.setUp(true)
    const hosts = [11, 12].map((last, i) => {
      const host = this.namespace(`h${i + 1}`)
      this.join(sw, host, { name: `p${i + 1}`, b: `192.168.50.${last}/24` })
      made(bridge.addPort(hostDevice(sw, `p${i + 1}`))).hairpin = reflective
      return host
    })
    this.h1 = hosts[0]!
    this.h2 = hosts[1]!
    this.child('a', this.h1, 101, mode)
    if (mode !== 'passthru') this.child('b', this.h1, 102, mode)
    this.child('r', this.h2, 103, mode)
  }

  child(name: string, host: NetNamespace, last: number, mode: MacvlanMode): Macvlan {
    const namespace = this.namespace(name)
    const lower = hostDevice(host, 'eth0')
    const device = made(linkAdd(namespace, { type: 'macvlan', name: 'eth0', lower, mode }))
    device.setUp(true)
    namespace.addAddress(device, { address: ipv4(`192.168.50.${last}`), length: 24 })
    this.children.set(name, namespace)
    return device
  }

  at(name: string): NetNamespace {
    return this.children.get(name)!
  }

  /** a<->b, a->h1, h1->a, a->h2, a->r, as the lab's table has them. */
  row(): string {
    // In the lab's order: a private child that asks for its host first is not heard, for a reflected
    // broadcast goes to its sender alone; when the host has asked for the child, both know each other.
    const fromHost = this.can(this.h1, 101)
    const toHost = this.can(this.at('a'), 11)
    const sibling = this.children.has('b') ? this.can(this.at('a'), 102) : '-'
    const remote = [this.can(this.at('a'), 12), this.can(this.at('a'), 103)]
    return [sibling, toHost, fromHost, ...remote].join(' ')
  }

  private can(from: NetNamespace, last: number): string {
    return this.ping(from, `192.168.50.${last}`) === true ? 'yes' : 'no'
  }
}

describe('Macvlan', () => {
  it.each([
    ['bridge', false, 'yes no no yes yes'],
    ['bridge', true, 'yes yes yes yes yes'],
    ['private', false, 'no no no yes yes'],
    ['private', true, 'no yes yes yes yes'],
    ['vepa', false, 'no no no yes yes'],
    ['vepa', true, 'yes yes yes yes yes'],
    ['passthru', false, '- no no no yes'],
    ['passthru', true, '- no no no yes'],
  ] as const)('in mode %s, switch reflective %s: %s', (mode, reflective, expected) => {
    const lab = new MacvlanLab(mode, reflective)
    expect(lab.row()).toBe(expected)
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('lets a host reach its child by a child of its own', () => {
    const lab = new MacvlanLab('bridge')
    const lower = hostDevice(lab.h1, 'eth0')
    const own = made(linkAdd(lab.h1, { type: 'macvlan', name: 'mvh', lower, mode: 'bridge' }))
    own.setUp(true)
    lab.h1.addAddress(own, { address: ipv4('192.168.50.201'), length: 32 })
    new Commands(lab.h1).route.replace({ dst: prefix('192.168.50.101/32'), dev: 'mvh' })
    expect(lab.ping(lab.h1, '192.168.50.101')).toBe(true)
  })

  it('sends what is for its own host out on the wire, where nobody answers', () => {
    const lab = new MacvlanLab('bridge')
    const seen = lab.record(hostDevice(lab.h1, 'eth0'))
    expect(lab.ping(lab.at('a'), '192.168.50.11')).toBe('error 3/1')
    expect(seen.map(({ direction, text }) => `${direction} ${text}`)).toEqual(
      Array(3).fill(
        expect.stringMatching(/^out .*who-has 192\.168\.50\.11 tell 192\.168\.50\.101/),
      ),
    )
  })

  it('serves siblings without the wire, by way of the parent', () => {
    const lab = new MacvlanLab('bridge')
    expect(lab.ping(lab.at('a'), '192.168.50.102')).toBe(true)
    const parent = lab.record(hostDevice(lab.h1, 'eth0'))
    expect(lab.ping(lab.at('a'), '192.168.50.102', {}, 1)).toBe(true)
    const echoes = parent.filter(({ frame }) => frame.protocol === 1)
    expect(echoes.map(({ direction }) => direction)).toEqual(['in', 'in'])
  })

  it('copies a broadcast to all, and an unknown unicast to none (lab section 2)', () => {
    const lab = new MacvlanLab('bridge')
    const from = hostDevice(lab.at('a'), 'eth0')
    const devices = [lab.h1, lab.h2, lab.at('b'), lab.at('r')].map((ns) => hostDevice(ns, 'eth0'))
    const seen = devices.map((device) => lab.record(device))
    const received = () => seen.map((all) => all.filter((one) => one.direction === 'in').length)
    lab.inject(from, from.mac, BROADCAST_MAC)
    lab.run()
    expect(received()).toEqual([0, 1, 1, 1])
    lab.inject(from, from.mac, mac('02:ff:00:00:00:99'))
    lab.run()
    expect(received()).toEqual([0, 2, 1, 1])
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('queues at most 1000 broadcasts, which the parent itself gets at once', () => {
    const lab = new MacvlanLab('bridge')
    const from = hostDevice(lab.h2, 'eth0')
    const child = lab.record(hostDevice(lab.at('a'), 'eth0'))
    // In one go, for where work takes no time the queue is empty after each.
    lab.kernel.enter()
    for (let n = 0; n < 1010; n++) lab.inject(from, from.mac, BROADCAST_MAC)
    lab.kernel.leave()
    expect(hostDevice(lab.h1, 'eth0').rxPackets).toBe(1010)
    expect(child).toHaveLength(1000)
    expect(lab.drops()['macvlan_broadcast_queue']).toBe(10)
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('copies broadcasts in a thread of its own, which a storm of them outruns', () => {
    const costs = testCosts({ unit: { backlog: 100, clone: 1000 } })
    const bench = new DeviceBench('6.18', 'storm', costs)
    const [host, other] = [bench.namespace('host'), bench.namespace('other')]
    const [lower, far] = bench.join(host, other)
    const [seen] = ['a', 'b', 'c'].map((name) => {
      const child = bench.namespace(name)
      const device = made(linkAdd(child, { type: 'macvlan', name: 'eth0', lower, mode: 'bridge' }))
      device.setUp(true)
      return bench.record(device)
    })
    let left = 5000
    const step = () => {
      bench.inject(far, far.mac, BROADCAST_MAC)
      return --left > 0
    }
    bench.kernel.task('storm', step, 0).wake()
    bench.run()
    expect(bench.drops()['macvlan_broadcast_queue']).toBe(2334)
    expect(seen).toHaveLength(5000 - 2334)
    expect(bench.kernel.machine!.unaccounted).toBe(0)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('has its MAC in the filter of the parent, also after it changed', () => {
    const lab = new MacvlanLab('bridge')
    const child = hostDevice(lab.at('a'), 'eth0')
    child.setMac(mac('02:00:00:00:00:aa'))
    expect(lab.ping(lab.at('a'), '192.168.50.103')).toBe(true)
    const before = child.rxPackets
    child.remove()
    expect(lab.ping(lab.h2, '192.168.50.101')).toBe('error 3/1')
    expect(child.rxPackets).toBe(before)
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('refuses a second child in mode passthru, a busy address, a bridge port as parent', () => {
    const bench = new DeviceBench()
    const host = bench.namespace('h')
    const [lower] = bench.join(host, bench.namespace('x'))
    const add = (name: string, mode: MacvlanMode, address?: number) =>
      linkAdd(host, {
        type: 'macvlan',
        name,
        lower,
        mode,
        ...(address === undefined ? {} : { mac: address }),
      })
    expect((add('m0', 'bridge', lower.mac) as LinkError).errno).toBe('EADDRINUSE')
    const first = made(add('m1', 'passthru'))
    expect([first.mac, lower.promiscuity]).toEqual([lower.mac, 1])
    expect((add('m2', 'passthru') as LinkError).errno).toBe('EINVAL')
    expect((add('m2', 'bridge') as LinkError).errno).toBe('EINVAL')
    const permanent = lower.mac
    first.setMac(mac('02:42:00:00:00:07'))
    expect([lower.mac, first.mac]).toEqual(Array(2).fill(mac('02:42:00:00:00:07')))
    first.remove()
    expect([lower.rxHandler, lower.promiscuity, lower.mac]).toEqual([null, 0, permanent])
    made(made(linkAdd(host, { type: 'bridge', name: 'br0' })).addPort(lower))
    expect((add('m3', 'bridge') as LinkError).errno).toBe('EBUSY')
  })

  it('goes with its parent and never has a larger MTU', () => {
    const lab = new MacvlanLab('bridge')
    const lower = hostDevice(lab.h1, 'eth0')
    const child = hostDevice(lab.at('a'), 'eth0')
    lower.setMtu(1400)
    expect([child.mtu, child.setMtu(1500)?.errno]).toEqual([1400, 'EINVAL'])
    lower.remove()
    expect(lab.at('a').device('eth0')).toBeUndefined()
  })
})
