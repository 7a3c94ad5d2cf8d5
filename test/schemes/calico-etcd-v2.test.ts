/**
 * Calico 2.6 with Docker on etcd v2: what stands in the store after each step, key for key. The values of
 * endpoint and profile are those that libnetwork-plugin 1.1.3 checks in its own tests; the others follow from
 * libcalico-go 1.7 (lib/backend/model, lib/converter).
 */
import { describe, expect, it } from 'vitest'
import { Program } from '../../src/control/program/program.ts'
import { buildWorld } from '../../src/scenario/builder.ts'
import type { World } from '../../src/scenario/world.ts'
import { DatastoreError, type Entry } from '../../src/schemes/calico/datastore/client.ts'
import type { AllocationBlock, Update } from '../../src/schemes/calico/datastore/model.ts'
import { V2Datastore } from '../../src/schemes/calico/datastore/v2-datastore.ts'
import { calicoScheme } from '../../src/schemes/calico/index.ts'
import { AttachError, type Endpoint, type Scheme } from '../../src/schemes/contract.ts'
import { Schemes } from '../../src/schemes/registry.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'
import { Bench, contractScenario, type Sections } from '../contract/bench.ts'

const ENDPOINT = /^\/calico\/v1\/host\/(h\d)\/workload\/libnetwork\/libnetwork\/endpoint\/(\w{64})$/

class V2Bench extends Bench {
  constructor(options: Sections = {}, more: Sections = {}, settle = 5 * SECOND) {
    const docker = { ...DOCKER, ...options }
    super(calicoScheme as Scheme, docker, { ...TWO, ...more }, settle)
  }

  get store(): Record<string, unknown> {
    return storeOf(this.world)
  }

