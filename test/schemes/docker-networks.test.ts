/** Networks that their user removes and makes again, and networks of several subnets. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { V2ClusterClient } from '../../src/control/etcd/client/v2-cluster-client.ts'
import type { AttachError, Endpoint } from '../../src/schemes/contract.ts'
import { SECOND } from '../../src/sim/units.ts'
import { formatIpv4, formatPrefix, ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import { DockerBench } from './docker-bench.ts'
import type { EngineBench } from './engine-bench.ts'
import { SwarmBench } from './swarm-bench.ts'

const remove = (bench: EngineBench, network: string, host: number) =>
  bench.finish(bench.daemon(network, host).removeNetwork!(network))
const create = (bench: EngineBench, network: string, host: number) =>
  bench.finish(bench.daemon(network, host).createNetwork!(network))
const text = ({ address }: Endpoint) => formatIpv4(address)
const ID = /[0-9a-f]{64}/

/** Keys with a value, and the value, without the root. */
function values(bench: DockerBench): Record<string, string> {
  const entries = bench
    .listing()
    .flatMap(({ key, value }) =>
      value === undefined ? [] : [[key.replace('/docker/network/v1.0/', ''), value] as const],
    )
  return Object.fromEntries(entries)
}

/** VNIs of a network by its subnets, as the store has them. */
function vnis(bench: DockerBench): Record<string, number> {
  const [record] = Object.entries(values(bench)).filter(([key]) => key.startsWith('overlay/'))
  const { subnets } = JSON.parse(record![1]) as { subnets: { SubnetIP: string; Vni: number }[] }
  return Object.fromEntries(subnets.map(({ SubnetIP, Vni }) => [SubnetIP, Vni]))
}

describe('docker network rm, with an external store', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  function network(options: object = {}): DockerBench {
    const bench = new DockerBench()
    bench.startDaemons()
    bench.startNetwork('net1', 1, options)
    return bench
  }

  it('leaves what it left on a real etcd, by the same writes', () => {
    const bench = network({ subnet: '10.0.9.0/24', auxAddresses: { probe: '10.0.9.9' } })
    bench.remove(bench.docker('c1', 'net1', 1), 1)
    const asked: string[] = []
    const original = V2ClusterClient.prototype.do
    vi.spyOn(V2ClusterClient.prototype, 'do').mockImplementation(function (
      this: V2ClusterClient,
      request,
      timeout,
    ) {
      const { isWait, path, method } = request
      if (!isWait && this.program.namespace.name === 'h2' && !path.includes('/nodes')) {
        asked.push(`${method} ${path.replace(ID, 'ID').replace(/^.*v1\.0\/|\?.*/g, '')}`)
      }
      return original.call(this, request, timeout)
    })
    expect(remove(bench, 'net1', 2)).toBeNull()
    // Recorded: 40 to 44.
    expect(asked.filter((each) => each.startsWith('GET'))).toHaveLength(30)
    // Recorded, with one more release for the reserved address.
    expect(asked.filter((each) => !each.startsWith('GET'))).toEqual([
      'PUT network/ID/',
      'PUT ipam/default/data/GlobalDefault/10.0.9.0/24/',
      'PUT ipam/default/data/GlobalDefault/10.0.9.0/24/',
      'PUT ipam/default/config/GlobalDefault/',
      'DELETE ipam/default/data/GlobalDefault/10.0.9.0/24/',
      'PUT network/ID/',
      'DELETE overlay/network/ID/',
      'PUT idm/vxlan-id/',
      'DELETE endpoint_count/ID/',
      'DELETE network/ID/',
    ])
    expect(values(bench)).toEqual({
      'ipam/default/config/GlobalDefault': '{"Scope":"","Subnets":{}}',
      'idm/vxlan-id': '{"id":"vxlan-id","sequence":"AAAAAAD//wAAAAAAAP//AAAAAAAAAAAAAAf/+A=="}',
      '/docker/nodes/10.0.0.1:2376': '10.0.0.1:2376',
      '/docker/nodes/10.0.0.2:2376': '10.0.0.2:2376',
    })
  })

  it('is refused while an endpoint is counted, also of a dead host until that is back', () => {
    const bench = network()
    bench.docker('c1', 'net1', 2)
    const refusal =
      /^error while removing network: network net1 id [0-9a-f]{64} has active endpoints$/
    expect(remove(bench, 'net1', 1)).toMatch(refusal)
    expect(bench.daemon('net1', 1).log.at(-1)).toMatch(/^network rm net1: error while removing/)
    bench.daemon('net1', 2).crash()
    bench.run(5 * SECOND)
    expect(remove(bench, 'net1', 1)).toMatch(refusal)
    expect(remove(bench, 'net1', 2)).toMatch(/^docker: Cannot connect to the Docker daemon/)
    bench.daemon('net1', 2).start()
    bench.run(15 * SECOND)
    expect(remove(bench, 'net1', 1)).toBeNull()
    expect(remove(bench, 'net1', 1)).toBe('No such network: net1')
  })

  it('does not find the network without the store', () => {
    const bench = network()
    bench.cluster.members[0]!.crash()
    expect(remove(bench, 'net1', 1)).toBe('No such network: net1')
    bench.cluster.members[0]!.start()
    bench.run(25 * SECOND)
    expect(remove(bench, 'net1', 1)).toBeNull()
  })

  it('makes the next of the name another: pool and VNI go on, old containers do not find it', () => {
    const bench = network()
    const old = bench.docker('c1', 'net1', 1)
    expect([text(old), vnis(bench)]).toEqual(['10.0.0.2', { '10.0.0.0/24': 256 }])
    bench.remove(old, 1)
    expect(create(bench, 'net1', 1)).toBe('network with name net1 already exists')
    expect(remove(bench, 'net1', 1)).toBeNull()
    const missing = /^docker: Error response from daemon: network [0-9a-f]{64} not found\.$/
    expect((bench.tryRun('c1', 'net1', 1) as AttachError).message).toMatch(missing)
    expect(create(bench, 'net1', 1)).toBeNull()
    // The daemon goes on from its last pool and its last VNI, though both are free again.
    expect(text(bench.docker('c2', 'net1', 1))).toBe('10.0.1.2')
    expect(vnis(bench)).toEqual({ '10.0.1.0/24': 257 })
    expect((bench.tryRun('c1', 'net1', 1) as AttachError).message).toMatch(missing)
    // One that was never there is told the name alone.
    expect(text(bench.docker('c3', 'net1', 2))).toBe('10.0.1.3')
  })
})

