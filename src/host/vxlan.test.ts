import { describe, expect, it } from 'vitest'
import { DeviceBench, hostDevice, made, type Seen } from '../../test/device-bench.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ipv4, prefix } from '../wire/ipv4-address.ts'
import { BROADCAST_MAC, mac } from '../wire/mac-address.ts'
import type { Bridge } from './bridge.ts'
import { Commands } from './commands.ts'
import { linkAdd } from './device-factory.ts'
import type { LinkError } from './link-error.ts'
import type { VxlanSpec } from './link-spec.ts'
import type { Vxlan } from './vxlan.ts'

const VTEP = (h: number) => mac('0e:00:00:00:00:00') + h
const CONTAINER = (h: number) => mac('02:42:0a:00:01:0a') + h

/** Hosts h1, h2 ... 192.168.50.1N on a switch. */
class Underlay extends DeviceBench {
  readonly hosts: NetNamespace[] = []
  /** What h1 sends and receives. */
  readonly wire: Seen[]

  constructor(count = 2, profile?: string) {
    super(profile)
    const sw = this.namespace('sw')
    const bridge = made(linkAdd(sw, { type: 'bridge', name: 'sw0' }))
    bridge.setUp(true)
    for (let h = 1; h <= count; h++) {
      const host = this.namespace(`h${h}`)
      this.join(sw, host, { name: `p${h}`, b: `192.168.50.1${h}/24` })
      made(bridge.addPort(hostDevice(sw, `p${h}`)))
      this.hosts.push(host)
    }
    this.wire = this.record(hostDevice(this.hosts[0]!, 'eth0'))
  }

  /** Lengths of the tunnelled frames that h1 sent, and forgets what it recorded. */
  sent(): number[] {
    const lengths = this.tunnelled().map(({ frame }) => frame.length)
    this.wire.length = 0
    return lengths
  }

  tunnelled(): Seen[] {
    return this.wire.filter(({ direction, frame }) => direction === 'out' && frame.protocol === 17)
  }
}

/** The routed overlay of the lab: device flannel.1 on each host, routes by it, containers behind. */
class RoutedOverlay extends Underlay {
  readonly containers: NetNamespace[] = []

  constructor(options: { containerMtu?: number; profile?: string } = {}) {
    super(2, options.profile)
    this.hosts.forEach((host, i) => {
      this.setUp(host, i + 1, options.containerMtu ?? 1450)
    })
  }

  private setUp(host: NetNamespace, h: number, containerMtu: number): void {
    const commands = new Commands(host)
    commands.sysctl('net.ipv4.ip_forward', 1)
    const lower = hostDevice(host, 'eth0')
    const local = ipv4(`192.168.50.1${h}`)
    made(
      linkAdd(host, {
        type: 'vxlan',
        name: 'flannel.1',
        vni: 1,
        lower,
        local,
        learning: false,
        mac: VTEP(h),
      }),
    ).setUp(true)
    commands.addr.add(`10.244.${h}.0/32`, 'flannel.1')
    const remote = 3 - h
    const dst = ipv4(`10.244.${remote}.0`)
    commands.neigh.replace({ dst, lladdr: VTEP(remote), dev: 'flannel.1', nud: 'PERMANENT' })
    commands.fdb.replace({
      lladdr: VTEP(remote),
      dev: 'flannel.1',
      dst: ipv4(`192.168.50.1${remote}`),
    })
    commands.route.replace({
      dst: prefix(`10.244.${remote}.0/24`),
      via: dst,
      dev: 'flannel.1',
      flags: ['onlink'],
    })
    const container = this.namespace(`c${h}`)
    this.join(host, container, {
      name: 'veth0',
      a: `10.244.${h}.1/24`,
      b: `10.244.${h}.2/24`,
      mtu: containerMtu,
    })
    new Commands(container).route.replace({ dst: prefix('0.0.0.0/0'), via: ipv4(`10.244.${h}.1`) })
    this.containers.push(container)
  }
}

interface BridgedOptions {
  readonly mtu?: number
  readonly spec?: Partial<VxlanSpec>
  readonly hosts?: number
  readonly profile?: string
  /** Whether each VXLAN device is told of its peers. */
  readonly peers?: boolean
}