  /** Runs a program of h1 with the datastore. */
  with<T>(work: (datastore: V2Datastore, program: Program) => Process<T>): T {
    const host = this.world.hosts.get('h1')!
    const program = new Program(host.root, 'test')
    return this.finish(
      work(new V2Datastore(program, this.world.store!.addressesFor(host)), program),
    )
  }
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** All keys with what they hold, as JSON where it is JSON. */
function storeOf({ store }: World): Record<string, unknown> {
  const keys = store!.members[0]!.keys()
  return Object.fromEntries(keys.map(({ key, value }) => [key, readValue(value)]))
}

const DOCKER = { orchestrator: 'libnetwork', subnet: '10.65.0.0/16' }
const TWO: Sections = {
  store: { kind: 'etcd', members: 1 },
  containers: [
    { name: 'a', host: 'h1' },
    { name: 'c', host: 'h2' },
  ],
}

/** Of all clusters: what the administrator writes. */
const CLUSTER = {
  '/calico/bgp/v1/global/as_num': 64_512,
  '/calico/bgp/v1/global/node_mesh': { enabled: true },
  '/calico/ipam/v2/config': { auto_allocate_blocks: true },
  '/calico/v1/Ready': true,
  '/calico/v1/config/DefaultEndpointToHostAction': 'DROP',
  '/calico/v1/config/IpInIpEnabled': true,
  '/calico/v1/config/IpInIpMtu': 1440,
  '/calico/v1/config/IpsetsRefreshInterval': 90,
  '/calico/v1/config/IptablesRefreshInterval': 180,
  '/calico/v1/config/ReportingIntervalSecs': 30,
  '/calico/v1/config/ReportingTTLSecs': 90,
  '/calico/v1/config/RouteRefreshInterval': 90,
  '/calico/v1/ipam/v4/pool/10.65.0.0-16': {
    cidr: '10.65.0.0/16',
    ipip: 'tunl0',
    ipip_mode: 'always',
    masquerade: true,
    ipam: true,
    disabled: false,
  },
}

/** Of a node with the address of its tunnel, out of its first block. */
function node(name: string, address: string, tunnel: string) {
  const report = { time: expect.stringMatching(/^2024-01-01T00:00:/), uptime: 0 }
  return {
    [`/calico/bgp/v1/host/${name}/ip_addr_v4`]: address,
    [`/calico/bgp/v1/host/${name}/ip_addr_v6`]: '',
    [`/calico/bgp/v1/host/${name}/network_v4`]: '192.168.0.0/16',
    [`/calico/felix/v1/host/${name}/last_reported_status`]: { ...report, first_update: false },
    [`/calico/felix/v1/host/${name}/status`]: { ...report, first_update: false },
    [`/calico/ipam/v2/host/${name}/ipv4/block/${blockOf(tunnel)}-26`]: {},
    [`/calico/v1/host/${name}/bird_ip`]: address,
    [`/calico/v1/host/${name}/config/IpInIpTunnelAddr`]: tunnel,
    [`/calico/v1/host/${name}/metadata`]: {},
  }
}

/** The address of the block that an address is in. */
function blockOf(address: string): string {
  return address.replace(/\d+$/, (octet) => String(Number(octet) & ~63))
}

/** @param used ordinals that are taken. @param free those that were given back, in their order. */
function block(base: string, owner: string | null, used: readonly number[], free: number[] = []) {
  const cidr = `${base}/26`
  const taken = new Set([...used, ...free])
  const rest = Array.from({ length: 64 }, (_, i) => i).filter((i) => !taken.has(i))
  return {
    [`/calico/ipam/v2/assignment/ipv4/block/${base}-26`]: {
      cidr,
      affinity: owner === null ? null : `host:${owner}`,
      strictAffinity: false,
      allocations: Array.from({ length: 64 }, (_, i) => (used.includes(i) ? 0 : null)),
      unallocated: [...rest, ...free],
      attributes: used.length === 0 ? [] : [{ handle_id: null, secondary: null }],
    },
  }
}

const PROFILE = {
  '/calico/v1/policy/profile/net/tags': ['net'],
  '/calico/v1/policy/profile/net/labels': {},
  '/calico/v1/policy/profile/net/rules': {
    inbound_rules: [{ action: 'allow', src_tag: 'net' }],
    outbound_rules: [{ action: 'allow' }],
  },
}

const tunnelKey = (host: string) => `/calico/v1/host/${host}/config/IpInIpTunnelAddr`

/** The store when both nodes have their tunnels' addresses, and no container runs yet. */
function startedNodes(): Record<string, unknown> {
  const scheme = calicoScheme as Scheme
  const scenario = contractScenario(scheme, { ...DOCKER, encapsulation: 'ipip' }, TWO)
  const world = buildWorld(scenario, new Schemes([scheme]))
  const isStarted = () => ['h1', 'h2'].every((host) => tunnelKey(host) in storeOf(world))
  world.simulator.run(2 * SECOND)
  expect(isStarted()).toBe(false)
  while (!isStarted()) world.simulator.run(world.simulator.now + MILLISECOND)
  return storeOf(world)
}

describe('the store of Calico 2.6 with Docker', () => {
  const lab = new V2Bench({ encapsulation: 'ipip' })
  const tunnels = ['h1', 'h2'].map((host) => String(lab.store[tunnelKey(host)]))
  const [base1, base2] = tunnels.map(blockOf) as [string, string]
  const nodes = {
    ...CLUSTER,
    ...node('h1', '192.168.0.1', tunnels[0]!),
    ...node('h2', '192.168.0.2', tunnels[1]!),
  }
  const [a, c] = [lab.endpoint('a'), lab.endpoint('c')]
  const key1 = endpointKey(lab, 'h1')
  const key2 = endpointKey(lab, 'h2')

  it('when the network is made and two nodes have started', () => {
    const started = startedNodes()
    const isReport = (key: string) => key.startsWith('/calico/felix/')
    const expected = Object.entries(nodes).filter(([key]) => !isReport(key))
    const seen = Object.entries(started).filter(([key]) => !isReport(key))
    expect(Object.fromEntries(seen)).toEqual({
      ...Object.fromEntries(expected),
      ...block(base1, 'h1', [0]),
      ...block(base2, 'h2', [0]),
    })
  })

  it('when containers have started: their addresses, the profile of their network, endpoints', () => {
    expect(formatIpv4(a.address)).toBe(base1.replace(/\d+$/, (octet) => String(Number(octet) + 1)))
    expect(lab.store).toEqual({
      ...nodes,
      ...PROFILE,
      [key1]: endpoint(key1, a),
      [key2]: endpoint(key2, c),
      ...block(base1, 'h1', [0, 1]),
      ...block(base2, 'h2', [0, 1]),
    })
    expect(lab.ping(a.namespace, c.address)).toBe(true)
    expect(lab.ping(c.namespace, a.address)).toBe(true)
  })

  it('when one has gone: its endpoint went, and its address is at the end of the free ones', () => {
    lab.detach(c, 'h2')
    expect(lab.store).toEqual({
      ...nodes,
      ...PROFILE,
      [key1]: endpoint(key1, a),
      ...block(base1, 'h1', [0, 1]),
      ...block(base2, 'h2', [0], [1]),
    })
  })

  it('when its node is deleted: the address of the tunnel stays, in a block of nobody', () => {
    lab.finish(lab.daemon('h2').leave())
    lab.run(5 * SECOND)
    const gone = (key: string) => /\/host\/h2\//.test(key) && !key.startsWith('/calico/felix/')
    const left = Object.entries(nodes).filter(([key]) => !gone(key))
    expect(lab.store).toEqual({
      ...Object.fromEntries(left),
      ...PROFILE,
      [key1]: endpoint(key1, a),
      ...block(base1, 'h1', [0, 1]),
      ...block(base2, null, [0], [1]),
    })
    // The report of a Felix that has ended goes with its TTL, the last one stays.
    lab.run(95 * SECOND)
    const reports = Object.keys(lab.store).filter((key) => key.startsWith('/calico/felix/v1/host/'))
    expect(reports.map((key) => key.slice('/calico/felix/v1/host/'.length))).toEqual([
      'h1/last_reported_status',
      'h1/status',
      'h2/last_reported_status',
    ])
  })
})

/** The key of the one endpoint of a host. */
function endpointKey(lab: V2Bench, host: string): string {
  const keys = Object.keys(lab.store).filter((key) => ENDPOINT.exec(key)?.[1] === host)
  expect(keys).toHaveLength(1)
  return keys[0]!
}

/** As libnetwork-plugin's own tests have it. */
function endpoint(key: string, { address }: Endpoint) {
  return {
    state: 'active',
    name: `cali${ENDPOINT.exec(key)![2]!.slice(0, 11)}`,
    active_instance_id: '',
    mac: 'ee:ee:ee:ee:ee:ee',
    profile_ids: ['net'],
    ipv4_nets: [`${formatIpv4(address)}/32`],
    ipv6_nets: [],
  }
}

describe('the driver of that time', () => {
  const more = {
    containers: [
      { name: 'a', host: 'h1', labels: { role: 'web' } },
      { name: 'b', host: 'h1' },
      { name: 'c', host: 'h2', labels: { role: 'db' } },
    ],
  }
  const policies = [
    {
      apiVersion: 'projectcalico.org/v3',
      kind: 'GlobalNetworkPolicy',
      metadata: { name: 'db' },
      spec: {
        order: 10,
        selector: "role == 'db'",
        ingress: [
          { action: 'Allow', protocol: 'TCP', destination: { ports: [80, '90:99'] } },
          {
            action: 'Pass',
            protocol: 'ICMP',
            icmp: { type: 8 },
            source: { selector: 'has(role)' },
          },
        ],
      },
    },
  ]
  const lab = new V2Bench({ labelEndpoints: true, policies, nodeAsNumbers: { h2: 64_600 } }, more)

  it('writes labels once Docker tells them, and policies go by them', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => lab.endpoint(name)) as [
      Endpoint,
      Endpoint,
      Endpoint,
    ]
    const labels = Object.entries(lab.store).flatMap(([key, value]) =>
      ENDPOINT.test(key) ? [(value as { labels?: unknown }).labels] : [],
    )
    expect(labels).toContainEqual({ role: 'web' })
    expect(labels).toContainEqual({ role: 'db' })
    expect(labels).toContain(undefined)
    lab.run(5 * SECOND)
    // c lets in echo requests of who has a role only: they go on to the profile, which lets members in.
    expect(lab.ping(a.namespace, c.address)).toBe(true)
    expect(lab.ping(b.namespace, c.address)).toBe(false)
    expect(lab.ping(c.namespace, b.address)).toBe(true)
    expect(lab.store['/calico/v1/policy/tier/default/policy/db']).toEqual({
      order: 10,
      inbound_rules: [
        { action: 'allow', protocol: 'tcp', dst_ports: [80, '90:99'] },
        { action: 'next-tier', protocol: 'icmp', icmp_type: 8, src_selector: 'has(role)' },
      ],
      selector: "role == 'db'",
      types: ['ingress'],
    })
    expect(lab.store['/calico/bgp/v1/host/h2/as_num']).toBe(64_600)
  })

