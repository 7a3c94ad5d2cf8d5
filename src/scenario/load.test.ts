import { describe, expect, it } from 'vitest'
import { FAKE_SCHEMES } from '../../test/fake-schemes.ts'
import { MICROSECOND, MILLISECOND, NANOSECOND, SECOND } from '../sim/units.ts'
import { formatIpv4, formatPrefix, ipv4 } from '../wire/ipv4-address.ts'
import { mac } from '../wire/mac-address.ts'
import { formatIssues } from './issues.ts'
import { loadScenario } from './load.ts'
import type { Scenario } from './model.ts'

function loadAll(text: string, settings: string[] = []): readonly Scenario[] {
  const result = loadScenario(text, 'dir/some-case.yaml', FAKE_SCHEMES, { settings })
  if (!result.ok) throw new Error(formatIssues(result.issues))
  return result.scenarios
}

function load(text: string, settings: string[] = []): Scenario {
  const [scenario, ...others] = loadAll(text, settings)
  expect(others).toEqual([])
  return scenario!
}

const addressesOf = (scenario: Scenario) =>
  scenario.hosts.map((host) => `${host.name} ${formatIpv4(host.address)}/${host.prefixLength}`)

describe('a file that says only the question', () => {
  const scenario = load('workload: [{ kind: ping, from: h1, to: h2 }]')

  it('has every default', () => {
    expect(scenario).toMatchObject({
      name: 'some-case',
      panel: null,
      variant: null,
      seed: '1',
      source: null,
      duration: 6 * SECOND,
      fabric: { mode: 'l2', racks: 1, hostsPerRack: 2, spines: 0, gateway: false },
      networks: [],
      containers: [],
      captures: [
        { node: 'h1', port: 'eth0' },
        { node: 'h2', port: 'eth0' },
      ],
    })
    expect(scenario.hosts[0]).toMatchObject({
      cpus: 8,
      kernel: '6.18',
      costs: 'server-2020s',
      gateway: null,
      nic: { mtu: 1500, filterEntries: 128, txQueue: 1000 },
    })
  })

  it('has numbers in the units of the model', () => {
    expect(scenario.fabric.links[0]).toEqual({
      name: 'h1-leaf1',
      from: 'h1',
      to: 'leaf1',
      rate: 25e9,
      delay: 500 * NANOSECOND,
      mtu: 1500,
      queue: 524_288,
    })
    expect(scenario.workloads).toEqual([
      {
        kind: 'ping',
        name: 'ping-1',
        at: SECOND,
        flows: [{ from: { kind: 'host', name: 'h1' }, to: { kind: 'host', name: 'h2' } }],
        senderCore: null,
        count: 5,
        interval: SECOND,
        size: 56,
        dontFragment: false,
        ttl: 64,
        tos: 0,
      },
    ])
  })
})

