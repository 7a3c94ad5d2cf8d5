/**
 * What an article of 2017 says of connectivity and isolation, as the matrix of who reaches whom (with a
 * verdict on each of its claims: scenarios/claims). That policy realises any access matrix is shown by
 * calico-policy.test.ts, with ten random ones.
 */
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { formatIssues } from '../../src/scenario/issues.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { Run } from '../../src/study/run.ts'

const SENDERS = ['red1', 'red2', 'blue1', 'blue2', 'both', 'outside']
/** Not whoever is in both, who has two addresses. */
const TARGETS = ['red1', 'red2', 'blue1', 'blue2', 'outside']
const PAIRS = SENDERS.flatMap((from) => TARGETS.map((to) => ({ from, to }))).filter(
  ({ from, to }) => from !== to,
)

const CONTAINERS = [
  { name: 'red1', host: 'h1', networks: 'red' },
  { name: 'red2', host: 'h2', networks: 'red' },
  { name: 'blue1', host: 'h1', networks: 'blue' },
  { name: 'blue2', host: 'h2', networks: 'blue' },
  { name: 'both', host: 'h1', networks: ['red', 'blue'] },
]

type Section = Readonly<Record<string, unknown>>

interface World {
  readonly red: Section
  readonly blue: Section
  readonly store?: Section
  readonly fabric?: Section
}

/** A row a sender: which of TARGETS it reaches (+), and which not (.). */
function matrix({ red, blue, fabric = {}, ...more }: World): string[] {
  const text = stringify({
    fabric: { racks: 1, hostsPerRack: 2, gateway: true, ...fabric },
    hosts: { costs: 'none' },
    networks: { red, blue },
    containers: CONTAINERS,
    duration: '25s',
    workload: [],
    expect: PAIRS.map((reachable) => ({ reachable })),
    ...more,
  })
  const loaded = loadScenario(text, 'article.yaml', builtinSchemes)
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  const run = new Run(loaded.scenarios[0]!, builtinSchemes, { capture: false })
  while (!run.advance(1e6));
  const { expectations, ledger } = run.result()
  expect(ledger.balanced).toBe(true)
  const reached = new Set(PAIRS.filter((_, i) => expectations[i]!.passed).map(keyOf))
  return SENDERS.map((from) => {
    const row = TARGETS.map((to) =>
      from === to ? '-' : reached.has(keyOf({ from, to })) ? '+' : '.',
    )
    return `${row.join('')} ${from}`
  })
}

const keyOf = ({ from, to }: { readonly from: string; readonly to: string }) => `${from} ${to}`

const overlay = { scheme: 'docker-overlay', mode: 'swarm' }
const vlan = (id: number) => ({
  scheme: 'macvlan',
  parent: `eth0.${id}`,
  subnet: `172.30.${id}.0/24`,
  gateway: `172.30.${id}.254`,
})
const weave = (net: number, more: Section = {}) => ({
  scheme: 'weave',
  subnet: `10.32.${net}.0/24`,
  ...more,
})
const calico = { scheme: 'calico', orchestrator: 'libnetwork' }

/** Only the own network, or all; to the outside or not. Nobody comes in. */
function rows(reach: 'own network' | 'all', out: '+' | '.'): string[] {
  const other = reach === 'own network' ? '..' : '++'
  return [
    `-+${other}${out} red1`,
    `+-${other}${out} red2`,
    `${other}-+${out} blue1`,
    `${other}+-${out} blue2`,
    `++++${out} both`,
    '....- outside',
  ]
}

describe('connectivity and isolation, as the article has them', () => {
  it.each([
    [
      'docker-overlay: the same network, or who is in both; out by docker_gwbridge, not in',
      { red: overlay, blue: overlay },
      rows('own network', '+'),
    ],
    [
      'macvlan: VLANs without a router keep apart',
      { red: vlan(10), blue: vlan(20), fabric: { vlans: [{ id: 10 }, { id: 20 }] } },
      rows('own network', '.'),
    ],
    [
      'macvlan: a router between the VLANs joins them',
      {
        red: vlan(10),
        blue: vlan(20),
        fabric: {
          vlans: [
            { id: 10, gateway: '172.30.10.254/24' },
            { id: 20, gateway: '172.30.20.254/24' },
          ],
        },
      },
      [...rows('all', '+').slice(0, -1), '++++- outside'],
    ],
    [
      'flannel: no isolation; out by the host',
      {
        red: { scheme: 'flannel' },
        blue: { scheme: 'flannel', subnet: '10.245.0.0/16', vni: 2, bridge: 'cni1' },
      },
      rows('all', '+'),
    ],
    [
      'weave: one subnet is one network, without a way out',
      { red: { scheme: 'weave' }, blue: { scheme: 'weave' } },
      rows('all', '.'),
    ],
    ['weave: subnets keep apart', { red: weave(1), blue: weave(2) }, rows('own network', '.')],
    [
      'weave: a host that has joined is the gateway, of both subnets too',
      { red: weave(1, { expose: true }), blue: weave(2, { expose: true }) },
      rows('all', '+'),
    ],
    [
      'calico: by network; who is in both reaches both',
      {
        red: { ...calico, subnet: '10.1.0.0/16' },
        blue: { ...calico, subnet: '10.2.0.0/16' },
        store: { kind: 'etcd', members: 1 },
      },
      rows('own network', '+'),
    ],
  ] as readonly (readonly [string, World, readonly string[]])[])('%s', (_, world, expected) => {
    expect(matrix(world)).toEqual(expected)
  })
})
