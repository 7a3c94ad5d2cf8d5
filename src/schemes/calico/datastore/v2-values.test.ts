import { describe, expect, it } from 'vitest'
import { type Kind, resource, type Values } from './model.ts'
import { decodeValue } from './v2-decode.ts'
import { writesOf } from './v2-encode.ts'
import { parsePath, pathOf } from './v2-keys.ts'
import { parseWepName, wepName } from './wep-name.ts'

/** What is written for a value, and what is read of it again. */
function there<K extends Kind>(kind: K, key: string, value: Values[K]) {
  const writes = writesOf(kind, key, value)
  const parts = new Map<string, string>()
  const keys = new Set<string>()
  for (const { path, text } of writes) {
    const place = parsePath(path)
    if (text === null || place?.kind !== kind) continue
    keys.add(place.key)
    parts.set(place.part, text)
  }
  expect(keys.size).toBe(1)
  const [listed] = keys
  return { writes, key: listed!, value: decodeValue(kind, listed!, parts) }
}

const RULES = [
  { action: 'Allow' },
  { action: 'Deny', ipVersion: 4, notProtocol: 'UDPLite' },
  { action: 'Log', protocol: 'ICMP', icmp: { type: 8, code: 0 } },
  { action: 'Pass', protocol: 47, source: { nets: ['10.0.0.0/8'], notNets: ['10.1.0.0/16'] } },
  {
    action: 'Allow',
    protocol: 'TCP',
    source: { selector: "app == 'web'", notSelector: 'has(bad)', ports: [1024] },
    destination: { selector: 'all()', ports: [80, '8000:8010'], notPorts: [8005] },
  },
  { action: 'Deny', protocol: 'ICMP', notICMP: { type: 0 } },
] as const

