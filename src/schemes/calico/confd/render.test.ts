import { describe, expect, it } from 'vitest'
import { formatIpv4, formatPrefix } from '../../../wire/ipv4-address.ts'
import type { BirdConfig, BirdPeer } from '../bird/config.ts'
import { exportsToPeers, kernelFilter } from '../bird/filters.ts'
import { type BGPPeerSpec, type NodeSpec, resource } from '../datastore/model.ts'
import { ClusterView } from './cluster-view.ts'
import { renderBirdConfig } from './render.ts'

interface Nodes {
  readonly [name: string]: Omit<NonNullable<NodeSpec['bgp']>, 'ipv4Address'> & {
    readonly labels?: Readonly<Record<string, string>>
  }
}

/** Nodes h1, h2 ... have 10.0.0.1/24 and so on, unless h9: 10.0.1.9/24. */
function viewOf(
  node: string,
  nodes: Nodes,
  peers: readonly BGPPeerSpec[] = [],
  mesh = true,
): ClusterView {
  const view = new ClusterView(node)
  for (const [name, { labels = {}, ...bgp }] of Object.entries(nodes)) {
    const number = name.slice(1)
    const ipv4Address = `10.0.${number === '9' ? 1 : 0}.${number}/24`
    const value = resource('Node', { name, labels }, { bgp: { ipv4Address, ...bgp } })
    view.take({ kind: 'Node', key: name, value })
  }
  for (const [i, spec] of peers.entries()) {
    view.take({
      kind: 'BGPPeer',
      key: `p${i}`,
      value: resource('BGPPeer', { name: `p${i}` }, spec),
    })
  }
  const spec = { nodeToNodeMeshEnabled: mesh, asNumber: 64600, nodeMeshMaxRestartTime: '60s' }
  const value = resource('BGPConfiguration', { name: 'default' }, spec)
  view.take({ kind: 'BGPConfiguration', key: 'default', value })
  return view
}

const render = (view: ClusterView): BirdConfig => renderBirdConfig(view)!
const named = (peers: readonly BirdPeer[]) => peers.map(({ name }) => name)

describe('the mesh', () => {
  it('is between all nodes that are no reflectors, and the address that is higher as text connects', () => {
    const nodes = { h1: {}, h2: {}, h10: {}, h3: { routeReflectorClusterID: '1.0.0.1' } }
    const { peers, asNumber, clusterId } = render(viewOf('h2', nodes))
    expect(named(peers)).toEqual(['Mesh_10_0_0_1', 'Mesh_10_0_0_10'])
    // As text 10.0.0.10 is less than 10.0.0.2.
    expect(peers.map(({ isPassive }) => isPassive)).toEqual([false, false])
    expect(render(viewOf('h10', nodes)).peers.map(({ isPassive }) => isPassive)).toEqual([
      ...[false, true],
    ])
    expect(peers[0]).toMatchObject({ asNumber: 64600, restartTime: 60, keepalive: null })
    expect([asNumber, clusterId]).toEqual([64600, null])
    expect(render(viewOf('h3', nodes)).peers).toEqual([])
    expect(render(viewOf('h2', nodes, [], false)).peers).toEqual([])
  })

  it('is not of a node without an address', () => {
    const view = viewOf('h1', { h1: {} })
    view.take({ kind: 'Node', key: 'h2', value: resource('Node', { name: 'h2' }, {}) })
    expect(render(view).peers).toEqual([])
    expect(renderBirdConfig(viewOf('h7', { h1: {} }))).toBeNull()
  })
})

