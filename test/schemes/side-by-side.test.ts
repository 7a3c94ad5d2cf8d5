/** Several networks on the same hosts: what one daemon sets up, another must not break. */
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { loadScenario } from '../../src/scenario/load.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { Run } from '../../src/study/run.ts'

type Networks = Readonly<Record<string, object>>

/** Containers a1, b1 ... of each network on each host that is named for it. */
function load(networks: Networks, hosts: Readonly<Record<string, string[]>>, more: object = {}) {
  const containers = Object.keys(networks).flatMap((network) =>
    hosts[network]!.map((host) => ({ name: `${network}-${host}`, host, networks: network })),
  )
  const fabric = { racks: 1, hostsPerRack: 2, gateway: true }
  return loadScenario(stringify({ fabric, networks, containers, ...more }), 'x', builtinSchemes)
}

const BOTH = ['h1', 'h2']

describe('networks side by side', () => {
  const ALL: readonly (readonly [string, object])[] = [
    ['flat', { scheme: 'macvlan' }],
    ['local', { scheme: 'bridge' }],
    ['pods', { scheme: 'flannel' }],
  ]

  it.each([
    ['first to last', ALL],
    ['last to first', ALL.toReversed()],
  ])('of all schemes, started %s, each as if it were alone', (_, entries) => {
    const networks = Object.fromEntries(entries)
    const hosts = { flat: BOTH, local: BOTH, pods: BOTH }
    const expected = [
      { from: 'flat-h1', to: 'flat-h2' },
      { from: 'pods-h1', to: 'pods-h2' },
      { from: 'pods-h1', to: 'outside' },
      { from: 'local-h1', to: 'outside' },
      // The engine drops what comes to its bridge uninvited, but for what other rules admit.
      { from: 'local-h1', to: 'pods-h1' },
      { from: 'pods-h1', to: 'local-h1' },
    ]
    const loaded = load(networks, hosts, { expect: expected.map((reachable) => ({ reachable })) })
    expect(loaded).toMatchObject({ ok: true })
    if (!loaded.ok) return
    const run = new Run(loaded.scenarios[0]!, builtinSchemes, { capture: false })
    while (!run.advance(1e6));
    expect(run.result().expectations.filter(({ passed }) => !passed)).toEqual([])
  })

  it.each([
    ['two of one scheme', { one: { scheme: 'flannel' }, two: flannel('10.0.0.0/16', 2) }, 'cni0'],
    [
      'two bridges of one name',
      { one: bridge('172.17.0.0/16'), two: bridge('172.18.0.0/16') },
      'docker0',
    ],
    [
      'two by different names, but with the same chains',
      {
        one: bridge('172.17.0.0/16'),
        two: { ...bridge('172.18.0.0/16'), bridge: 'br1' },
      },
      'the chain DOCKER',
    ],
    [
      'a bridge that has the name of the other scheme’s',
      {
        one: { scheme: 'flannel' },
        two: { ...bridge('172.18.0.0/16'), bridge: 'cni0' },
      },
      'cni0',
    ],
  ] as const)('are refused where both want the same: %s', (_, networks, claim) => {
    expect(load(networks, { one: ['h1'], two: ['h1', 'h2'] })).toMatchObject({
      ok: false,
      issues: [{ path: 'networks.two', message: `${claim} on h1 belongs to the network one` }],
    })
    // On different hosts they do not meet.
    expect(load(networks, { one: ['h1'], two: ['h2'] })).toMatchObject({ ok: true })
  })
})

function bridge(subnet: string) {
  return { scheme: 'bridge', subnet }
}

function flannel(subnet: string, vni: number) {
  return { scheme: 'flannel', subnet, vni }
}