describe('docker network rm, in a swarm', () => {
  it('is a manager`s, and refused while a task has a place', () => {
    const bench = new SwarmBench(2)
    bench.startNetwork('net')
    const c1 = bench.docker('c1', 'net', 2)
    expect(remove(bench, 'net', 2)).toMatch(/^This node is not a swarm manager\. Worker nodes/)
    expect(remove(bench, 'net', 1)).toMatch(/^network \w{25} is in use by task \w{25}$/)
    // The task of a node that is down stays, and with it the network.
    bench.daemon('net', 2).crash()
    bench.run(20 * SECOND)
    expect(remove(bench, 'net', 1)).toMatch(/is in use by task/)
    bench.daemon('net', 2).start()
    bench.run(20 * SECOND)
    expect(remove(bench, 'net', 1)).toBeNull()
    expect(bench.sandboxes(2)).toEqual([])
    expect(remove(bench, 'net', 1)).toBe('network net not found')
    expect((bench.tryRun('c1', 'net', 2) as AttachError).message).toMatch(
      /^docker: Error response from daemon: network \w{25} not found\.$/,
    )
    expect(create(bench, 'net', 1)).toBeNull()
    const next = bench.docker('c2', 'net', 2)
    expect([text(c1), text(next)]).toEqual(['10.0.1.2', '10.0.2.2'])
  })
})

const SUBNETS = {
  subnet: '10.0.9.0/29',
  moreSubnets: [{ subnet: '10.0.8.0/24', gateway: '10.0.8.254' }],
}

/** What a namespace has of bridges and VXLAN devices, with the bridges' addresses. */
function segments(bench: EngineBench, host: number): string[] {
  return bench
    .sandboxes(host)[0]!
    .devices.flatMap(({ name, addresses }) =>
      /^(br|vxlan)/.test(name)
        ? [[name, ...addresses.map(({ address }) => formatIpv4(address))].join(' ')]
        : [],
    )
}

const routes = ({ namespace }: Endpoint) =>
  namespace.routes
    .routes()
    .flatMap(({ destination, via, device }) =>
      via === null ? [] : [`${formatPrefix(destination)} ${formatIpv4(via)} ${device?.name}`],
    )
    .sort()