  it('leaves 1500 to containers whatever the tunnels, which have 1440', () => {
    const tunnel = new V2Bench({ encapsulation: 'ipip' })
    expect(tunnel.endpoint('a').namespace.device('eth0')!.mtu).toBe(1500)
    expect(tunnel.root('h1').device('tunl0')!.mtu).toBe(1440)
  })

  it('gives out all 64 addresses of a block, the last of them to the other host, and refuses', () => {
    const full = new V2Bench({ subnet: '10.65.0.0/26' }, {}, 0)
    full.with(function* (datastore): Process {
      const blocks = yield* datastore.list('AllocationBlock')
      const { key, value, revision } = (blocks as Entry<'AllocationBlock'>[])[0]!
      const allocations = value.allocations.map((_, ordinal) => (ordinal < 63 ? 0 : null))
      const almost = { ...value, allocations, unallocated: [63] }
      yield* datastore.update('AllocationBlock', key, almost, revision)
    })
    const owners = Object.keys(full.store).filter((key) => key.startsWith('/calico/ipam/v2/host/'))
    expect(owners).toHaveLength(1)
    const other = owners[0]!.includes('/h1/') ? 'h2' : 'h1'
    expect(formatIpv4(full.mustAttach('last', other).address)).toBe('10.65.0.63')
    const refusal = full.attach('late', other) as AttachError
    expect(refusal.message).toContain('No IPs available in pools: [10.65.0.0/26]')
  })

