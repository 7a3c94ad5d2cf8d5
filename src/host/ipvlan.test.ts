import { describe, expect, it } from 'vitest'
import { DeviceBench, hostDevice, made } from '../../test/device-bench.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Netfilter } from '../stack/netfilter/netfilter.ts'
import { formatIpv4, ipv4, prefix } from '../wire/ipv4-address.ts'
import { BROADCAST_MAC, mac } from '../wire/mac-address.ts'
import { Commands } from './commands.ts'
import { linkAdd } from './device-factory.ts'
import type { Ipvlan, IpvlanFlag, IpvlanMode } from './ipvlan.ts'
import type { LinkError } from './link-error.ts'
import { showLinks } from './show-links.ts'

/** Hosts h1 with the children a and b and h2 with r, on a switch of which ports may reflect. */
class IpvlanLab extends DeviceBench {
  readonly h1: NetNamespace
  readonly h2: NetNamespace
  private readonly mode: IpvlanMode
  private readonly flag: IpvlanFlag
  private readonly children = new Map<string, NetNamespace>()

  constructor(mode: IpvlanMode, flag: IpvlanFlag = 'bridge', reflective = false) {
    super()
    this.mode = mode
    this.flag = flag
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
    this.child('a', this.h1, '192.168.50.101')
    this.child('b', this.h1, '192.168.50.102')
    this.child('r', this.h2, '192.168.50.103')
  }

  child(name: string, host: NetNamespace, address: string): Ipvlan {
    const namespace = this.namespace(name)
    const { mode, flag } = this
    const lower = hostDevice(host, 'eth0')
    const device = made(linkAdd(namespace, { type: 'ipvlan', name: 'eth0', lower, mode, flag }))
    device.setUp(true)
    namespace.addAddress(device, { address: ipv4(address), length: 24 })
    const device0 = { destination: prefix('0.0.0.0/0'), device, scope: 'link' } as const
    if (mode !== 'l2') namespace.routes.replace(device0)
    this.children.set(name, namespace)
    return device
  }

  /** On h2 routes to the children of h1, and on h1 to that of h2. */
  routeBack(): void {
    for (const [host, via, children] of [
      [this.h2, '192.168.50.11', [101, 102]],
      [this.h1, '192.168.50.12', [103]],
    ] as const) {
      for (const last of children) {
        const dst = prefix(`192.168.50.${last}/32`)
        new Commands(host).route.replace({ dst, via: ipv4(via) })
      }
    }
  }

  at(name: string): NetNamespace {
    return this.children.get(name)!
  }

  /** a to its sibling, its host, the other host and that one's child, and the host to a. */
  row(): string {
    const can = (from: NetNamespace, last: number) =>
      this.ping(from, `192.168.50.${last}`) === true ? 'yes' : 'no'
    const a = this.at('a')
    return [can(a, 102), can(a, 11), can(a, 12), can(a, 103), can(this.h1, 101)].join(' ')
  }
}

