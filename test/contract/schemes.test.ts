/**
 * Every scheme and variant of the registry under one contract. With ENCAP_SCHEME=FILE only the scheme of
 * that file, a user's own (docs/writing-a-scheme.md).
 */
import { expect, it } from 'vitest'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { SECOND } from '../../src/sim/units.ts'
import { lifeContract } from './life-contract.ts'
import { type ContractTest, type SchemeContract, schemeContract } from './scheme-contract.ts'
import { userContract } from './user-contract.ts'

const scheme = (name: string) => builtinSchemes.get(name)!

const NO_NAMESPACE = 'containers are processes of the host and have its address'

const NO_SIBLINGS = 'the switch sends no frame back, so that children of one host do not meet'
const NEEDS_SIBLINGS = ['same host', 'taken address', 'detach'] as const
const ONE_CHILD = 'a parent in mode passthru has room for one child'
const NEEDS_ROOM = [
  'same host',
  'exhaustion',
  'detach',
  'unsent',
  'many containers',
  'churn',
  'daemon restart',
  'move',
] as const
const DEAF_PARENT = {
  test: 'host to own container',
  reason: 'the parent does not hear its children',
} as const
const ONE_MAC = {
  test: 'own addresses',
  reason: 'all have the MAC address of their host',
} as const
const ENGINE_ENDS = {
  test: 'daemon crash',
  reason: 'an engine that is stopped ends its containers',
} as const

function flannelSkips(options: {
  backend: string
  directRouting?: boolean
}): NonNullable<SchemeContract['skip']> {
  if (options.backend === 'udp') {
    const reason = 'the packets pass the daemon itself: device and route go with it'
    return [{ test: 'daemon crash', reason }]
  }
  if (!options.directRouting) return []
  return [
    { test: 'jumbo', reason: 'the MTU is that of the tunnel, which packets of a link leave out' },
  ]
}

function calicoSkips({ encapsulation, orchestrator }: Readonly<Record<string, string>>) {
  const skips: { test: ContractTest; reason: string }[] = [
    { test: 'unsent', reason: 'the one neighbour of a container answers at once' },
  ]
  if (encapsulation!.endsWith('-crosssubnet')) {
    skips.push({
      test: 'jumbo',
      reason: 'the MTU is that of the tunnel, which a subnet does not use',
    })
  }
  if (orchestrator !== undefined) {
    skips.push({ test: 'own addresses', reason: 'the driver gives all containers one MAC' })
    skips.push({ test: 'jumbo', reason: 'the driver leaves its devices at 1500' })
    skips.push({
      test: 'exhaustion',
      reason: 'blocks have 64 addresses: see calico-etcd-v2.test.ts',
    })
  }
  return skips
}

