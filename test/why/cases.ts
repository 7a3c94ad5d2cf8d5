/** Small worlds of every scheme, in which faults are looked for. */
import { stringify } from 'yaml'
import { formatIssues } from '../../src/scenario/issues.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import type { Scenario } from '../../src/scenario/model.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { SECOND } from '../../src/sim/units.ts'

export interface FaultCase {
  readonly name: string
  readonly network: Readonly<Record<string, unknown>>
  readonly store?: Readonly<Record<string, unknown>>
  /** When everybody has been attached and reaches everybody. */
  readonly at: number
}

const ETCD = { kind: 'etcd', members: 1 }

export const CASES: readonly FaultCase[] = [
  { name: 'flannel/vxlan', network: { scheme: 'flannel', backend: 'vxlan' }, at: 2 * SECOND },
  { name: 'flannel/host-gw', network: { scheme: 'flannel', backend: 'host-gw' }, at: 2 * SECOND },
  { name: 'flannel/ipip', network: { scheme: 'flannel', backend: 'ipip' }, at: 2 * SECOND },
  { name: 'flannel/udp', network: { scheme: 'flannel', backend: 'udp' }, at: 2 * SECOND },
  { name: 'docker-overlay', network: { scheme: 'docker-overlay' }, store: ETCD, at: 12 * SECOND },
  {
    name: 'docker-overlay/swarm',
    network: { scheme: 'docker-overlay', mode: 'swarm' },
    at: 8 * SECOND,
  },
  {
    name: 'docker-overlay/encrypted',
    network: { scheme: 'docker-overlay', mode: 'swarm', encrypted: true },
    at: 8 * SECOND,
  },
  {
    name: 'calico/none',
    network: { scheme: 'calico', encapsulation: 'none' },
    store: ETCD,
    at: 14 * SECOND,
  },
  {
    name: 'calico/ipip',
    network: { scheme: 'calico', encapsulation: 'ipip' },
    store: ETCD,
    at: 14 * SECOND,
  },
  {
    name: 'calico/vxlan',
    network: { scheme: 'calico', encapsulation: 'vxlan' },
    store: ETCD,
    at: 14 * SECOND,
  },
  { name: 'weave/fastdp', network: { scheme: 'weave' }, at: 4 * SECOND },
  { name: 'weave/sleeve', network: { scheme: 'weave', fastdp: false }, at: 4 * SECOND },
  { name: 'macvlan', network: { scheme: 'macvlan' }, at: 2 * SECOND },
  { name: 'ipvlan', network: { scheme: 'ipvlan' }, at: 2 * SECOND },
]

/** Three hosts of one rack; the containers a and b on h1, c on h2, d on h3. */
export function worldOf({ network, store }: FaultCase): Scenario {
  const text = stringify({
    name: 'faults',
    fabric: { racks: 1, hostsPerRack: 3, links: '10Gbps' },
    hosts: { costs: 'none' },
    networks: { net: network },
    ...(store !== undefined && { store }),
    containers: [
      { name: 'a', host: 'h1' },
      { name: 'b', host: 'h1' },
      { name: 'c', host: 'h2' },
      { name: 'd', host: 'h3' },
    ],
  })
  const loaded = loadScenario(text, 'faults.yaml', builtinSchemes)
  if (!loaded.ok) throw new Error(`${formatIssues(loaded.issues)}\n${text}`)
  return loaded.scenarios[0]!
}