describe('BGPPeer resources', () => {
  const rr = { routeReflectorClusterID: '1.0.0.1', labels: { rr: '' } }
  const nodes: Nodes = { h1: rr, h2: { ...rr, routeReflectorClusterID: '1.0.0.2' }, h3: {}, h4: {} }

  it('between nodes work both ways, and make clients of those that are in no cluster', () => {
    const peers = [{ nodeSelector: '!has(rr)', peerSelector: 'has(rr)', keepaliveTime: '20s' }]
    expect(named(render(viewOf('h3', nodes, peers, false)).peers)).toEqual([
      ...['Node_10_0_0_1', 'Node_10_0_0_2'],
    ])
    const reflector = render(viewOf('h1', nodes, peers, false))
    expect(formatIpv4(reflector.clusterId!)).toBe('1.0.0.1')
    expect(reflector.peers).toMatchObject([
      { name: 'Node_10_0_0_3', isReflectorClient: true, keepalive: 20 },
      { name: 'Node_10_0_0_4', isReflectorClient: true, keepalive: 20 },
    ])
    const client = render(viewOf('h3', nodes, peers, false))
    expect(client.peers.map(({ isReflectorClient }) => isReflectorClient)).toEqual([false, false])
  })

  it('between reflectors of one cluster make no clients', () => {
    const same = { h1: rr, h2: rr, h3: {} }
    const { peers } = render(viewOf('h1', same, [{ peerSelector: 'has(rr)' }], false))
    expect(peers).toMatchObject([
      { name: 'Global_10_0_0_2', isReflectorClient: false },
      { name: 'Global_10_0_0_3', isReflectorClient: true },
    ])
  })

  it('name routers of the field, for all nodes or some', () => {
    const peers = [
      { peerIP: '10.0.0.254', asNumber: 65001, node: 'h3', nextHopMode: 'Keep' as const },
      { peerIP: '10.0.0.253', asNumber: 65001 },
      { peerIP: '10.0.0.252', asNumber: 65001, nodeSelector: 'has(rr)' },
    ]
    expect(render(viewOf('h3', nodes, peers, false)).peers).toMatchObject([
      { name: 'Global_10_0_0_253', asNumber: 65001, isPassive: false, nextHop: 'auto' },
      { name: 'Node_10_0_0_254', isReflectorClient: false, nextHop: 'keep' },
    ])
  })
})

describe('the filters', () => {
  const view = viewOf('h1', { h1: {} })
  const pool = (name: string, spec: object) => {
    const value = resource('IPPool', { name }, { cidr: name, ...spec })
    view.take({ kind: 'IPPool', key: name, value })
  }
  pool('10.1.0.0/16', {})
  pool('10.2.0.0/16', { ipipMode: 'Always' })
  pool('10.3.0.0/16', { ipipMode: 'CrossSubnet' })
  pool('10.4.0.0/16', { vxlanMode: 'CrossSubnet', disableBGPExport: true })
  const own = (cidr: string, state: 'confirmed' | 'pending') =>
    view.take({ kind: 'BlockAffinity', key: `h1/${cidr}`, value: { state, deleted: false } })
  own('10.1.7.64/26', 'confirmed')
  own('10.4.0.0/26', 'confirmed')
  view.take({
    kind: 'BlockAffinity',
    key: 'h2/10.1.9.0/26',
    value: { state: 'confirmed', deleted: false },
  })
  const config = render(view)

  it.each([
    ['an own block', '10.1.7.64/26', true],
    ['what is in it', '10.1.7.65/32', false],
    ['what was borrowed from another', '10.1.9.3/32', true],
    ['what is in no pool', '10.9.0.0/26', false],
    ['the default route', '0.0.0.0/0', false],
    ['a pool that is not to be exported', '10.4.0.0/26', false],
  ])('tell peers of %s: %s %s', (_, net, expected) => {
    const [base, length] = net.split('/')
    const parsed = config.blocks.find(({ cidr }) => formatPrefix(cidr) === net)?.cidr ?? {
      base: base!.split('.').reduce((sum, octet) => (sum << 8) | Number(octet), 0),
      length: Number(length),
    }
    expect(exportsToPeers(config, parsed)).toBe(expected)
  })

  it('say how the kernel gets to each pool, and to which Felix leads', () => {
    const modes = [1, 2, 3, 4, 9].map((octet) =>
      kernelFilter(config, { base: (10 << 24) | (octet << 16), length: 26 }),
    )
    expect(modes).toEqual(['plain', 'tunnel', 'tunnel unless near', 'reject', 'plain'])
  })
})