describe('a network of several subnets', () => {
  it('takes addresses of the first with room, a VNI each, and routes between them', () => {
    const bench = new DockerBench()
    bench.startDaemons()
    bench.startNetwork('net1', 1, SUBNETS)
    const [a, ...others] = [1, 2, 1, 2, 1].map((host, i) => bench.docker(`c${i}`, 'net1', host))
    expect([a!, ...others].map(text)).toEqual([
      '10.0.9.2',
      '10.0.9.3',
      '10.0.9.4',
      '10.0.9.5',
      '10.0.9.6',
    ])
    expect(vnis(bench)).toEqual({ '10.0.9.0/29': 256, '10.0.8.0/24': 0 })
    expect(segments(bench, 1)).toEqual(['br0 10.0.9.1', 'vxlan0'])
    const b = bench.docker('c5', 'net1', 2)
    bench.run(SECOND)
    expect(text(b)).toBe('10.0.8.1')
    expect(vnis(bench)).toEqual({ '10.0.9.0/29': 256, '10.0.8.0/24': 257 })
    // The other host makes its part when it hears of the first peer there.
    for (const host of [1, 2]) {
      expect(segments(bench, host)).toEqual(['br0 10.0.9.1', 'vxlan0', 'br1 10.0.8.254', 'vxlan1'])
    }
    expect(routes(a!)).toEqual(['0.0.0.0/0 172.18.0.1 eth1', '10.0.8.0/24 10.0.9.1 eth0'])
    expect(routes(b)).toEqual(['0.0.0.0/0 172.18.0.1 eth1', '10.0.9.0/29 10.0.8.254 eth0'])
    // Each host routes what it sends: there by one VNI, back by the other.
    const seen = new Set<number>()
    bench.host(1).nic.tap = { frame: (_, { vni }) => seen.add(vni) }
    expect(bench.ping(a!.namespace, b.address, SECOND)).toBe(true)
    expect([...seen].filter((vni) => vni > 0).sort()).toEqual([256, 257])
    expect(bench.ping(others[0]!.namespace, b.address, SECOND)).toBe(true)
  })

  it('gives an address of any of them that is asked for; all go with the network', () => {
    const bench = new DockerBench()
    bench.startDaemons()
    bench.startNetwork('net1', 1, SUBNETS)
    const wanted = bench.tryRun('c1', 'net1', 1, ipv4('10.0.8.77')) as Endpoint
    expect([text(wanted), segments(bench, 1)]).toEqual(['10.0.8.77', ['br0 10.0.8.254', 'vxlan0']])
    expect(vnis(bench)).toEqual({ '10.0.9.0/29': 0, '10.0.8.0/24': 256 })
    expect(bench.tryRun('c2', 'net1', 1, ipv4('10.0.7.1'))).toMatchObject({
      message: expect.stringContaining("does not belong to any of this network's subnets"),
    })
    bench.remove(wanted, 1)
    expect(remove(bench, 'net1', 1)).toBeNull()
    expect(Object.keys(values(bench))).toEqual([
      'ipam/default/config/GlobalDefault',
      'idm/vxlan-id',
      '/docker/nodes/10.0.0.1:2376',
      '/docker/nodes/10.0.0.2:2376',
    ])
    // A second pool that cannot be had gives the first one back.
    bench.startNetwork('net2', 1, {
      subnet: '10.0.6.0/24',
      moreSubnets: [{ subnet: '10.0.6.0/25' }],
    })
    expect(bench.daemon('net2', 1).log.at(-1)).toBe(
      'network create net2: Pool overlaps with other one on this address space',
    )
    expect(values(bench)['ipam/default/config/GlobalDefault']).toBe('{"Scope":"","Subnets":{}}')
  })

  it('has the same parts in a swarm, told by gossip', () => {
    const bench = new SwarmBench(2)
    bench.startNetwork('net', { ...SUBNETS, subnet: '10.0.9.0/24', encrypted: true })
    const [a, b] = ['10.0.9.40', '10.0.8.40'].map((address, i) =>
      bench.docker(`c${i}`, 'net', i + 1, ipv4(address)),
    )
    bench.run(SECOND)
    expect(segments(bench, 1).toSorted()).toEqual([
      'br0 10.0.9.1',
      'br1 10.0.8.254',
      'vxlan0',
      'vxlan1',
    ])
    expect(bench.ping(a!.namespace, b!.address, SECOND)).toBe(true)
    const rules = bench.host(1).root.filter!.save()
    // 4097 and 4098, shifted by the reserved byte.
    for (const vni of [4097, 4098]) expect(rules).toContain(`=0x${(vni * 256).toString(16)}"`)
    bench.remove(a!, 1)
    bench.run(SECOND)
    expect(bench.host(1).root.filter!.save()).not.toContain('u32')
  })
})