describe('the fabric', () => {
  it('of racks has leaves, spines and a block for each rack', () => {
    const scenario = load('fabric: { racks: 2, hostsPerRack: 2, uplinks: { mtu: 9000 } }')
    const { fabric } = scenario
    expect(fabric.mode).toBe('l3')
    expect(fabric.nodes.map((node) => `${node.name} ${node.kind}`)).toEqual([
      ...['h1 host', 'h2 host', 'h3 host', 'h4 host'],
      ...['leaf1 router', 'leaf2 router', 'spine1 router', 'spine2 router'],
    ])
    expect(fabric.links.map((link) => link.name)).toEqual([
      ...['h1-leaf1', 'h2-leaf1', 'h3-leaf2', 'h4-leaf2'],
      ...['leaf1-spine1', 'leaf1-spine2', 'leaf2-spine1', 'leaf2-spine2'],
    ])
    expect(fabric.links.at(-1)).toMatchObject({ rate: 100e9, mtu: 9000 })
    expect(addressesOf(scenario)).toEqual([
      'h1 192.168.0.1/24',
      'h2 192.168.0.2/24',
      'h3 192.168.1.1/24',
      'h4 192.168.1.2/24',
    ])
    expect(scenario.hosts.map((host) => formatIpv4(host.gateway!))).toEqual([
      ...['192.168.0.254', '192.168.0.254', '192.168.1.254', '192.168.1.254'],
    ])
    expect(fabric.rackSubnets.map(formatPrefix)).toEqual(['192.168.0.0/24', '192.168.1.0/24'])
  })

  it('in mode l2 is one subnet with one spine', () => {
    const scenario = load('fabric: { mode: l2, racks: 2, hostsPerRack: 1 }')
    expect(scenario.fabric.spines).toBe(1)
    expect(addressesOf(scenario)).toEqual(['h1 192.168.0.1/16', 'h2 192.168.0.2/16'])
    expect(scenario.hosts[0]!.gateway).toBeNull()
  })

  it('with a gateway has a host outside', () => {
    const scenario = load('fabric: { gateway: true }\nworkload: [{ kind: ping, pairs: ring }]')
    expect(scenario.fabric.links.map((link) => link.name).slice(2)).toEqual([
      'gateway-leaf1',
      'outside-gateway',
    ])
    expect(addressesOf(scenario).at(-1)).toBe('outside 203.0.113.1/24')
    expect(formatIpv4(scenario.hosts[0]!.gateway!)).toBe('192.168.255.254')
    expect(scenario.workloads[0]).toMatchObject({ flows: { length: 2 } })
  })

  it('can be drawn, with a domain for each router that hosts are behind', () => {
    const scenario = load(`fabric:
  links: 10Gbps
  draw:
    nodes:
      - { name: a, kind: host }
      - { name: b, kind: host }
      - { name: c, kind: host }
      - { name: s, kind: switch, switch: linux-bridge }
      - { name: r1, kind: router }
      - { name: r2, kind: router, router: { fib: 10 } }
    links:
      - { from: a, to: s }
      - { from: b, to: s, rate: 1Gbps }
      - { from: s, to: r1 }
      - { from: c, to: r2 }
      - { from: r1, to: r2 }
      - { from: r1, to: r2 }
`)
    expect(scenario.fabric.mode).toBe('l3')
    expect(addressesOf(scenario)).toEqual([
      'a 192.168.0.1/24',
      'b 192.168.0.2/24',
      'c 192.168.1.1/24',
    ])
    expect(scenario.fabric.links.map((link) => `${link.name} ${link.rate / 1e9}`)).toEqual([
      ...['a-s 10', 'b-s 1', 's-r1 10', 'c-r2 10', 'r1-r2 10', 'r1-r2#2 10'],
    ])
    const [s, r2] = ['s', 'r2'].map((name) => scenario.fabric.nodes.find((n) => n.name === name)!)
    expect(s).toMatchObject({ switch: { profile: { name: 'linux-bridge' } } })
    expect(r2).toMatchObject({ router: { fib: 10, puntRate: 1000 } })
  })

  it('overrides a switch profile part by part', () => {
    const profileOf = (text: string) => {
      const leaf = load(`fabric: { switch: ${text} }`).fabric.nodes.find((n) => n.name === 'leaf1')!
      return leaf.kind === 'switch' ? leaf.switch : null
    }
    expect(profileOf('spectrum')).toMatchObject({
      profile: { name: 'spectrum', macTable: { capacity: 40960 } },
      portSecurity: null,
      stormControl: null,
    })
    const own = profileOf(
      '{ macTable: { capacity: 1024, ways: 8, ageing: 10s }, latency: 2us, buffer: 1MiB, ' +
        'learnRate: 500pps, portSecurity: { maximum: 2 }, stormControl: { broadcast: 1kpps } }',
    )
    expect(own).toEqual({
      profile: expect.objectContaining({
        name: 'trident3',
        macTable: {
          capacity: 1024,
          ageing: 10 * SECOND,
          buckets: { hash: 'crc32', ways: 8, banks: 1 },
        },
        latency: 2 * MICROSECOND,
        bufferBytes: 1_048_576,
        learnRate: 500,
      }),
      portSecurity: { maximum: 2, violation: 'shutdown' },
      stormControl: { broadcast: 1000 },
      reflective: false,
    })
    expect(
      profileOf('{ profile: ce6880, macTable: { organisation: cam } }')!.profile.macTable,
    ).toEqual({ capacity: 98_304, ageing: 300 * SECOND })
  })
})

