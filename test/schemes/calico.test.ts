/** Calico's node as a whole: what it writes to the store, what it leaves in kernels, and its failures. */
import { describe, expect, it } from 'vitest'
import { showNeighbours, showRoutes } from '../../src/host/show.ts'
import { calicoScheme } from '../../src/schemes/calico/index.ts'
import { AttachError } from '../../src/schemes/contract.ts'
import { SECOND } from '../../src/sim/units.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'
import { Bench, type Sections } from '../contract/bench.ts'

const RESOURCES = '/calico/resources/v3/projectcalico.org/'
const STATUS = '/calico/felix/v2/no-region/host/'

class CalicoBench extends Bench {
  constructor(options: Sections = {}, more: Sections = {}) {
    const shared = { store: { kind: 'etcd', members: 1 } }
    super(calicoScheme, options, { ...shared, ...more }, 5 * SECOND)
  }

  get keys(): ReadonlyMap<string, string> {
    const { keys } = this.world.store!.members[0]!
    return new Map(keys.call(this.world.store!.members[0]).map(({ key, value }) => [key, value]))
  }

  /** Keys below a part of the layout, in their order. */
  under(path: string): string[] {
    return [...this.keys.keys()]
      .filter((key) => key.startsWith(path))
      .map((key) => key.slice(path.length))
  }

  json(key: string): Record<string, unknown> {
    return JSON.parse(this.keys.get(key)!) as Record<string, unknown>
  }

  routes(host: string): string[] {
    return showRoutes(this.root(host)).lines.map((line) => line.trim())
  }
}

describe('the keys of etcd v3', () => {
  const lab = new CalicoBench()

  it('are those of the data model, and no others', () => {
    const pods = ['h1-k8s-a-eth0', 'h1-k8s-b-eth0', 'h2-k8s-c-eth0']
    expect(lab.under(RESOURCES)).toEqual([
      'bgpconfigurations/default',
      'clusterinformations/default',
      'felixconfigurations/default',
      'ippools/net',
      'nodes/h1',
      'nodes/h2',
      'profiles/kns.default',
      'profiles/ksa.default.default',
      ...pods.map((pod) => `workloadendpoints/default/${pod}`),
    ])
    expect(lab.under(STATUS)).toEqual(
      ['h1', 'h2'].flatMap((host) => [`${host}/last_reported_status`, `${host}/status`]),
    )
    const [own, other] = lab.under('/calico/ipam/v2/assignment/ipv4/block/')
    const owners = lab.under('/calico/ipam/v2/host/')
    expect(new Set(owners.map((key) => key.slice('h1/ipv4/block/'.length)))).toEqual(
      new Set([own, other]),
    )
    const handles = lab.under('/calico/ipam/v2/handle/')
    expect(handles).toHaveLength(3)
    for (const handle of handles) expect(handle).toMatch(/^k8s-pod-network\.[0-9a-f]{64}$/)
    const known = [RESOURCES, STATUS, '/calico/ipam/v2/'].map((path) => lab.under(path).length)
    expect(lab.keys.size).toBe(known.reduce((sum, count) => sum + count, 0))
  })

  it('hold a workload with its device, address and profiles', () => {
    const { address, mac } = lab.endpoint('a')
    const stored = lab.json(`${RESOURCES}workloadendpoints/default/h1-k8s-a-eth0`)
    expect(stored['metadata']).toEqual({
      name: 'h1-k8s-a-eth0',
      namespace: 'default',
      labels: {
        'projectcalico.org/namespace': 'default',
        'projectcalico.org/orchestrator': 'k8s',
        'projectcalico.org/serviceaccount': 'default',
      },
    })
    expect(stored['spec']).toMatchObject({
      orchestrator: 'k8s',
      pod: 'a',
      node: 'h1',
      endpoint: 'eth0',
      // sha1('default.a')
      interfaceName: 'caliacd53aa4120',
      mac: mac
        .toString(16)
        .padStart(12, '0')
        .replace(/(..)(?=.)/g, '$1:'),
      ipNetworks: [`${formatIpv4(address)}/32`],
      profiles: ['kns.default', 'ksa.default.default'],
    })
  })

  it('lose all of a container that goes, but not the block', () => {
    const before = [...lab.keys.keys()]
    const gone = lab.mustAttach('gone', 'h2')
    expect(lab.keys.size).toBe(before.length + 2)
    lab.detach(gone, 'h2')
    expect([...lab.keys.keys()]).toEqual(before)
  })
})

describe('a container', () => {
  const lab = new CalicoBench()

  it('has an address without neighbours, and one gateway that every host answers for', () => {
    const { namespace, address } = lab.endpoint('a')
    expect(showRoutes(namespace).lines.map((line) => line.trim())).toEqual([
      'default via 169.254.1.1 dev eth0',
      '169.254.1.1 dev eth0 scope link',
    ])
    expect(namespace.device('eth0')!.addresses).toEqual([{ address, length: 32 }])
    expect(lab.ping(namespace, lab.endpoint('c').address)).toBe(true)
    const [gateway] = showNeighbours(namespace).lines
    expect(gateway).toContain('169.254.1.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee')
  })

  it('is a route of its host, whose block goes nowhere else', () => {
    const a = formatIpv4(lab.endpoint('a').address)
    expect(lab.routes('h1')).toContain(`${a} dev caliacd53aa4120 scope link`)
    const holes = lab.routes('h1').filter((line) => line.startsWith('blackhole'))
    expect(holes).toHaveLength(1)
    expect(holes[0]).toMatch(/\/26 proto bird$/)
  })
})