/** Two hosts of a swarm that forwarded before any engine came, with one container that publishes a port. */
function swarmOf(version: '20.10' | '28.0') {
  const publish = [{ container: 'c1', protocol: 'udp', port: 53, hostPort: 5353 }]
  const bench = new SwarmBench(2, { version, publish })
  for (const number of [1, 2]) bench.host(number).commands.sysctl('net.ipv4.ip_forward', 1)
  bench.startNetwork('net')
  return { bench, c1: bench.docker('c1', 'net', 1) }
}

describe('release 28', () => {
  it('has rules in chains of its own, as its documentation lists them', () => {
    const { bench, c1 } = swarmOf('28.0')
    const lines = () => bench.host(1).root.filter!.save().split('\n')
    const rules = lines().filter((line) => /^-A (FORWARD|DOCKER|PRE.*DROP)/.test(line))
    expect(rules).toEqual([
      '-A PREROUTING -d 172.18.0.3/32 ! -i docker_gwbridge -j DROP',
      '-A DOCKER -i docker_gwbridge -j RETURN',
      '-A DOCKER ! -i docker_gwbridge -p udp -m udp --dport 5353 -j DNAT --to-destination 172.18.0.3:53',
      '-A FORWARD -j DOCKER-USER',
      '-A FORWARD -j DOCKER-FORWARD',
      '-A DOCKER -d 172.18.0.3/32 ! -i docker_gwbridge -o docker_gwbridge -p udp -m udp --dport 53 -j ACCEPT',
      '-A DOCKER ! -i docker_gwbridge -o docker_gwbridge -j DROP',
      '-A DOCKER-BRIDGE -o docker_gwbridge -j DOCKER',
      '-A DOCKER-CT -o docker_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A DOCKER-FORWARD -j DOCKER-CT',
      '-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1',
      '-A DOCKER-FORWARD -j DOCKER-BRIDGE',
      '-A DOCKER-FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP',
      '-A DOCKER-FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT',
      '-A DOCKER-ISOLATION-STAGE-1 -i docker_gwbridge ! -o docker_gwbridge -j DOCKER-ISOLATION-STAGE-2',
      '-A DOCKER-ISOLATION-STAGE-2 -o docker_gwbridge -j DROP',
      '-A DOCKER-USER -j RETURN',
    ])
    bench.remove(c1, 1)
    expect(lines().filter((line) => line.includes('172.18.0.3'))).toEqual([])
  })

  it.each([
    ['20.10', true],
    ['28.0', false],
  ] as const)(
    '%s: what another host routes to a container of a host that forwards comes in: %s',
    (version, comesIn) => {
      const { bench, c1 } = swarmOf(version)
      const [one, two] = [bench.host(1), bench.host(2)]
      two.commands.route.replace({ dst: prefix('172.18.0.0/16'), via: one.address })
      expect(bench.ping(two.root, ipv4('172.18.0.3'), SECOND)).toBe(comesIn)
      // A published port does in any case, and the container gets out.
      let received = 0
      c1.namespace.sockets.openUdp(53)!.onReceive = () => {
        received++
      }
      two.root.sockets.openUdp()!.sendTo(one.address, 5353, 100)
      expect(bench.ping(c1.namespace, two.address, SECOND)).toBe(true)
      expect(received).toBe(1)
    },
  )

  it.each([
    ['20.10', '02:42:ac:12:00:03', 0],
    ['28.0', '02:42:9a:76:96:ac', 2],
  ] as const)(
    '%s: docker_gwbridge gives the MAC address %s; %i announcements follow',
    (version, mac, count) => {
      const { bench, c1 } = swarmOf(version)
      const announced = ['eth0', 'eth1'].map((name) => {
        const device = c1.namespace.device(name)!
        const seen: string[] = []
        device.tap = {
          frame: (_time, { etherType }, way) => {
            if (etherType === 0x0806 && way === 'out') seen.push(name)
          },
        }
        return seen
      })
      bench.run(5 * SECOND)
      expect(announced.map(({ length }) => length)).toEqual([count, count])
      // On the overlay the address is in it as ever.
      expect([formatMac(c1.mac), formatMac(c1.namespace.device('eth1')!.mac)]).toEqual([
        '02:42:0a:00:01:02',
        mac,
      ])
    },
  )
})
