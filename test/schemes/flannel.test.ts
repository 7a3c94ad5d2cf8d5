import { describe, expect, it } from 'vitest'
import { showFdb, showNeighbours, showRoutes } from '../../src/host/show.ts'
import { AttachError, type Endpoint } from '../../src/schemes/contract.ts'
import { flannelScheme } from '../../src/schemes/flannel/index.ts'
import type { FlannelOptions } from '../../src/schemes/flannel/options.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { SECOND } from '../../src/sim/units.ts'
import { formatIpv4, ipv4 } from '../../src/wire/ipv4-address.ts'
import { Bench } from '../contract/bench.ts'
import { Hosts } from './fabric.ts'
import { recordCommands } from './typed.ts'

const scheme = builtinSchemes.get('flannel')!
const options = (given: object = {}): FlannelOptions => flannelScheme.options.parse(given)

const THREE_HOSTS = ['192.168.50.11', '192.168.50.12', '192.168.50.13']

describe('flanneld', () => {
  it('vxlan: types neighbour, FDB and route of each other host, in this order', () => {
    const lab = new Hosts(THREE_HOSTS)
    const network = lab.network(options())
    const typed = recordCommands(lab.hosts[0]!)
    flannelScheme.startHost(lab.hosts[0]!, network)
    // The MAC addresses of the VXLAN devices are drawn: those of h2 and h3 stand for themselves.
    const macs = [...new Set(typed.flatMap((line) => line.match(/(\w\w:){5}\w\w/g) ?? []))]
    const [two, three] = macs
    expect(macs).toHaveLength(2)
    expect(typed).toEqual([
      'ip link add flannel.1 type vxlan',
      'ip addr add 10.244.0.0/32 dev flannel.1',
      'ip link set flannel.1 up',
      'iptables-restore *nat',
      'iptables-restore *filter',
      `ip neigh replace 10.244.1.0 lladdr ${two} dev flannel.1 nud PERMANENT`,
      `bridge fdb replace ${two} dev flannel.1 dst 192.168.50.12`,
      'ip route replace 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      `ip neigh replace 10.244.2.0 lladdr ${three} dev flannel.1 nud PERMANENT`,
      `bridge fdb replace ${three} dev flannel.1 dst 192.168.50.13`,
      'ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
    ])
  })

  it('vxlan: leaves what a real host shows, as far as there are two of them', () => {
    const lab = new Hosts(THREE_HOSTS.slice(0, 2))
    const network = lab.network(options())
    for (const host of lab.hosts) flannelScheme.startHost(host, network)
    const [one, two] = lab.hosts
    const mac = two!.root.device('flannel.1')!.mac.toString(16).padStart(12, '0')
    const colons = mac.replace(/(..)(?=.)/g, '$1:')
    const { root } = one!
    expect(showRoutes(root).lines.map((line) => line.trim())).toEqual([
      '10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      '192.168.50.0/24 dev eth0 proto kernel scope link src 192.168.50.11',
    ])
    expect(showNeighbours(root).lines.map((line) => line.trim())).toEqual([
      `10.244.1.0 dev flannel.1 lladdr ${colons} PERMANENT`,
    ])
    expect(showFdb(root).lines.map((line) => line.trim())).toEqual([
      `${colons} dev flannel.1 dst 192.168.50.12 self permanent`,
    ])
    expect(root.device('flannel.1')!.mtu).toBe(1450)
  })

  it('vxlan: takes back neighbour and FDB entry when the kernel refuses the route', () => {
    const lab = new Hosts(THREE_HOSTS.slice(0, 2))
    const host = lab.hosts[0]!
    const typed = recordCommands(host)
    host.root.routes.capacity = host.root.routes.size
    const daemon = flannelScheme.startHost(host, lab.network(options()))
    expect(typed.slice(-2).map((line) => line.replace(/(\w\w:){5}\w\w/, 'MAC'))).toEqual([
      'ip neigh del 10.244.1.0 dev flannel.1',
      'bridge fdb del MAC dev flannel.1 dst 192.168.50.12',
    ])
    expect(daemon.log).toEqual([expect.stringMatching(/failed to add vxlanRoute \(10\.244\.1\.0/)])
    expect(showNeighbours(host.root).lines).toEqual([])
  })

  it('host-gw: types one route for each other host, and no device', () => {
    const lab = new Hosts(THREE_HOSTS)
    const typed = recordCommands(lab.hosts[0]!)
    flannelScheme.startHost(lab.hosts[0]!, lab.network(options({ backend: 'host-gw' })))
    expect(typed).toEqual([
      'iptables-restore *nat',
      'iptables-restore *filter',
      'ip route replace 10.244.1.0/24 via 192.168.50.12 dev eth0',
      'ip route replace 10.244.2.0/24 via 192.168.50.13 dev eth0',
    ])
  })

  it('host-gw: is refused a route across a router, and tries again every 10 seconds', () => {
    const lab = new Hosts(['192.168.50.11', '192.168.60.11'], 24, '192.168.50.254')
    const host = lab.hosts[0]!
    const typed = recordCommands(host)
    const daemon = flannelScheme.startHost(host, lab.network(options({ backend: 'host-gw' })))
    const attempt = 'ip route replace 10.244.1.0/24 via 192.168.60.11 dev eth0'
    const attempts = () => typed.filter((line) => line === attempt).length
    const refusal =
      'Error adding route to {Ifindex: 2 Dst: 10.244.1.0/24 Src: <nil> Gw: 192.168.60.11 ' +
      'Flags: [] Table: 0}: network is unreachable'
    expect(daemon.log).toEqual([refusal])
    lab.simulator.run(9.9 * SECOND)
    expect(attempts()).toBe(1)
    lab.simulator.run(30 * SECOND)
    expect(attempts()).toBe(4)
    // Of further refusals it says nothing: to Go they are network errors, which may pass.
    expect(daemon.log).toEqual([refusal])
    // The two come to share a link: the next try succeeds, and there is nothing more to do.
    host.commands.addr.add('192.168.60.254/24', 'eth0')
    lab.simulator.run(60 * SECOND)
    expect(attempts()).toBe(5)
    expect(daemon.log).toEqual([refusal, 'Route recovered 10.244.1.0/24 : 192.168.60.11'])
    expect(showRoutes(host.root).lines[1]).toBe('10.244.1.0/24 via 192.168.60.11 dev eth0 ')
  })

  it('host-gw: puts back a route that somebody deleted, until it is stopped', () => {
    const lab = new Hosts(THREE_HOSTS.slice(0, 2))
    const host = lab.hosts[0]!
    const daemon = flannelScheme.startHost(host, lab.network(options({ backend: 'host-gw' })))
    const dst = { base: ipv4('10.244.1.0'), length: 24 }
    host.commands.route.delete(dst)
    lab.simulator.run(10 * SECOND)
    expect(host.root.routes.exact(dst)).not.toBeNull()
    daemon.stop()
    host.commands.route.delete(dst)
    lab.simulator.run(60 * SECOND)
    expect(host.root.routes.exact(dst)).toBeNull()
  })
})

/** The rules of the kernel lab's script for a host with the subnet 10.244.1.0/24, as saved. */
const RULES = `# Generated by iptables-save
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:FLANNEL-POSTRTG - [0:0]
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
COMMIT
# Completed
# Generated by iptables-save
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:FLANNEL-FWD - [0:0]
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
COMMIT
# Completed
`

describe('rules of flanneld', () => {
  it.each(['vxlan', 'host-gw'])('%s: are those of the kernel lab', (backend) => {
    const lab = new Bench(scheme, { backend })
    expect(lab.root('h2').filter!.save()).toBe(RULES)
  })

  it('leave NAT out without ipMasq', () => {
    const lab = new Bench(scheme, { ipMasq: false })
    const filter = RULES.slice(RULES.indexOf('# Generated', 1))
    expect(lab.root('h2').filter!.save()).toBe(filter)
  })

  it('hide the containers from the world outside behind their host, not from each other', () => {
    const fabric = { racks: 1, hostsPerRack: 2, gateway: true }
    const lab = new Bench(scheme, {}, { fabric })
    const { a, c } = { a: lab.endpoint('a'), c: lab.endpoint('c') }
    const sources: string[] = []
    const { nic } = lab.world.hosts.get('outside')!
    nic.tap = { frame: (_, frame, way) => way === 'in' && sources.push(formatIpv4(frame.ipSrc)) }
    expect(lab.ping(a.namespace, lab.world.hosts.get('outside')!.address)).toBe(true)
    expect(sources.filter((source) => source !== '0.0.0.0')).toEqual(['192.168.0.1'])
    const inside = c.namespace.device('eth0')!
    const seen: string[] = []
    inside.tap = { frame: (_, frame, way) => way === 'in' && seen.push(formatIpv4(frame.ipSrc)) }
    expect(lab.ping(a.namespace, c.address)).toBe(true)
    expect(seen).toContain('10.244.0.2')
  })
})

describe('host-local', () => {
  const SMALL = { subnet: '10.244.0.0/24', subnetLen: 28 }
  const last = (endpoint: Endpoint) => formatIpv4(endpoint.address).split('.').at(-1)

  it('goes round: an address that was given back waits for its turn', () => {
    const lab = new Bench(scheme, SMALL)
    const x = lab.mustAttach('x', 'h1')
    const y = lab.mustAttach('y', 'h1')
    // .0 is the network, .1 the bridge, a and b have .2 and .3.
    expect([x, y].map(last)).toEqual(['4', '5'])
    lab.detach(x, 'h1')
    expect(last(lab.mustAttach('z', 'h1'))).toBe('6')
    for (let i = 7; i <= 14; i++) expect(last(lab.mustAttach(`w${i}`, 'h1'))).toBe(String(i))
    // .15 is the broadcast address: after the last one the search begins anew.
    expect(last(lab.mustAttach('again', 'h1'))).toBe('4')
    const refusal = lab.attach('late', 'h1')
    expect(refusal).toEqual(new AttachError('no IP addresses available in range set'))
  })

  it('refuses an address of another host', () => {
    const lab = new Bench(scheme, SMALL)
    const { address } = lab.endpoint('c')
    expect(lab.attach('thief', 'h1', address)).toEqual(
      new AttachError('requested IP address 10.244.0.18 is not available'),
    )
  })
})

describe('limits that the scenario file is checked against', () => {
  const check = (given: object, hosts = [host('h1', 1), host('h2', 1)]) =>
    flannelScheme.check!(options(given), {
      network: 'net',
      mode: 'l2',
      fabricSubnet: { base: ipv4('192.168.0.0'), length: 16 },
      store: null,
      hosts,
    })

  it('admits what works', () => {
    expect(check({})).toEqual([])
    expect(check({ vni: 9_999_999, subnet: '10.0.0.0/22', subnetLen: 24 })).toEqual([])
  })

  it('counts the hosts that take part, and no others', () => {
    const five = [1, 2, 3, 4, 5].map((i) => host(`h${i}`, i < 5 ? 1 : 0))
    expect(check({ subnet: '10.0.0.0/22' }, five)).toEqual([])
    const all = five.map(({ name }) => host(name, 1))
    expect(check({ subnet: '10.0.0.0/22' }, all)).toMatchObject([{ path: ['subnet'] }])
  })

  it.each([
    [{ subnet: '10.0.0.0/22', subnetLen: 23 }, 'subnets of /23'],
    [{ subnet: '10.0.0.0/29' }, 'cannot be cut'],
    [{ vni: 16_777_215 }, 'flannel.16777215'],
  ])('%j: %s', (given, message) => {
    expect(check(given)).toMatchObject([{ message: expect.stringContaining(message) }])
  })

  it('sees a subnet that is too small for a host, and a NIC too narrow for VXLAN', () => {
    expect(check({ subnetLen: 29 }, [host('h1', 6)])).toMatchObject([{ path: ['subnet'] }])
    expect(check({}, [host('h1', 1, 117)])).toMatchObject([{ path: ['backend'] }])
    expect(check({ backend: 'host-gw' }, [host('h1', 1, 117)])).toEqual([])
  })
})

function host(name: string, containers: number, mtu = 1500) {
  return { name, address: ipv4('192.168.0.1'), mtu, containers }
}