/** The bridged overlay of the lab: on each host a namespace ovN with br0, vxlan0 and a container. */
class BridgedOverlay extends Underlay {
  readonly overlays: NetNamespace[] = []
  readonly bridges: Bridge[] = []
  readonly vxlans: Vxlan[] = []
  readonly containers: NetNamespace[] = []

  constructor(options: BridgedOptions = {}) {
    super(options.hosts, options.profile)
    this.hosts.forEach((host, i) => {
      this.setUp(host, i + 1, options)
    })
  }

  private setUp(host: NetNamespace, h: number, options: BridgedOptions): void {
    const { mtu = 1450 } = options
    const overlay = this.namespace(`ov${h}`)
    const bridge = made(linkAdd(overlay, { type: 'bridge', name: 'br0' }))
    bridge.setUp(true)
    const vxlan = made(
      linkAdd(overlay, {
        vni: 4097,
        dstPort: 4789,
        proxy: true,
        l2miss: true,
        l3miss: true,
        ...options.spec,
        type: 'vxlan',
        name: 'vxlan0',
        underlay: host,
        mtu,
      }),
    )
    vxlan.setUp(true)
    made(bridge.addPort(vxlan))
    const container = this.namespace(`c${h}`)
    const [end, eth0] = this.join(overlay, container, {
      name: 'veth0',
      b: `10.0.1.1${h}/24`,
      mtu,
    })
    eth0.setMac(CONTAINER(h))
    made(bridge.addPort(end))
    if (options.peers !== false) this.tellPeers(overlay, vxlan, h, options.hosts ?? 2)
    this.overlays.push(overlay)
    this.bridges.push(bridge)
    this.vxlans.push(vxlan)
    this.containers.push(container)
  }

  private tellPeers(overlay: NetNamespace, vxlan: Vxlan, own: number, hosts: number): void {
    for (let h = 1; h <= hosts; h++) {
      if (h === own) continue
      overlay.neighbours.replace(vxlan, ipv4(`10.0.1.1${h}`), CONTAINER(h), 'PERMANENT')
      vxlan.fdb.replace({ lladdr: CONTAINER(h), dst: ipv4(`192.168.50.1${h}`) })
    }
  }
}