describe('hosts, networks and containers', () => {
  it('have overrides and fixed addresses', () => {
    const scenario = load(`hosts:
  kernel: 5.15
  sysctls: { net.ipv4.ip_default_ttl: 1 }
  override: { h2: { cpus: 2, nic: { mtu: 9000 }, kernel: '4.15', sysctls: { net.ipv4.route.min_pmtu: 2 } } }
networks: { app: { scheme: tunnel, mtu: 1450B }, lan: { scheme: flat } }
containers:
  - { name: web, host: h1, networks: [app, lan], address: 10.1.0.9, mac: '02:42:0a:00:01:05' }
  - { name: db, host: h2, networks: lan }
`)
    expect(scenario.hosts[1]).toMatchObject({
      cpus: 2,
      kernel: '4.15',
      nic: { mtu: 9000, txQueue: 1000 },
      sysctls: new Map([
        ['net.ipv4.ip_default_ttl', '1'],
        ['net.ipv4.route.min_pmtu', '2'],
      ]),
    })
    expect(scenario.containers).toEqual([
      {
        name: 'web',
        host: 'h1',
        networks: ['app', 'lan'],
        address: ipv4('10.1.0.9'),
        mac: mac('02:42:0a:00:01:05'),
        labels: {},
      },
      { name: 'db', host: 'h2', networks: ['lan'], address: null, mac: null, labels: {} },
    ])
    expect(scenario.networks[0]).toMatchObject({
      name: 'app',
      scheme: 'tunnel',
      options: { mtu: 1450, hostPrefix: 24, backend: 'vxlan' },
    })
  })

  it('are numbered through all hosts', () => {
    const scenario = load(`fabric: { hostsPerRack: 3 }
networks: { app: { scheme: tunnel } }
containers: { perHost: 2, idle: 7 }
`)
    expect(scenario.containers.map((each) => `${each.name}@${each.host}`)).toEqual([
      ...['c1@h1', 'c2@h1', 'c3@h2', 'c4@h2', 'c5@h3', 'c6@h3'],
    ])
    expect(scenario.idle).toEqual(
      ['h1', 'h2', 'h3'].map((host) => ({ host, count: 7, networks: ['app'] })),
    )
  })
})

describe('workloads', () => {
  const file = (workload: string) => `fabric: { hostsPerRack: 3 }
networks: { app: { scheme: tunnel } }
containers: { perHost: 2 }
workload: [${workload}]
`
  const flowsOf = (workload: string) => {
    const [first] = load(file(workload)).workloads
    if (first === undefined || first.kind === 'macof' || first.kind === 'kv')
      throw new Error('no flows')
    return first.flows.map(({ from, to }) =>
      [from, to]
        .map((end) => (end.kind === 'address' ? formatIpv4(end.address) : end.name))
        .join('>'),
    )
  }

  it.each([
    ['{ kind: ping, from: c1, to: c3 }', ['c1>c3']],
    ['{ kind: ping, from: [c1, c2], to: [c2, h3] }', ['c1>c2', 'c1>h3', 'c2>h3']],
    ['{ kind: ping, from: h1, to: 10.9.9.9 }', ['h1>10.9.9.9']],
    ['{ kind: ping, pairs: ring, among: hosts }', ['h1>h2', 'h2>h3', 'h3>h1']],
    ['{ kind: ping, pairs: ring }', ['c1>c2', 'c2>c3', 'c3>c4', 'c4>c5', 'c5>c6', 'c6>c1']],
    ['{ kind: ping, pairs: cross-host }', ['c1>c3', 'c3>c5', 'c5>c1', 'c2>c4', 'c4>c6', 'c6>c2']],
    [
      '{ kind: ping, pairs: mesh, among: hosts }',
      ['h1>h2', 'h1>h3', 'h2>h1', 'h2>h3', 'h3>h1', 'h3>h2'],
    ],
  ])('%s', (workload, flows) => {
    expect(flowsOf(workload)).toEqual(flows)
  })

  it('have packet rates, counts and names', () => {
    const { workloads, duration } = load(
      file(`{ kind: udp, from: c1, to: c3, rate: 112Mbps, size: 1400, for: 20s, parallel: 4 },
        { kind: udp, name: slow, from: c1, to: c3, packetRate: 10pps },
        { kind: udp, from: c1, to: c3 },
        { kind: macof, from: [h1, h2], rate: 3kpps, for: 1500ms, macs: 10, to: c1 },
        { kind: macof, from: h1, count: 7 },
        { kind: udp-rr, from: c1, to: c3, replySize: 1kB, outstanding: 3, timeout: 5ms }`),
    )
    expect(workloads.map((each) => each.name)).toEqual([
      ...['udp-1', 'slow', 'udp-3', 'macof-1', 'macof-2', 'udp-rr-1'],
    ])
    expect(workloads.map((each) => ('packetRate' in each ? each.packetRate : null))).toEqual([
      ...[10_000, 10, 100e6 / 11_200, 3000, 10_000, null],
    ])
    expect(workloads[3]).toMatchObject({
      from: [{ name: 'h1' }, { name: 'h2' }],
      to: { kind: 'container', name: 'c1' },
      count: 4500,
      macs: 10,
      size: 60,
    })
    expect(workloads[4]).toMatchObject({ count: 7, macs: null, to: null })
    expect(workloads[5]).toMatchObject({
      replySize: 1000,
      outstanding: 3,
      timeout: 5 * MILLISECOND,
      port: 12865,
    })
    expect(duration).toBe(22 * SECOND)
  })
})

