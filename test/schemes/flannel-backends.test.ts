/** What each way from host to host programs, carries and loses. */
import { describe, expect, it } from 'vitest'
import { showRoutes } from '../../src/host/show.ts'
import { showAddresses, showLinks } from '../../src/host/show-links.ts'
import { flannelScheme } from '../../src/schemes/flannel/index.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { spawn } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { describe as describeFrame } from '../../src/wire/describe.ts'
import type { Frame } from '../../src/wire/frame.ts'
import { ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { Bench, type Sections } from '../contract/bench.ts'
import { Hosts } from './fabric.ts'
import { FlannelBench } from './flannel-bench.ts'
import { recordCommands } from './typed.ts'

const scheme = builtinSchemes.get('flannel')!
const options = (given: object) => flannelScheme.options.parse(given)
const TWO_HOSTS = ['192.168.50.11', '192.168.50.12']
/** h1 and h2 on a link, h3 behind a router. */
const ACROSS = ['192.168.50.11', '192.168.50.12', '192.168.60.11']

function typedBy(given: object, addresses = TWO_HOSTS, gateway: string | null = null): string[] {
  const lab = new Hosts(addresses, 24, gateway)
  const typed = recordCommands(lab.hosts[0]!)
  flannelScheme.startHost(lab.hosts[0]!, lab.network(options({ ipMasq: false, ...given })))
  return typed.filter((line) => !line.startsWith('iptables'))
}

const lines = (shown: { readonly lines: readonly string[] }) => shown.lines.map((l) => l.trimEnd())

describe('ipip', () => {
  it('types one tunnel, and a route on it for each other host', () => {
    expect(typedBy({ backend: 'ipip' })).toEqual([
      'ip link add flannel.ipip type ipip',
      'ip addr add 10.244.0.0/32 dev flannel.ipip',
      'ip link set flannel.ipip up',
      'ip route replace 10.244.1.0/24 via 192.168.50.12 dev flannel.ipip onlink',
    ])
  })

  it('DirectRouting: leaves the tunnel out for hosts on a link', () => {
    const typed = typedBy({ backend: 'ipip', directRouting: true }, ACROSS, '192.168.50.254')
    expect(typed.slice(-2)).toEqual([
      'ip route replace 10.244.1.0/24 via 192.168.50.12 dev eth0 onlink',
      'ip route replace 10.244.2.0/24 via 192.168.60.11 dev flannel.ipip onlink',
    ])
  })

  it('shows the device as ip(8) does: DF only where the inner packet has it', () => {
    const { root } = new Bench(scheme, { backend: 'ipip' }).world.hosts.get('h1')!
    expect(lines(showLinks(root, { device: 'flannel.ipip', details: true }))).toEqual([
      expect.stringMatching(/flannel.ipip: <NOARP,UP,LOWER_UP> mtu 1480 .* state UNKNOWN/),
      '    link/ipip 192.168.0.1 brd 0.0.0.0 promiscuity 0',
      '    ipip ipip remote any local 192.168.0.1 ttl inherit nopmtudisc',
    ])
  })

  it('is lost where the fabric blocks IP protocol 4', () => {
    const faults = [{ node: 'h1', blockProtocol: 4 }]
    const lab = new Bench(scheme, { backend: 'ipip' }, { faults })
    expect(lab.ping(lab.endpoint('a').namespace, lab.endpoint('c').address)).toBe(false)
    expect(lab.world.ledger.dropsByReason().get('blocked_protocol')).toBe(1)
  })
})

describe('vxlan with DirectRouting', () => {
  it('decides for each host by a look-up of its route', () => {
    const given = { backend: 'vxlan', directRouting: true }
    const typed = typedBy(given, ACROSS, '192.168.50.254').slice(3)
    expect(typed.map((line) => line.replace(/(\w\w:){5}\w\w/, 'MAC'))).toEqual([
      'ip route replace 10.244.1.0/24 via 192.168.50.12',
      'ip neigh replace 10.244.2.0 lladdr MAC dev flannel.1 nud PERMANENT',
      'bridge fdb replace MAC dev flannel.1 dst 192.168.60.11',
      'ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
    ])
  })
})

describe('routes of others', () => {
  it('replaces one that leads elsewhere, and says so', () => {
    const lab = new Hosts(TWO_HOSTS)
    const host = lab.hosts[0]!
    const dst = prefix('10.244.1.0/24')
    host.commands.route.replace({ dst, via: ipv4('192.168.50.99'), dev: 'eth0' })
    const daemon = flannelScheme.startHost(host, lab.network(options({ backend: 'host-gw' })))
    expect(host.root.routes.exact(dst)!.via).toBe(ipv4('192.168.50.12'))
    expect(daemon.log).toEqual([
      expect.stringMatching(/^Replacing existing route to .*50\.99.*50\.12/),
    ])
    // What is put in its place later is left alone: the kernel says that there is one.
    host.commands.route.replace({ dst, via: ipv4('192.168.50.99'), dev: 'eth0' })
    lab.simulator.run(30 * SECOND)
    expect(host.root.routes.exact(dst)!.via).toBe(ipv4('192.168.50.99'))
  })
})

/** The fields of a packet at a device that a proxy may change. */
interface Seen {
  readonly text: string
  readonly ttl: number
  readonly id: number
}

function watch(lab: Bench, container: string): Seen[] {
  const seen: Seen[] = []
  const { namespace, device } = lab.endpoint(container)
  namespace.device(device)!.tap = {
    frame: (_, frame: Frame, way) => {
      if (way !== 'in' || frame.ttl === 0) return
      seen.push({ text: describeFrame(frame), ttl: frame.ttl, id: frame.ipId })
    },
  }
  return seen
}

describe('udp', () => {
  const udp = (more: Sections = {}) => new Bench(scheme, { backend: 'udp' }, more)
  const socketOf = (lab: Bench, name: string) => lab.endpoint(name).namespace.sockets.openUdp()!

  it('types a TUN device with the route of the whole network, whatever hosts there are', () => {
    expect(typedBy({ backend: 'udp' })).toEqual([
      'ip link add flannel0 type tun',
      'ip addr add 10.244.0.0/32 dev flannel0',
      'ip link set flannel0 up',
      'ip route replace 10.244.0.0/16 dev flannel0',
    ])
  })

  it('shows the device as ip(8) does', () => {
    const { root } = udp().world.hosts.get('h1')!
    expect(lines(showLinks(root, { device: 'flannel0' }))).toEqual([
      expect.stringMatching(
        /flannel0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1472 qdisc fq_codel state UNKNOWN mode DEFAULT group default qlen 500/,
      ),
      '    link/none',
    ])
    expect(showAddresses(root, { device: 'flannel0' }).json[0]).toMatchObject({
      link_type: 'none',
      txqlen: 500,
      addr_info: [{ local: '10.244.0.0', prefixlen: 32 }],
    })
    expect(lines(showRoutes(root))).toContain('10.244.0.0/16 dev flannel0')
  })

  it('carries the bare packet from 8285 to 8285, whose TTL falls by four', () => {
    const lab = udp()
    const wire: string[] = []
    lab.world.hosts.get('h1')!.nic.tap = {
      frame: (_, frame, way) => way === 'out' && wire.push(describeFrame(frame)),
    }
    const seen = watch(lab, 'c')
    const [a, c] = [lab.endpoint('a'), lab.endpoint('c')]
    expect(lab.ping(a.namespace, c.address)).toBe(true)
    expect(seen.map(({ ttl }) => ttl)).toEqual([60])
    const outer = wire.filter((text) => text.includes('8285'))
    expect(outer).toEqual([
      expect.stringMatching(/IP 192\.168\.0\.1\.8285 > 192\.168\.0\.2\.8285: .*10\.244\.0\.2 > 10/),
    ])
  })

  it('ends packets in silence whose TTL runs out in it', () => {
    const lab = udp()
    const { namespace } = lab.endpoint('a')
    const socket = namespace.sockets.openEcho()
    const errors: number[] = []
    socket.onError = ({ type }) => errors.push(type)
    // The bridge's host takes one, the proxy the second: a third would come out at the other host.
    for (const ttl of [2, 3, 4]) {
      socket.ttl = ttl
      socket.request(lab.endpoint('c').address, ttl, 56)
    }
    lab.run(SECOND)
    expect(lab.world.ledger.dropsByReason().get('ttl_exceeded')).toBe(3)
    // Only the last one met a kernel at its end.
    expect(errors).toEqual([11])
  })

  it('writes net unreachable for a subnet that nobody has, but its own kernel takes it for a martian', () => {
    const lab = udp()
    const errors: number[] = []
    const socket = socketOf(lab, 'a')
    socket.onError = ({ type }) => errors.push(type)
    const written: Frame[] = []
    lab.root('h1').device('flannel0')!.tap = {
      frame: (_, frame, way) => way === 'in' && written.push(frame),
    }
    socket.sendTo(ipv4('10.244.77.7'), 9, 100)
    lab.run(SECOND)
    expect(written.map((frame) => [frame.ttl, frame.l3Length, describeFrame(frame)])).toEqual([
      [
        8,
        56,
        expect.stringMatching(/^IP 10\.244\.0\.0 > 10\.244\.0\.2: ICMP net 10\.244\.77\.7 unreach/),
      ],
    ])
    // Its source is the device's own address.
    expect(errors).toEqual([])
    expect(lab.world.ledger.dropsByReason().get('invalid_source')).toBe(1)
    // Of ICMP it says nothing.
    expect(lab.ping(lab.endpoint('a').namespace, ipv4('10.244.77.7'))).toBe(false)
    expect(written).toHaveLength(1)
    expect(lab.world.ledger.dropsByReason().get('no_route')).toBe(2)
  })

  it('carries fragments of what is too long for it, and puts DF on its own packets', () => {
    const lab = udp()
    const socket = socketOf(lab, 'a')
    const server = lab.endpoint('c').namespace.sockets.openUdp(5000)!
    const got: number[] = []
    server.onReceive = (frame) => got.push(frame.l3Length)
    const outer: boolean[] = []
    lab.world.hosts.get('h1')!.nic.tap = {
      frame: (_, frame, way) => way === 'out' && outer.push(frame.dontFragment),
    }
    socket.sendTo(lab.endpoint('c').address, 5000, 4000)
    lab.run(SECOND)
    expect(got).toEqual([4028])
    expect(outer.slice(-3)).toEqual([true, true, true])
  })

  it('stops at once with its program, device and routes gone, and goes on with the next', () => {
    const lab = udp()
    const [a, c] = [lab.endpoint('a'), lab.endpoint('c')]
    lab.daemon('h1').crash()
    expect(lab.root('h1').device('flannel0')).toBeUndefined()
    expect(showRoutes(lab.root('h1')).lines.join()).not.toContain('flannel0')
    expect(lab.ping(a.namespace, c.address)).toBe(false)
    // The other end's kernel knows that nobody listens any more.
    expect(lab.ping(c.namespace, a.address)).toBe(false)
    expect(lab.world.ledger.dropsByReason().get('no_socket')).toBe(1)
    lab.daemon('h1').start()
    expect(lab.ping(a.namespace, c.address)).toBe(true)
    expect(lab.world.ledger.imbalance()).toBe(0)
  })

  it('is one thread: past what it can do packets are lost at its socket', () => {
    const workload = [
      {
        kind: 'udp',
        from: ['a', 'b'],
        to: 'c',
        size: 64,
        packetRate: 'max',
        for: '10ms',
        at: '1s',
      },
    ]
    const lab = udp({ hosts: { cpus: 8, costs: 'server-2020s' }, workload })
    lab.run(2 * SECOND)
    const drops = lab.world.ledger.dropsByReason()
    const waits = (drops.get('tun_ring_full') ?? 0) + (drops.get('socket_buffer') ?? 0)
    expect(waits).toBeGreaterThan(500)
    expect(lab.world.ledger.imbalance()).toBe(0)
    expect(lab.world.ledger.held()).toBe(0)
  })

  it('keeps new subnets waiting as long as packets flow without a gap', () => {
    const containers = [
      { name: 'a', host: 'h1' },
      { name: 'c', host: 'h2' },
      { name: 'd', host: 'h3' },
    ]
    const lab = new FlannelBench(
      { backend: 'udp', subnetManager: 'etcd-v3' },
      {
        fabric: { racks: 1, hostsPerRack: 3, links: '10Gbps' },
        hosts: { cpus: 8, costs: 'server-2020s' },
        containers,
        workload: [
          { kind: 'udp', from: 'a', to: 'c', size: 64, packetRate: 'max', at: '50s', for: '60ms' },
        ],
      },
    )
    // The sending side keeps up with its sender, the receiving one does not.
    const { namespace } = lab.endpoint('c')
    const unknown = () => {
      const drops = [...lab.world.ledger.dropCounts()]
      return drops.find((drop) => drop.place === 'h2/flannel0' && drop.reason === 'no_route')?.count
    }
    spawn(lab.world.simulator, lab.daemon('h3').leave())
    lab.until(50.02)
    lab.daemon('h3').start()
    lab.until(50.05)
    const added = `Subnet added: ${lab.subnetOf('h3')}`
    expect(lab.log('h2').filter((line) => line === added).length).toBeGreaterThan(0)
    const probe = namespace.sockets.openUdp()!
    const there = lab.root('h3').device('flannel0')!.addresses[0]!.address + 2
    probe.sendTo(there, 9, 10)
    lab.until(50.06)
    expect(unknown()).toBe(1)
    lab.until(51)
    probe.sendTo(there, 9, 10)
    lab.until(52)
    expect(unknown()).toBe(1)
  })
})