describe('values on etcd v2', () => {
  it('of policies are read as they were written', () => {
    const spec = {
      order: 4.5,
      selector: "role == 'db'",
      types: ['Ingress', 'Egress'],
      ingress: RULES,
      egress: RULES,
      doNotTrack: false,
      preDNAT: true,
      applyOnForward: true,
    } as const
    const policy = resource('GlobalNetworkPolicy', { name: 'default.p' }, spec)
    const back = there('GlobalNetworkPolicy', 'default.p', policy)
    expect(back.key).toBe('default.p')
    expect(back.value).toEqual(policy)
    expect(back.writes[0]!.path).toBe('/calico/v1/policy/tier/default/policy/p')
  })

  it('of rules have the words of that time', () => {
    const rule = {
      action: 'Pass',
      protocol: 'TCP',
      source: { notSelector: 'has(a)', ports: [1] },
    } as const
    const text = (kind: 'Profile' | 'GlobalNetworkPolicy') =>
      writesOf(kind, 'p', resource(kind, { name: 'p' }, { ingress: [rule] })).at(-1)!.text
    const common = '"action":"next-tier","protocol":"tcp","src_ports":[1]'
    expect(text('GlobalNetworkPolicy')).toBe(
      `{"inbound_rules":[{${common},"!src_selector":"has(a)"}],"selector":"","types":["ingress"]}`,
    )
    // In profiles it went by tags.
    expect(text('Profile')).toBe(`{"inbound_rules":[{${common},"!src_tag":"a"}]}`)
  })

  it('of profiles keep labels apart from tags', () => {
    const spec = { ingress: RULES, egress: [], labelsToApply: { tier: 'gold', net: '' } }
    const profile = resource('Profile', { name: 'a/b%' }, spec)
    const { value, writes } = there('Profile', 'a/b%', profile)
    expect(value).toEqual(profile)
    const path = '/calico/v1/policy/profile/a%2fb%25'
    expect(writes.slice(0, 2)).toEqual([
      { path: `${path}/tags`, text: '["net"]' },
      { path: `${path}/labels`, text: '{"tier":"gold"}' },
    ])
  })

  it('of nodes, pools, peers and host endpoints lie where that Calico has them', () => {
    const bgp = { ipv4Address: '10.0.0.9/24', asNumber: 65_001, ipv4IPIPTunnelAddr: '10.65.0.1' }
    const node = resource('Node', { name: 'n' }, { bgp })
    expect(there('Node', 'n', node).value).toEqual(node)
    const gone = writesOf('Node', 'n', resource('Node', { name: 'n' }, {}))
    expect(gone.filter(({ text }) => text === null).map(({ path }) => path)).toEqual([
      '/calico/v1/host/n/bird_ip',
      '/calico/bgp/v1/host/n/as_num',
      '/calico/bgp/v1/host/n/network_v4',
    ])
    const spec = {
      cidr: '10.65.0.0/16',
      ipipMode: 'CrossSubnet',
      natOutgoing: true,
      disabled: true,
    } as const
    const pool = there('IPPool', 'net', resource('IPPool', { name: 'net' }, spec))
    expect(pool.key).toBe('10.65.0.0/16')
    expect(pool.value).toEqual(resource('IPPool', { name: '10.65.0.0/16' }, spec))
    expect(pool.writes[0]!.text).toContain('"ipip":"tunl0","ipip_mode":"cross-subnet"')
    const peer = { node: 'n', peerIP: '10.0.0.1', asNumber: 65_000 }
    const own = there('BGPPeer', 'tor', resource('BGPPeer', { name: 'tor' }, peer))
    expect(own.writes).toEqual([
      {
        path: '/calico/bgp/v1/host/n/peer_v4/10.0.0.1',
        text: '{"ip":"10.0.0.1","as_num":"65000"}',
      },
    ])
    expect(own.value).toEqual(resource('BGPPeer', { name: 'n/10.0.0.1' }, peer))
    const host = { node: 'n', interfaceName: 'eth0', expectedIPs: ['10.0.0.9'], profiles: ['p'] }
    const endpoint = resource('HostEndpoint', { name: 'e', labels: { a: 'b' } }, host)
    expect(there('HostEndpoint', 'e', endpoint)).toMatchObject({ key: 'n/e', value: endpoint })
  })

  it('of Felix are parameters in seconds and capitals', () => {
    const spec = {
      defaultEndpointToHostAction: 'Accept',
      iptablesRefreshInterval: '90s',
      ipipMTU: 1440,
    } as const
    const config = resource('FelixConfiguration', { name: 'node.n' }, { ...spec, vxlanVNI: 7 })
    const { value, writes } = there('FelixConfiguration', 'node.n', config)
    expect(value).toEqual(resource('FelixConfiguration', { name: 'node.n' }, spec))
    expect(writes.map(({ path, text }) => `${path.replace(/.*\//, '')} ${text}`)).toEqual([
      'DefaultEndpointToHostAction ACCEPT',
      'IptablesRefreshInterval 90',
      'IpInIpMtu 1440',
    ])
  })

  it('of blocks have no numbers of their writes, of affinities no states', () => {
    const block = {
      cidr: '10.65.0.0/30',
      affinity: 'host:n',
      strictAffinity: true,
      allocations: [0, null, 1, null],
      unallocated: [1, 3],
      attributes: [
        { handle_id: 'x', secondary: { node: 'n' } },
        { handle_id: null, secondary: {} },
      ],
      deleted: false,
      sequenceNumber: 9,
      sequenceNumberForAllocation: { '0': 8 },
    }
    const { value, writes } = there('AllocationBlock', '10.65.0.0/30', block)
    expect(value).toEqual({ ...block, sequenceNumber: 0, sequenceNumberForAllocation: {} })
    expect(writes[0]!.text).toContain('{"handle_id":null,"secondary":null}')
    const pending = { state: 'pending', deleted: false } as const
    expect(there('BlockAffinity', 'n/10.65.0.0/30', pending)).toMatchObject({
      key: 'n/10.65.0.0/30',
      value: { state: 'confirmed' },
    })
    // pycalico wrote nothing at all.
    const empty = decodeValue('BlockAffinity', 'n/10.65.0.0/30', new Map([['', '']]))
    expect(empty).toEqual({ state: 'confirmed', deleted: false })
  })
})

describe('keys of endpoints', () => {
  it('hold fields with dashes and slashes apart', () => {
    const fields = ['host-1', 'lib-network', 'ns.pod-0', 'eth-0'] as const
    expect(parseWepName(wepName(...fields))).toEqual(fields)
    const key = `k8s/${wepName('host-1', 'k8s', 'a/b%2f', 'eth0')}`
    const path = pathOf('WorkloadEndpoint', key)
    expect(path).toBe('/calico/v1/host/host-1/workload/k8s/a%2fb%252f/endpoint/eth0')
    expect(parsePath(path)).toEqual({ kind: 'WorkloadEndpoint', key, part: '' })
    expect(parsePath('/calico/v1/host/h1/workload/k8s')).toBeNull()
  })
})