describe('Vxlan, routed', () => {
  it('carries an echo with the lab’s outer header', () => {
    const bench = new RoutedOverlay()
    expect(bench.ping(bench.containers[0]!, '10.244.2.2')).toBe(true)
    const [request] = bench.tunnelled()
    const { frame } = request!
    expect(frame.length).toBe(148)
    expect([frame.ttl, frame.tos, frame.dontFragment, frame.udpChecksum]).toEqual([
      64,
      0,
      false,
      true,
    ])
    expect([frame.destinationPort, frame.vni, frame.vxlanFlags]).toEqual([8472, 1, 8])
    expect(frame.inner!.ttl).toBe(63)
    expect(request!.text).toMatch(
      /^IP 192\.168\.50\.11\.\d+ > 192\.168\.50\.12\.8472: VXLAN, .* vni 1: IP 10\.244\.1\.2 > 10/,
    )
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('takes ECN but not DSCP along, and no TTL', () => {
    const bench = new RoutedOverlay()
    for (const tos of [0xb8, 2, 3]) {
      expect(bench.ping(bench.containers[0]!, '10.244.2.2', { tos, ttl: 9 })).toBe(true)
    }
    const fields = bench.tunnelled().map(({ frame }) => [frame.tos, frame.ttl, frame.inner!.ttl])
    expect(fields).toEqual([
      [0, 64, 8],
      [2, 64, 8],
      [2, 64, 8],
    ])
  })

  it('gives fragments one source port, which is not the flow’s', () => {
    const bench = new RoutedOverlay()
    const socket = bench.containers[0]!.sockets.openUdp(40000)!
    socket.pmtuDiscovery = 'dont'
    socket.sendTo(ipv4('10.244.2.2'), 5002, 4000)
    socket.sendTo(ipv4('10.244.2.2'), 5002, 100)
    bench.run()
    const frames = bench.tunnelled().map(({ frame }) => frame)
    expect(frames.map((frame) => frame.length)).toEqual([1508, 1508, 1244, 192])
    const ports = new Set(frames.map((frame) => frame.sourcePort))
    expect(ports.size).toBe(2)
    for (const port of ports) expect([port >= 32768, port < 60999]).toEqual([true, true])
  })

  it('tells a sender of full packets by the gateway (lab case A)', () => {
    const bench = new RoutedOverlay({ containerMtu: 1500 })
    const [c1] = bench.containers
    expect(bench.ping(c1!, '10.244.2.2', { bytes: 1472 })).toBe('mtu 1450')
    expect(bench.ping(c1!, '10.244.2.2', { bytes: 1472 })).toBe('EMSGSIZE')
    bench.sent()
    expect(bench.ping(c1!, '10.244.2.2', { bytes: 1472, dontFragment: false })).toBe(true)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('learns a shorter way below it: the first packet is cut, the next is answered', () => {
    const bench = new RoutedOverlay()
    const [c1] = bench.containers
    bench.ping(c1!, '10.244.2.2')
    for (const host of bench.hosts) hostDevice(host, 'eth0').setMtu(1400)
    bench.sent()
    expect(bench.ping(c1!, '10.244.2.2', { bytes: 1422 })).toBe(true)
    const outer = bench.wire.filter(
      ({ direction, frame }) => direction === 'out' && frame.isFragment,
    )
    expect(outer.length).toBeGreaterThan(1)
    expect(bench.hosts[0]!.ipv4.pathMtu(ipv4('10.244.2.2'))).toBe(1350)
    expect(bench.ledger.imbalance()).toBe(0)
  })
})

describe('Vxlan, bridged', () => {
  it('answers ARP itself: nothing but data is on the underlay', () => {
    const bench = new BridgedOverlay()
    const seen = bench.record(hostDevice(bench.containers[0]!, 'eth0'))
    expect(bench.ping(bench.containers[0]!, '10.0.1.12')).toBe(true)
    expect(bench.sent()).toEqual([148])
    expect(seen[1]!.text).toMatch(/Reply 10\.0\.1\.12 is-at 02:42:0a:00:01:0c/)
    const rows = bench.bridges[0]!.fdbEntries(bench.simulator.now)
    expect(rows.map(String)).toContain('02:42:0a:00:01:0c dev vxlan0 master br0')
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('lets no request, no broadcast and no unknown address out, and tells who listens', () => {
    const bench = new BridgedOverlay()
    const misses: string[] = []
    bench.vxlans[0]!.missListener = {
      l2miss: (device, address) => misses.push(`l2 ${device.name} ${address.toString(16)}`),
      l3miss: (device, address) => misses.push(`l3 ${device.name} ${address & 255}`),
    }
    const [c1] = bench.containers
    expect(bench.ping(c1!, '10.0.1.77')).toBe('error 3/1')
    const eth0 = hostDevice(c1!, 'eth0')
    bench.inject(eth0, eth0.mac, mac('02:ff:00:00:00:99'))
    bench.inject(eth0, eth0.mac, BROADCAST_MAC)
    bench.run()
    expect(bench.sent()).toEqual([])
    expect(misses).toEqual([
      'l3 vxlan0 77',
      'l3 vxlan0 77',
      'l3 vxlan0 77',
      'l2 vxlan0 2ff00000099',
    ])
    expect(bench.drops()).toMatchObject({ vxlan_proxy_miss: 3, vxlan_no_remote: 2 })
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('copies to all default remotes, the first one last', () => {
    const bench = new BridgedOverlay({ hosts: 3, peers: false, spec: { proxy: false } })
    bench.vxlans.forEach((vxlan, own) => {
      for (const h of [1, 2, 3]) {
        if (h - 1 !== own) vxlan.fdb.append({ lladdr: 0, dst: ipv4(`192.168.50.1${h}`) })
      }
    })
    const [c1] = bench.containers
    expect(bench.ping(c1!, '10.0.1.12')).toBe(true)
    const destinations = bench.tunnelled().map(({ frame }) => frame.ipDst & 255)
    expect(destinations).toEqual([13, 12, 12])
    const rows = bench.vxlans[0]!.fdbEntries(bench.simulator.now)
    expect(rows.map(String)).toEqual([
      '00:00:00:00:00:00 dev vxlan0 dst 192.168.50.12 self permanent',
      '00:00:00:00:00:00 dev vxlan0 dst 192.168.50.13 self permanent',
      '02:42:0a:00:01:0c dev vxlan0 dst 192.168.50.12 self',
    ])
    expect(bench.vxlans[0]!.fdb.remove(0, ipv4('192.168.50.13'))).toBeNull()
    bench.sent()
    expect(bench.ping(c1!, '10.0.1.99')).toBe('error 3/1')
    const asked = bench.tunnelled().filter(({ frame }) => frame.inner!.isBroadcast)
    expect(asked.map(({ frame }) => frame.length)).toEqual([92, 92, 92])
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('follows a container that moves, but not one that is pinned elsewhere', () => {
    const bench = new BridgedOverlay({ hosts: 3, peers: false, spec: { proxy: false } })
    const [near] = bench.vxlans
    near!.fdb.add({ lladdr: 0, dst: ipv4('192.168.50.12') })
    for (const h of [1, 2]) bench.vxlans[h]!.fdb.add({ lladdr: 0, dst: ipv4('192.168.50.11') })
    const moving = mac('02:00:00:00:00:aa')
    const rows = () => near!.fdbEntries(bench.simulator.now).map(String)
    for (const h of [2, 3]) {
      bench.inject(hostDevice(bench.containers[h - 1]!, 'eth0'), moving, BROADCAST_MAC)
      bench.run()
      expect(rows()[1]).toBe(`02:00:00:00:00:aa dev vxlan0 dst 192.168.50.1${h} self`)
    }
    expect(near!.fdb.add({ lladdr: moving, dst: ipv4('192.168.50.13') })?.errno).toBe('EEXIST')
    near!.fdb.replace({ lladdr: moving, dst: ipv4('192.168.50.12') })
    bench.inject(hostDevice(bench.containers[2]!, 'eth0'), moving, BROADCAST_MAC)
    bench.run()
    expect(bench.drops()['vxlan_entry_exists']).toBe(1)
    bench.run(301)
    expect(rows()).toHaveLength(2)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('drops what it does not understand', () => {
    const bench = new BridgedOverlay()
    const [c1] = bench.containers
    bench.ping(c1!, '10.0.1.12')
    const { frame } = bench.tunnelled()[0]!
    const changed = [
      (copy: typeof frame) => {
        copy.vxlanFlags = 0x88
      },
      (copy: typeof frame) => {
        copy.vni = 9
      },
      (copy: typeof frame) => {
        copy.inner = null
      },
      (copy: typeof frame) => {
        copy.tos = 3
      },
      (copy: typeof frame) => {
        const inner = copy.inner!.clone()
        inner.srcHi = bench.vxlans[1]!.hi
        inner.srcLo = bench.vxlans[1]!.lo
        copy.inner = inner
      },
    ]
    for (const change of changed) {
      const copy = frame.clone()
      change(copy)
      bench.send(hostDevice(bench.hosts[0]!, 'eth0'), copy)
    }
    bench.run()
    expect(bench.drops()).toMatchObject({
      vxlan_invalid_header: 2,
      vxlan_vni_not_found: 1,
      tunnel_ecn: 1,
      local_mac: 1,
    })
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('hands damage on where the outer datagram has no checksum', () => {
    for (const [udpChecksum, expected] of [
      [true, 'udp_checksum'],
      [false, 'icmp_checksum'],
    ] as const) {
      const bench = new BridgedOverlay({ spec: { udpChecksum } })
      bench.ping(bench.containers[0]!, '10.0.1.12')
      const copy = bench.tunnelled()[0]!.frame.clone()
      copy.badChecksum = true
      bench.send(hostDevice(bench.hosts[0]!, 'eth0'), copy)
      bench.run()
      expect(bench.drops()[expected]).toBe(1)
    }
  })

  it('answers too large packets in the destination’s name (lab case D)', () => {
    const bench = new BridgedOverlay({ mtu: 1500 })
    const [c1] = bench.containers
    const seen = bench.record(hostDevice(c1!, 'eth0'))
    expect(bench.ping(c1!, '10.0.1.12', { bytes: 1472 })).toBe('mtu 1450')
    const error = seen.find(({ text }) => text.includes('need to frag'))!.frame
    expect([error.ipSrc, error.ttl, error.tos, error.l3Length]).toEqual([
      ipv4('10.0.1.12'),
      64,
      0,
      576,
    ])
    c1!.ipv4.flushCache()
    expect(bench.ping(c1!, '10.0.1.12', { bytes: 1472, dontFragment: false })).toBe(true)
    const fragments = bench.wire.filter(
      ({ direction, frame }) => direction === 'out' && frame.isFragment,
    )
    expect(fragments.map(({ frame }) => frame.length)).toEqual([1514, 84])
    expect(bench.drops()['mtu_exceeded_df']).toBe(1)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('loses them with DF outside (lab case E), and is silent on an old kernel', () => {
    const bench = new BridgedOverlay({ mtu: 1500, spec: { df: 'set' } })
    const [c1] = bench.containers
    expect(bench.ping(c1!, '10.0.1.12', { bytes: 1472 })).toBe('mtu 1450')
    c1!.ipv4.flushCache()
    expect(bench.ping(c1!, '10.0.1.12', { bytes: 1472, dontFragment: false })).toBe('no reply')
    expect(bench.ledger.imbalance()).toBe(0)
    const old = new BridgedOverlay({ mtu: 1500, profile: '4.15' })
    expect(old.ping(old.containers[0]!, '10.0.1.12', { bytes: 1472 })).toBe(true)
    expect(old.ledger.imbalance()).toBe(0)
  })

  it('encapsulates nothing for a VTEP of its own host', () => {
    const bench = new BridgedOverlay()
    const other = bench.namespace('ov1b')
    const spec = { type: 'vxlan', name: 'vxlan1', vni: 7, dstPort: 4789 } as const
    const vxlan = made(linkAdd(other, { ...spec, underlay: bench.hosts[0]! }))
    vxlan.setUp(true)
    const target = mac('02:00:00:00:00:bb')
    bench.vxlans[0]!.fdb.add({ lladdr: target, dst: ipv4('192.168.50.11'), vni: 7 })
    bench.vxlans[0]!.fdb.add({ lladdr: target + 1, dst: ipv4('192.168.50.11'), vni: 8 })
    const seen = bench.record(vxlan)
    const eth0 = hostDevice(bench.containers[0]!, 'eth0')
    bench.inject(eth0, eth0.mac, target)
    bench.inject(eth0, eth0.mac, target + 1)
    expect([seen.length, bench.sent()]).toEqual([1, []])
    expect(bench.drops()['vxlan_vni_not_found']).toBe(1)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('has an MTU that fits the device below, a VNI of its own, and goes with that device', () => {
    const bench = new Underlay()
    const [host] = bench.hosts
    const lower = hostDevice(host!, 'eth0')
    const device = made(linkAdd(host!, { type: 'vxlan', name: 'v1', vni: 1, lower }))
    expect([device.mtu, device.setMtu(1451)?.errno, device.setMtu(1400)]).toEqual([
      1450,
      'EINVAL',
      null,
    ])
    const refusals = [
      linkAdd(host!, { type: 'vxlan', name: 'v2', vni: 1 }),
      linkAdd(host!, { type: 'vxlan', name: 'v2', vni: 2 ** 24 }),
      linkAdd(bench.hosts[1]!, { type: 'vxlan', name: 'v2', vni: 2, lower }),
    ].map((error) => (error as LinkError).errno)
    expect(refusals).toEqual(['EEXIST', 'ERANGE', 'ENODEV'])
    const free = made(linkAdd(host!, { type: 'vxlan', name: 'v2', vni: 2, mtu: 65535 }))
    expect(free.mtu).toBe(65535)
    lower.remove()
    expect([host!.device('v1'), host!.device('v2')]).toEqual([undefined, free])
    expect(made(linkAdd(host!, { type: 'vxlan', name: 'v1', vni: 1 })).mtu).toBe(1500)
  })
})
