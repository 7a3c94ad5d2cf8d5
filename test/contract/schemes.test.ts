/** Every scheme and variant of the registry under one contract. */
import { expect, it } from 'vitest'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { lifeContract } from './life-contract.ts'
import { type SchemeContract, schemeContract } from './scheme-contract.ts'

const scheme = (name: string) => builtinSchemes.get(name)!

const NO_NAMESPACE = 'containers are processes of the host and have its address'

const NO_SIBLINGS = 'the switch sends no frame back, so that children of one host do not meet'
const NEEDS_SIBLINGS = [
  'same host',
  'taken address',
  'detach',
  'sizes',
  'many containers',
  'churn',
  'daemon restart',
  'host crash',
  'move',
] as const
const DEAF_PARENT = {
  test: 'host to own container',
  reason: 'the parent does not hear its children',
} as const
const ENGINE_ENDS = {
  test: 'daemon crash',
  reason: 'an engine that is stopped ends its containers',
} as const

const CONTRACTS: readonly SchemeContract[] = [
  {
    name: 'host',
    scheme: scheme('host'),
    skip: [
      { test: 'own addresses', reason: NO_NAMESPACE },
      { test: 'taken address', reason: NO_NAMESPACE },
      { test: 'exhaustion', reason: NO_NAMESPACE },
      { test: 'detach', reason: NO_NAMESPACE },
      { test: 'many containers', reason: NO_NAMESPACE },
    ],
  },
  {
    name: 'bridge',
    scheme: scheme('bridge'),
    small: { subnet: '172.17.0.0/29' },
    skip: [
      { test: 'cross host', reason: 'each host has a subnet of its own, the same one' },
      { test: 'jumbo', reason: 'the engine takes the MTU that it is told, 1500 by default' },
    ],
  },
  {
    name: 'macvlan',
    scheme: scheme('macvlan'),
    options: { restart: 'always' },
    small: { subnet: '10.20.0.0/28' },
    skip: [DEAF_PARENT, ENGINE_ENDS],
  },
  {
    name: 'macvlan, given ranges, engine 28.0 with live-restore',
    scheme: scheme('macvlan'),
    options: {
      ranges: { h1: '10.20.1.0/24', h2: '10.20.2.0/24' },
      version: '28.0',
      liveRestore: true,
    },
    small: { subnet: '10.20.0.0/28', ranges: { h1: '10.20.0.0/29', h2: '10.20.0.8/29' } },
    skip: [DEAF_PARENT],
  },
  {
    name: 'macvlan, VLAN 10',
    scheme: scheme('macvlan'),
    options: { parent: 'eth0.10', liveRestore: true },
    small: { parent: 'eth0.10', subnet: '10.20.0.0/28' },
    skip: [{ test: 'host to own container', reason: 'the host has no address in the VLAN' }],
  },
  ...['private', 'vepa'].map((mode) => ({
    name: `macvlan/${mode}`,
    scheme: scheme('macvlan'),
    options: { mode },
    small: { mode, subnet: '10.20.0.0/28' },
    skip: [
      DEAF_PARENT,
      ENGINE_ENDS,
      ...NEEDS_SIBLINGS.map((test) => ({ test, reason: NO_SIBLINGS })),
    ],
  })),
  ...['vxlan', 'host-gw'].map((backend) => ({
    name: `flannel/${backend}`,
    scheme: scheme('flannel'),
    options: { backend },
    small: { backend, subnet: '10.244.0.0/24', subnetLen: 28 },
  })),
  ...[
    { subnetManager: 'etcd-v2', backend: 'host-gw', kind: 'etcd' },
    { subnetManager: 'etcd-v3', backend: 'vxlan', kind: 'etcd' },
    { subnetManager: 'kube', backend: 'vxlan', kind: 'kube' },
  ].map(({ kind, ...options }) => ({
    name: `flannel/${options.backend}/${options.subnetManager}`,
    scheme: scheme('flannel'),
    options,
    small: { ...options, subnet: '10.244.0.0/24', subnetLen: 28 },
    store: { kind, members: 1 },
  })),
  ...['etcd', 'consul'].map((kind) => ({
    name: `docker-overlay/classic, ${kind}`,
    scheme: scheme('docker-overlay'),
    small: { subnet: '10.0.9.0/28' },
    store: { kind, members: 1 },
    skip: [
      { test: 'host to own container', reason: 'the network has a namespace of its own' },
      { test: 'jumbo', reason: 'the driver takes 1500 for the MTU of every underlay' },
      { test: 'daemon crash', reason: 'a daemon that is stopped ends its containers' },
    ] as const,
  })),
]

for (const contract of CONTRACTS) {
  schemeContract(contract)
  lifeContract(contract)
}

it('leaves no scheme of the registry out', () => {
  const covered = new Set(CONTRACTS.map((contract) => contract.scheme.name))
  expect([...covered].sort()).toEqual([...builtinSchemes.names()].sort())
})
