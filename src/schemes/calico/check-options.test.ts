import { describe, expect, it } from 'vitest'
import { ipv4, prefix } from '../../wire/ipv4-address.ts'
import type { SchemeContext } from '../contract.ts'
import { checkOptions } from './check-options.ts'
import { calicoOptions, datastoreOf, podMtu, releaseOf } from './options.ts'

const context: SchemeContext = {
  network: 'net',
  mode: 'l2',
  fabricSubnet: prefix('192.168.0.0/16'),
  store: { kind: 'etcd', version: '3.4' },
  hosts: [{ name: 'h1', address: ipv4('192.168.0.1'), mtu: 1500, containers: 1 }],
}
const DOCKER = { orchestrator: 'libnetwork' }

/** Paths of the faults of some options. */
function faults(options: Record<string, unknown>, version = '3.4'): string[] {
  const store = { kind: 'etcd', version }
  const found = checkOptions(calicoOptions.parse(options), { ...context, store })
  return found.map(({ path }) => path.join('.'))
}

const policy = (spec: object, kind = 'GlobalNetworkPolicy') => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name: 'p' },
  spec,
})
const rule = (destination: object) => [{ action: 'Allow', protocol: 'TCP', destination }]

describe('which Calico it is', () => {
  it('follows from the orchestrator, unless the datastore is named', () => {
    const of = (options: object) => {
      const parsed = calicoOptions.parse(options)
      return [datastoreOf(parsed), releaseOf(parsed), podMtu(parsed, 9000)]
    }
    expect(of({})).toEqual(['etcd-v3', '3.26', 9000])
    expect(of({ encapsulation: 'ipip' })).toEqual(['etcd-v3', '3.26', 8980])
    expect(of({ encapsulation: 'ipip', version: '3.16' })).toEqual(['etcd-v3', '3.16', 1440])
    expect(of(DOCKER)).toEqual(['etcd-v2', '2.6', 1500])
    expect(of({ ...DOCKER, datastore: 'etcd-v3' })).toEqual(['etcd-v3', '3.26', 1500])
  })

  it('decides which store will do', () => {
    expect(faults({}, '2.3')).toEqual(['scheme'])
    expect(faults(DOCKER, '2.3')).toEqual([])
    expect(faults({ datastore: 'etcd-v2' })).toEqual(['datastore'])
  })

  it('knows its hosts', () => {
    expect(faults({ nodeAsNumbers: { h1: 65_001, h9: 65_002 } })).toEqual(['nodeAsNumbers.h9'])
    expect(faults({ routeReflectors: ['h9'] })).toEqual(['routeReflectors.0'])
  })
})

describe('on etcd v2', () => {
  const peer = { name: 'tor', peerIP: '10.0.0.1', asNumber: 65_000 }
  it.each([
    ['blockSize', { blockSize: 28 }],
    ['encapsulation', { encapsulation: 'vxlan-crosssubnet' }],
    ['disableBGPExport', { disableBGPExport: true }],
    ['maxBlocksPerHost', { maxBlocksPerHost: 1 }],
    ['routeReflectors', { routeReflectors: ['h1'] }],
    ['restartTime', { restartTime: '60s' }],
    ['containerPorts', { containerPorts: { a: [{ name: 'web', port: 80 }] } }],
    ['bgpPeers.0', { bgpPeers: [{ ...peer, nodeSelector: 'all()' }] }],
    ['bgpPeers.0', { bgpPeers: [{ ...peer, keepalive: '20s' }] }],
    ['policies.0', { policies: [policy({}, 'NetworkPolicy')] }],
    ['policies.0', { policies: [policy({}, 'Tier')] }],
    ['policies.0', { policies: [policy({ tier: 'ops' })] }],
    ['policies.0', { policies: [policy({ namespaceSelector: 'all()' })] }],
    ['policies.0', { policies: [policy({ applyOnForward: true })] }],
    ['policies.0', { policies: [policy({ ingress: rule({ ports: ['web'] }) })] }],
    ['policies.0', { policies: [policy({ egress: rule({ namespaceSelector: 'all()' }) })] }],
    ['policies.0', { policies: [policy({ node: 'h1', interfaceName: '*' }, 'HostEndpoint')] }],
  ])('there was no %s as in %j', (path, options) => {
    expect(faults({ ...DOCKER, ...options })).toEqual([path])
  })

  it('there was the rest', () => {
    const policies = [
      policy({ ingress: rule({ ports: [80, '90:99'] }), types: ['Ingress'], order: 1 }),
      policy({ doNotTrack: true, applyOnForward: true }),
      policy({ labelsToApply: { a: 'b' } }, 'Profile'),
      policy({ node: 'h1', interfaceName: 'eth0' }, 'HostEndpoint'),
    ]
    const bgp = { bgpPeers: [peer, { ...peer, node: 'h1' }], nodeAsNumbers: { h1: 65_001 } }
    const options = { policies, encapsulation: 'ipip-crosssubnet', strictAffinity: true, ...bgp }
    expect(faults({ ...DOCKER, ...options })).toEqual([])
  })
})