  it('has no network beside one of Kubernetes, whose Calico is another', () => {
    const mixed = new V2Bench(
      {},
      {
        networks: {
          net: { scheme: 'calico', orchestrator: 'libnetwork' },
          pods: { scheme: 'calico', subnet: '10.66.0.0/16' },
        },
        containers: [
          { name: 'a', host: 'h1', networks: ['net'] },
          { name: 'p', host: 'h1', networks: ['pods'] },
        ],
      },
    )
    const [failure] = mixed.world.attachFailures
    expect(failure?.message).toContain('one datastore: etcd-v2 (libnetwork) or etcd-v3 (cni)')
    expect(mixed.endpoint('a')).not.toBeInstanceOf(AttachError)
  })
})

describe('the datastore on etcd v2', () => {
  const lab = new V2Bench()

  it('makes, compares and swaps by prevIndex, and says why it did not', () => {
    const seen = lab.with(function* (datastore): Process<unknown[]> {
      const kinds: unknown[] = []
      const note = (result: unknown) =>
        kinds.push(result instanceof DatastoreError ? result.kind : 'done')
      const handle = { id: 'x', block: { '10.65.0.0/26': 1 }, deleted: false }
      note(yield* datastore.get('IpamHandle', 'x'))
      note(yield* datastore.update('IpamHandle', 'x', handle, 7))
      const made = yield* datastore.create('IpamHandle', 'x', handle)
      note(made)
      note(yield* datastore.create('IpamHandle', 'x', handle))
      if (made instanceof DatastoreError) return kinds
      const more = { ...handle, block: { '10.65.0.0/26': 2 } }
      note(yield* datastore.update('IpamHandle', 'x', more, made.revision))
      note(yield* datastore.update('IpamHandle', 'x', handle, made.revision))
      note(yield* datastore.delete('IpamHandle', 'x', made.revision))
      const now = yield* datastore.get('IpamHandle', 'x')
      kinds.push(now instanceof DatastoreError ? now.kind : now.value)
      note(yield* datastore.delete('IpamHandle', 'x', null))
      note(yield* datastore.delete('IpamHandle', 'x', null))
      return kinds
    })
    expect(seen).toEqual([
      ...['not-found', 'not-found', 'done', 'exists', 'done', 'conflict', 'conflict'],
      { id: 'x', block: { '10.65.0.0/26': 2 }, deleted: false },
      ...['done', 'not-found'],
    ])
  })

  it('shows as one resource what lies in several keys, and lists', () => {
    const [nodeOf, profile, blocks, pools] = lab.with(function* (datastore): Process<unknown[]> {
      return [
        yield* datastore.get('Node', 'h1'),
        yield* datastore.get('Profile', 'net'),
        yield* datastore.list('AllocationBlock'),
        yield* datastore.list('IPPool'),
      ]
    })
    expect(nodeOf).toMatchObject({
      key: 'h1',
      value: { metadata: { name: 'h1' }, spec: { bgp: { ipv4Address: '192.168.0.1/16' } } },
    })
    expect(profile).toMatchObject({
      value: {
        spec: {
          ingress: [{ action: 'Allow', source: { selector: 'has(net)' } }],
          egress: [{ action: 'Allow' }],
          labelsToApply: { net: '' },
        },
      },
    })
    const owners = (blocks as { value: AllocationBlock }[]).map(({ value }) => value.affinity)
    expect(owners.sort()).toEqual(['host:h1', 'host:h2'])
    expect(pools).toMatchObject([{ key: '10.65.0.0/16', value: { spec: { ipipMode: 'Never' } } }])
  })

  it('follows a part of the tree: all that is there, then each change', () => {
    const updates: Update[] = []
    let syncs = 0
    lab.with(function* (datastore, program): Process {
      yield* datastore.follow([{ kind: 'Node' }, { kind: 'BGPConfiguration' }], {
        onUpdates: (some) => updates.push(...some),
        onInSync: () => syncs++,
      })
      yield* sleep(100 * MILLISECOND)
      expect(syncs).toBe(1)
      expect(updates.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual([
        'BGPConfiguration default',
        'Node h1',
        'Node h2',
      ])
      updates.length = 0
      yield* datastore.delete('Node', 'h2', null)
      yield* sleep(100 * MILLISECOND)
      program.kill()
    })
    expect(updates).toEqual([{ kind: 'Node', key: 'h2', value: null }])
  })
})