describe('faults and captures', () => {
  it('name links from either end, and the way', () => {
    const { faults } = load(`fabric: { racks: 2, hostsPerRack: 1 }
faults:
  - { at: 1s, until: 2s, link: leaf1-h1, oneWay: true, loss: 1%, delay: 1ms, jitter: 2us }
  - { link: { from: h1, to: leaf1 }, oneWay: true, corrupt: 5%, undetected: true }
  - { name: dark, node: leaf2, cut: true }
  - { node: h2, oneWay: true, reorder: 2%, duplicate: 3%, filterIcmp: true, maxPacket: 1400 }
  - { node: h2, blockUdpPort: 4789, blockProtocol: 4 }
captures: [h1, leaf1/p2]
`)
    expect(faults.map((fault) => fault.on)).toEqual([
      [{ link: 'h1-leaf1', direction: 'backward' }],
      [{ link: 'h1-leaf1', direction: 'forward' }],
      ['h2-leaf2', 'leaf2-spine1', 'leaf2-spine2'].map((link) => ({ link, direction: 'both' })),
      [{ link: 'h2-leaf2', direction: 'forward' }],
      [{ link: 'h2-leaf2', direction: 'both' }],
    ])
    expect(faults[0]).toMatchObject({
      name: 'fault-1',
      at: SECOND,
      until: 2 * SECOND,
      actions: [
        { kind: 'loss', probability: 0.01 },
        { kind: 'delay', delay: MILLISECOND, jitter: 2 * MICROSECOND },
      ],
    })
    expect(faults.map((fault) => fault.actions).slice(1)).toEqual([
      [{ kind: 'corrupt', probability: 0.05, undetected: true }],
      [{ kind: 'cut' }],
      [
        { kind: 'filter-icmp' },
        { kind: 'max-packet', bytes: 1400 },
        { kind: 'duplicate', probability: 0.03 },
        { kind: 'reorder', probability: 0.02, delay: MILLISECOND },
      ],
      [
        { kind: 'block-udp-port', port: 4789 },
        { kind: 'block-protocol', protocol: 4 },
      ],
    ])
    expect(faults[2]).toMatchObject({ name: 'dark', at: 0, until: null })
  })

  it('are captured where the file says', () => {
    expect(load('captures: [h1, leaf1/p2]').captures).toEqual([
      { node: 'h1', port: 'eth0' },
      { node: 'leaf1', port: 'p2' },
    ])
  })
})