const CONTRACTS: readonly SchemeContract[] = [
  {
    name: 'host',
    scheme: scheme('host'),
    skip: [
      { test: 'own addresses', reason: NO_NAMESPACE },
      { test: 'taken address', reason: NO_NAMESPACE },
      { test: 'exhaustion', reason: NO_NAMESPACE },
      { test: 'detach', reason: NO_NAMESPACE },
      { test: 'unsent', reason: NO_NAMESPACE },
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
    options: { mode, restart: 'always' },
    small: { mode, subnet: '10.20.0.0/28' },
    skip: [
      DEAF_PARENT,
      ENGINE_ENDS,
      ...NEEDS_SIBLINGS.map((test) => ({ test, reason: NO_SIBLINGS })),
    ],
  })),
  {
    name: 'macvlan/passthru',
    scheme: scheme('macvlan'),
    options: { mode: 'passthru', liveRestore: true },
    perHost: 1,
    skip: [DEAF_PARENT, ...NEEDS_ROOM.map((test) => ({ test, reason: ONE_CHILD }))],
  },
  {
    name: 'ipvlan/l2',
    scheme: scheme('ipvlan'),
    options: { liveRestore: true },
    small: { subnet: '10.20.0.0/28' },
    skip: [DEAF_PARENT, ONE_MAC],
  },
  ...['l3', 'l3s'].map((mode) => ({
    name: `ipvlan/${mode}`,
    scheme: scheme('ipvlan'),
    options: { mode, hostRoutes: true, liveRestore: true },
    small: { mode, subnet: '10.20.0.0/28' },
    skip: [
      DEAF_PARENT,
      ONE_MAC,
      { test: 'unsent', reason: 'packets wait at the host, which asks for neighbours' } as const,
    ],
  })),
  ...[
    { backend: 'vxlan' },
    { backend: 'vxlan', directRouting: true },
    { backend: 'host-gw' },
    { backend: 'ipip' },
    { backend: 'udp' },
  ].map((options) => ({
    name: `flannel/${options.backend}${options.directRouting ? '+DirectRouting' : ''}`,
    scheme: scheme('flannel'),
    options,
    small: { ...options, subnet: '10.244.0.0/24', subnetLen: 28 },
    skip: flannelSkips(options),
  })),
  ...[
    { subnetManager: 'etcd-v2', backend: 'host-gw', kind: 'etcd' },
    { subnetManager: 'etcd-v3', backend: 'vxlan', kind: 'etcd' },
    { subnetManager: 'etcd-v3', backend: 'udp', kind: 'etcd' },
    { subnetManager: 'kube', backend: 'vxlan', kind: 'kube' },
  ].map(({ kind, ...options }) => ({
    name: `flannel/${options.backend}/${options.subnetManager}`,
    scheme: scheme('flannel'),
    options,
    small: { ...options, subnet: '10.244.0.0/24', subnetLen: 28 },
    store: { kind, members: 1 },
    skip: flannelSkips(options),
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
      { test: 'daemon restart', reason: 'a daemon that starts ends the containers that it finds' },
    ] as const,
  })),
  ...[
    { encapsulation: 'none' },
    { encapsulation: 'ipip' },
    { encapsulation: 'vxlan' },
    { encapsulation: 'ipip-crosssubnet' },
    { encapsulation: 'vxlan-crosssubnet' },
    { encapsulation: 'none', orchestrator: 'libnetwork' },
  ].map((options) => ({
    name: `calico/${options.encapsulation}${options.orchestrator ? ', libnetwork on etcd v2' : ''}`,
    scheme: scheme('calico'),
    options,
    small: { ...options, subnet: '172.16.0.0/28', blockSize: 29 },
    store: { kind: 'etcd', members: 1 },
    // BIRD waits 2 s before it connects, and scans what is new every 2 s.
    settle: 5 * SECOND,
    skip: calicoSkips(options),
  })),
  ...[
    { variant: 'fastdp', options: {} },
    { variant: 'fastdp, unbridged', options: { bridgedFastdp: false } },
    { variant: 'fastdp, encrypted', options: { password: 'secret' } },
    { variant: 'sleeve', options: { fastdp: false } },
    { variant: 'fastdp and sleeve, exposed', options: { fastdp: ['h1'], expose: true } },
  ].map(({ variant, options }) => ({
    name: `weave/${variant}`,
    scheme: scheme('weave'),
    options,
    small: { ...options, range: '10.32.0.0/28' },
    skip: [
      ...(variant.startsWith('sleeve')
        ? [{ test: 'sizes', reason: 'no datagram is longer than the MTU, 65535' } as const]
        : []),
      ...(variant === 'fastdp and sleeve, exposed'
        ? []
        : [{ test: 'host to own container', reason: 'the host is not on the network' } as const]),
      { test: 'exhaustion', reason: 'a request waits until an address is free' } as const,
      { test: 'jumbo', reason: 'the MTU is that of the smallest underlay that is met' } as const,
      {
        test: 'mtu',
        reason: 'routers try by fragments of their own whether those arrive',
      } as const,
      { test: 'daemon crash', reason: 'a first packet asks the router' } as const,
    ],
  })),
  {
    name: 'docker-overlay/swarm',
    scheme: scheme('docker-overlay'),
    options: { mode: 'swarm' },
    small: { mode: 'swarm', subnet: '10.0.9.0/28' },
    startsWithin: '5s',
    skip: [
      { test: 'host to own container', reason: 'the network has a namespace of its own' },
      { test: 'jumbo', reason: 'the driver takes 1500 for the MTU of every underlay' },
      { test: 'daemon crash', reason: 'a daemon that is stopped ends its containers' },
      { test: 'daemon restart', reason: 'a daemon that starts ends the containers that it finds' },
      {
        test: 'taken address',
        reason: 'the engine says that its time is over; the address is in the log of a manager',
      },
    ],
  },
]

const users = process.env['ENCAP_SCHEME']

for (const contract of users === undefined ? CONTRACTS : [await userContract(users)]) {
  schemeContract(contract)
  lifeContract(contract)
}

it.skipIf(users !== undefined)('leaves no scheme of the registry out', () => {
  const covered = new Set(CONTRACTS.map((contract) => contract.scheme.name))
  expect([...covered].sort()).toEqual([...builtinSchemes.names()].sort())
})