describe('Ipvlan', () => {
  it.each([
    ['l2', 'bridge', 'yes no yes yes no'],
    ['l2', 'private', 'no no yes yes no'],
    ['l2', 'vepa', 'no no yes yes no'],
  ] as const)('in mode %s, flag %s: %s', (mode, flag, expected) => {
    const lab = new IpvlanLab(mode, flag)
    expect(lab.row()).toBe(expected)
    expect(lab.ledger.imbalance()).toBe(0)
    expect(lab.ledger.held()).toBe(0)
  })

  it('has its siblings served by a switch that sends frames back, with flag vepa', () => {
    const lab = new IpvlanLab('l2', 'vepa', true)
    expect(lab.ping(lab.at('a'), '192.168.50.102')).toBe(true)
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('shows the wire one MAC address, whoever sends', () => {
    const lab = new IpvlanLab('l2')
    const parent = hostDevice(lab.h1, 'eth0')
    const seen = lab.record(parent)
    for (const name of ['a', 'b']) expect(lab.ping(lab.at(name), '192.168.50.103')).toBe(true)
    const out = seen.filter(({ direction }) => direction === 'out')
    expect(new Set(out.map(({ frame }) => frame.srcLo))).toEqual(new Set([parent.lo]))
    parent.setMac(mac('02:00:00:00:00:77'))
    expect(hostDevice(lab.at('a'), 'eth0').mac).toBe(parent.mac)
    hostDevice(lab.at('a'), 'eth0').setMac(mac('02:00:00:00:00:78'))
    expect(hostDevice(lab.at('a'), 'eth0').mac).toBe(parent.mac)
    lab.at('r').neighbours.flush(() => true)
    expect(lab.ping(lab.at('a'), '192.168.50.103')).toBe(true)
  })

  it('copies a broadcast to siblings and wire, and what comes to all children and the host', () => {
    const lab = new IpvlanLab('l2')
    const nodes = [lab.at('b'), lab.at('r'), lab.h1, lab.h2]
    const seen = nodes.map((node) => lab.record(hostDevice(node, 'eth0')))
    const from = hostDevice(lab.at('a'), 'eth0')
    lab.inject(from, from.mac, BROADCAST_MAC)
    lab.run()
    const received = seen.map((all) => all.filter((one) => one.direction === 'in').length)
    expect(received).toEqual([1, 1, 0, 1])
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('queues at most 1000 group frames', () => {
    const lab = new IpvlanLab('l2')
    const from = hostDevice(lab.h2, 'eth0')
    const child = lab.record(hostDevice(lab.at('a'), 'eth0'))
    lab.kernel.enter()
    for (let n = 0; n < 1010; n++) lab.inject(from, from.mac, BROADCAST_MAC)
    lab.kernel.leave()
    expect(child).toHaveLength(1000)
    expect(lab.drops()['ipvlan_backlog']).toBe(10)
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('in mode l3 asks nobody: the host routes for it, and others need a route', () => {
    const lab = new IpvlanLab('l3')
    const [a, wire] = [lab.at('a'), lab.record(hostDevice(lab.h1, 'eth0'))]
    const asked = () => wire.filter(({ text }) => text.includes('who-has')).map(({ text }) => text)
    expect(lab.ping(a, '192.168.50.102')).toBe(true)
    expect(wire).toEqual([])
    // The host asks for its own account. The other one asks for a, as one of its segment: a hears it
    // and does not answer.
    expect(lab.ping(a, '192.168.50.12')).toBe('no reply')
    expect(asked().map((text) => /who-has \S+ tell [\d.]+/.exec(text)![0])).toEqual([
      'who-has 192.168.50.12 tell 192.168.50.11',
      ...Array(3).fill('who-has 192.168.50.101 tell 192.168.50.12'),
    ])
    new Commands(lab.h2).route.replace({
      dst: prefix('192.168.50.101/32'),
      via: ipv4('192.168.50.11'),
    })
    expect(lab.ping(a, '192.168.50.12')).toBe(true)
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('in mode l3 sends no broadcast, and nothing that the host would send elsewhere', () => {
    const lab = new IpvlanLab('l3')
    const from = hostDevice(lab.at('a'), 'eth0')
    lab.inject(from, from.mac, BROADCAST_MAC)
    lab.run()
    expect(lab.drops()).toEqual({ unhandled_protocol: 1 })
    const other = made(linkAdd(lab.h1, { type: 'dummy', name: 'dummy0' }))
    other.setUp(true)
    new Commands(lab.h1).route.replace({ dst: prefix('10.9.0.0/16'), dev: 'dummy0' })
    expect(lab.ping(lab.at('a'), '10.9.0.1')).toBe('no reply')
    expect(lab.drops()).toEqual({ unhandled_protocol: 1, no_route: 1 })
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('reaches the host in mode l3, whose answers leave by the wire', () => {
    const lab = new IpvlanLab('l3')
    expect(lab.ping(lab.at('a'), '192.168.50.11')).toBe('no reply')
    const { address } = lab.h1.devices[0]!.addresses[0]!
    expect(formatIpv4(address)).toBe('192.168.50.11')
    expect(lab.drops()['neighbour_failed']).toBe(1)
  })

  it('in mode l3s leaves packets to the rules of the host, which its children do not see in l3', () => {
    const seen = (['l3', 'l3s'] as const).map((mode) => {
      const lab = new IpvlanLab(mode)
      const a = lab.at('a')
      const rules = new Commands(lab.h1).iptables
      const inside = new Commands(a).iptables
      lab.routeBack()
      for (const hook of ['INPUT', 'OUTPUT']) rules.run(`-A ${hook} -p icmp -j ACCEPT`)
      inside.run('-A INPUT -p icmp -j DROP')
      const tap = lab.record(hostDevice(a, 'eth0'))
      const isAnswered = lab.ping(a, '192.168.50.12')
      expect(lab.ledger.imbalance()).toBe(0)
      const packets = (lab.h1.filter as Netfilter)
        .table('filter')
        .list()
        .flatMap(({ rules }) => rules)
      return {
        isAnswered,
        counted: packets.map((rule) => rule.packets),
        tapped: tap.filter(({ direction }) => direction === 'in').length,
        received: hostDevice(a, 'eth0').rxPackets,
      }
    })
    expect(seen).toEqual([
      // What comes in skips the host's INPUT and meets the child's.
      { isAnswered: 'no reply', counted: [0, 1], tapped: 1, received: 1 },
      // It passes the host's INPUT instead of the child's device, whose counters know of it all the same.
      { isAnswered: true, counted: [1, 1], tapped: 0, received: 1 },
    ])
  })

  it('in mode l3s lets the host track connections of children, and publish ports of theirs', () => {
    const reached = (['l3', 'l3s'] as const).map((mode) => {
      const lab = new IpvlanLab(mode)
      lab.routeBack()
      const { iptables } = new Commands(lab.h1)
      iptables.run(
        '-t nat -A PREROUTING -d 192.168.50.11 -p icmp -j DNAT --to-destination 192.168.50.101',
      )
      iptables.run('-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT')
      iptables.run('-A INPUT -d 192.168.50.102 -j DROP')
      const results = [
        lab.ping(lab.at('b'), '192.168.50.12'),
        lab.ping(lab.h2, '192.168.50.102'),
        lab.ping(lab.h2, '192.168.50.11'),
      ]
      expect(lab.ledger.imbalance()).toBe(0)
      return { results, received: hostDevice(lab.at('a'), 'eth0').rxPackets }
    })
    expect(reached).toEqual([
      { results: [true, true, 'no reply'], received: 0 },
      { results: [true, 'no reply', true], received: 1 },
    ])
  })

  it('in mode l3s makes fragments whole in the host, and refuses sources that are its own', () => {
    const lab = new IpvlanLab('l3s')
    lab.routeBack()
    const big = { bytes: 4000, dontFragment: false }
    expect(lab.ping(lab.at('a'), '192.168.50.12', big)).toBe(true)
    expect(hostDevice(lab.at('a'), 'eth0').rxPackets).toBe(1)
    const { iptables } = new Commands(lab.h2)
    iptables.run('-t nat -A POSTROUTING -p icmp -j SNAT --to-source 192.168.50.101')
    expect(lab.ping(lab.h2, '192.168.50.101')).toBe('no reply')
    // Nobody's: the host would have to route it back.
    expect(lab.drops()).toMatchObject({ forwarding_disabled: 1 })
    expect(lab.ledger.imbalance()).toBe(0)
    expect(lab.ledger.held()).toBe(0)
  })

  it('leaves mode l3s with its last child', () => {
    const lab = new IpvlanLab('l3s')
    const lower = hostDevice(lab.h1, 'eth0')
    expect(lower.l3mdev).toBe(lower.rxHandler)
    for (const name of ['a', 'b']) hostDevice(lab.at(name), 'eth0').remove()
    expect([lower.l3mdev, lower.rxHandler]).toEqual([null, null])
    lab.child('later', lab.h1, '192.168.50.105')
    expect(lower.l3mdev).toBe(lower.rxHandler)
    made(linkAdd(lab.h1, { type: 'ipvlan', name: 'l2', lower, mode: 'l2' }))
    expect(lower.l3mdev).toBeNull()
    expect(hostDevice(lab.at('later'), 'eth0').noArp).toBe(false)
  })

  it('shares its parent with no macvlan, goes with it, and has its MTU', () => {
    const lab = new IpvlanLab('l2')
    const lower = hostDevice(lab.h1, 'eth0')
    const refused = linkAdd(lab.h1, { type: 'macvlan', name: 'm', lower })
    expect((refused as LinkError).errno).toBe('EBUSY')
    lower.setMtu(1400)
    expect(hostDevice(lab.at('a'), 'eth0').mtu).toBe(1400)
    const [line] = showLinks(lab.at('a'), { device: 'eth0' }).lines
    expect(line).toMatch(/^\d+: eth0@if\d+: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400/)
    lower.remove()
    expect(lab.at('a').device('eth0')).toBeUndefined()
    expect(lower.rxHandler).toBeNull()
  })
})