describe('expectations', () => {
  it('have a metric, a comparison, words and a line', () => {
    const { expectations } = load(`workload: [{ kind: ping, from: h1, to: h2 }]
expect:
  - { rtt: { stat: p99.9, between: [1us, 1ms] } }
  - drops: { reason: no_route, at: leaf1, equals: 0 }
  - { loss: { of: ping-1, equals: 10%, within: 20% } }
  - { macEntries: { atMost: 2 } }
  - { reachable: { from: h1, to: 10.0.0.1, equals: false } }
`)
    expect(expectations).toEqual([
      {
        metric: { kind: 'rtt', of: 'ping-1', at: 99.9 },
        comparison: { kind: 'between', low: MICROSECOND, high: MILLISECOND },
        text: 'rtt: { stat: p99.9, between: [1us, 1ms] }',
        line: 3,
      },
      {
        metric: { kind: 'drops', reason: 'no_route', at: 'leaf1' },
        comparison: { kind: 'equals', value: 0, tolerance: 0 },
        text: 'drops: { reason: no_route, at: leaf1, equals: 0 }',
        line: 4,
      },
      {
        metric: { kind: 'loss', of: 'ping-1' },
        comparison: { kind: 'equals', value: 0.1, tolerance: 0.2 },
        text: 'loss: { of: ping-1, equals: 10%, within: 20% }',
        line: 5,
      },
      {
        metric: { kind: 'macEntries', switch: null },
        comparison: { kind: 'atMost', value: 2 },
        text: 'macEntries: { atMost: 2 }',
        line: 6,
      },
      {
        metric: {
          kind: 'reachable',
          from: { kind: 'host', name: 'h1' },
          to: { kind: 'address', address: ipv4('10.0.0.1') },
        },
        comparison: { kind: 'equals', value: 0, tolerance: 0 },
        text: 'reachable: { from: h1, to: 10.0.0.1, equals: false }',
        line: 7,
      },
    ])
  })
})

describe('variants and settings', () => {
  const FILE = `networks: { app: { backend: udp } }
containers: { perHost: 1 }
fabric: { links: { rate: 10Gbps, mtu: 9000 } }
workload: [{ kind: ping, pairs: ring }]
expect:
  - { loss: { equals: 0 } }
  - { variant: flat, macEntries: { atMost: 4 } }
variants:
  tunnel: { networks: { app: { scheme: tunnel } } }
  flat: { networks: { app: { scheme: flat, backend: null } }, fabric: { links: 1Gbps } }
`

  it('run the file once each, with parts replaced', () => {
    const scenarios = loadAll(FILE)
    expect(
      scenarios.map(({ variant, networks, fabric }) => ({
        variant,
        scheme: networks[0]!.scheme,
        rate: fabric.links[0]!.rate,
        mtu: fabric.links[0]!.mtu,
      })),
    ).toEqual([
      { variant: 'tunnel', scheme: 'tunnel', rate: 10e9, mtu: 9000 },
      { variant: 'flat', scheme: 'flat', rate: 1e9, mtu: 9000 },
    ])
    expect(scenarios.map((each) => each.expectations.map((e) => e.metric.kind))).toEqual([
      ['loss'],
      ['loss', 'macEntries'],
    ])
  })

  it('are overridden by --set, the last one first', () => {
    const scenarios = loadAll(FILE, [
      'fabric.links.rate=5Gbps',
      'workload[0].count=2',
      'workload[0].count=3',
      'variants.flat.seed=9',
      'hosts.sysctls."net.ipv4.ip_default_ttl"=1',
    ])
    expect(scenarios.map((each) => each.fabric.links[0]!.rate)).toEqual([5e9, 5e9])
    expect(scenarios.map((each) => each.seed)).toEqual(['1', '9'])
    expect(scenarios[0]!.workloads[0]).toMatchObject({ count: 3 })
    expect(scenarios[0]!.hosts[0]!.sysctls.get('net.ipv4.ip_default_ttl')).toBe('1')
  })

  it('set a part of what the file says in short', () => {
    const { fabric } = load('fabric: { links: 10Gbps }', ['fabric.links.mtu=9000'])
    expect(fabric.links[0]).toMatchObject({ rate: 10e9, mtu: 9000 })
  })

  it('leave the file itself as one run when there are none', () => {
    expect(loadAll('variants: {}').map((each) => each.variant)).toEqual([null])
  })
})