describe('without Felix', () => {
  it('a new container has its address and route, but its packets go nowhere', () => {
    const lab = new CalicoBench()
    lab.daemon('h1').crash()
    const late = lab.mustAttach('late', 'h1')
    expect(lab.routes('h1').join()).toContain(formatIpv4(late.address))
    expect(lab.ping(lab.endpoint('a').namespace, lab.endpoint('b').address)).toBe(true)
    expect(lab.ping(late.namespace, lab.endpoint('b').address)).toBe(false)
    lab.daemon('h1').start()
    lab.run(5 * SECOND)
    expect(lab.ping(late.namespace, lab.endpoint('b').address)).toBe(true)
  })

  it('its status ends with the TTL, its last report stays', () => {
    const lab = new CalicoBench()
    lab.daemon('h1').crash()
    lab.run(95 * SECOND)
    expect(lab.under(STATUS)).toEqual([
      'h1/last_reported_status',
      'h2/last_reported_status',
      'h2/status',
    ])
  })
})

describe('what somebody else removes', () => {
  it('comes back: a route within 90 s, rules within 180 s', () => {
    const lab = new CalicoBench()
    const [a, b] = [lab.endpoint('a'), lab.endpoint('b')]
    const { commands } = lab.world.hosts.get('h1')!
    const saved = commands.iptables.save()
    commands.route.delete({ base: b.address, length: 32 })
    expect(lab.ping(a.namespace, b.address)).toBe(false)
    lab.run(90 * SECOND)
    expect(lab.ping(a.namespace, b.address)).toBe(true)
    for (const table of ['filter', 'nat', 'mangle', 'raw']) commands.iptables.run(`-t ${table} -F`)
    expect(commands.iptables.save()).not.toBe(saved)
    lab.run(181 * SECOND)
    expect(commands.iptables.save()).toBe(saved)
  })
})

describe('without its store', () => {
  it('what is there goes on; a pod is tried again until the store is back', () => {
    const faults = [{ at: '20s', until: '80s', crash: 'store-1' }]
    const lab = new CalicoBench({}, { faults })
    lab.world.simulator.run(21 * SECOND)
    const [a, c] = [lab.endpoint('a'), lab.endpoint('c')]
    expect(lab.ping(a.namespace, c.address)).toBe(true)
    const late = lab.mustAttach('late', 'h1')
    expect(lab.world.simulator.now).toBeGreaterThan(80 * SECOND)
    // Felix's connection comes back later: gRPC waits longer after each attempt.
    lab.run(60 * SECOND)
    expect(lab.ping(late.namespace, c.address)).toBe(true)
    expect(lab.daemon('h1').log.some((line) => line.startsWith('late: '))).toBe(true)
  })
})

describe('a node that is deleted', () => {
  it('leaves neither node, endpoint, block nor handle', () => {
    const lab = new CalicoBench({ encapsulation: 'vxlan' })
    expect(lab.under('/calico/ipam/v2/handle/')).toContain('vxlan-tunnel-addr-h2')
    lab.detach(lab.endpoint('c'), 'h2')
    lab.finish(lab.daemon('h2').leave())
    lab.run(5 * SECOND)
    const left = [...lab.keys].filter(([key, value]) => /\bh2\b/.test(key + value))
    expect(left.map(([key]) => key).filter((key) => !key.startsWith(STATUS))).toEqual([])
    expect(lab.routes('h1').filter((line) => line.includes('vxlan.calico'))).toEqual([])
  })
})

describe('networks of Docker', () => {
  const more = {
    networks: {
      net: { scheme: 'calico', orchestrator: 'libnetwork', subnet: '172.16.0.0/16' },
      other: { scheme: 'calico', orchestrator: 'libnetwork', subnet: '172.20.0.0/16' },
    },
    containers: [
      { name: 'a', host: 'h1', networks: ['net'] },
      { name: 'b', host: 'h1', networks: ['other'] },
      { name: 'c', host: 'h2', networks: ['net'] },
    ],
  }
  const lab = new CalicoBench({}, more)

  it('are profiles: only containers of the same one may talk', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => lab.endpoint(name)) as [
      ReturnType<typeof lab.endpoint>,
      ReturnType<typeof lab.endpoint>,
      ReturnType<typeof lab.endpoint>,
    ]
    expect(lab.under('/calico/v1/policy/profile/')).toEqual(
      ['net', 'other'].flatMap((name) => [`${name}/labels`, `${name}/rules`, `${name}/tags`]),
    )
    expect(lab.ping(a.namespace, c.address)).toBe(true)
    expect(lab.ping(c.namespace, a.address)).toBe(true)
    expect(lab.ping(a.namespace, b.address)).toBe(false)
    expect(lab.ping(b.namespace, c.address)).toBe(false)
  })

  it('need calico-node for a start, of which their driver is a part', () => {
    const driverless = new CalicoBench({ orchestrator: 'libnetwork' })
    driverless.daemon('h1').stop()
    const refusal = driverless.attach('late', 'h1')
    expect(refusal).toBeInstanceOf(AttachError)
    expect((refusal as AttachError).message).toContain('plugin not found')
  })

  it('share one node, and give all containers one MAC address', () => {
    expect(lab.daemon('h1')).toBe(lab.world.networks.get('other')!.daemons.get('h1'))
    expect(lab.endpoint('a').mac).toBe(lab.endpoint('b').mac)
    expect(lab.under('/calico/ipam/v2/handle/')).toEqual([])
  })
})
