/** Two hosts on a cable pair and one load between them, as the published measurements were made. */
import { formatIssues } from '../../src/scenario/issues.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import type { WorkloadRow } from '../../src/study/result.ts'
import { Run } from '../../src/study/run.ts'

const NETWORKS = {
  host: '{ scheme: host }',
  macvlan: '{ scheme: macvlan }',
  'host-gw': '{ scheme: flannel, backend: host-gw }',
  vxlan: '{ scheme: flannel, backend: vxlan }',
} as const

export type Scheme = keyof typeof NETWORKS

export interface Testbed {
  readonly scheme: Scheme
  /** As a scenario writes it, such as 100Gbps. */
  readonly rate: string
  readonly mtu?: number
  /** Keys of `hosts:` beside the machine's, in YAML's flow style. */
  readonly hosts?: string
}

/** @param load a workload from c1 to c2 in YAML's flow style, without braces. */
export function measure(testbed: Testbed, load: string, costs = 'server-2020s'): WorkloadRow {
  const { scheme, rate, mtu = 1500, hosts = '' } = testbed
  const text = `name: published
fabric: { racks: 1, hostsPerRack: 2, links: { rate: ${rate}, mtu: ${mtu} } }
hosts: { costs: ${costs}, cpus: 8${hosts === '' ? '' : `, ${hosts}`} }
networks: { app: ${NETWORKS[scheme]} }
containers: { perHost: 1, networks: app }
workload:
  - { from: c1, to: c2, ${load} }
`
  const loaded = loadScenario(text, 'published.yaml', builtinSchemes)
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  const run = new Run(loaded.scenarios[0]!, builtinSchemes, { capture: false })
  while (!run.advance(1_000_000));
  const result = run.result()
  if (!result.ledger.balanced) throw new Error('frames are missing from the ledger')
  return result.workloads[0]!
}

/** Goodput of one or several TCP flows, Gb/s. */
export function tcpGoodput(testbed: Testbed, parallel = 1, costs?: string): number {
  const load = `kind: tcp, parallel: ${parallel}, for: 40ms, warmup: 20ms`
  return measure(testbed, load, costs).goodput! / 1e9
}

/** TCP transactions of one byte a second, in thousands. @param outstanding connections. */
export function tcpRequests(testbed: Testbed, outstanding = 1): number {
  const load = `kind: tcp-rr, outstanding: ${outstanding}, for: 20ms, warmup: 5ms`
  return measure(testbed, load).transactionsPerSecond! / 1e3
}

export function udpRequests(testbed: Testbed): number {
  return measure(testbed, 'kind: udp-rr, for: 20ms, warmup: 5ms').transactionsPerSecond! / 1e3
}

/** Packets that one sender gets off as fast as it can, thousands a second. */
export function udpSent(testbed: Testbed, size: number): number {
  const load = `kind: udp, size: ${size}, packetRate: max, for: 15ms, warmup: 5ms`
  return measure(testbed, load).offeredPacketsPerSecond! / 1e3
}

/** Packets of one flow that are read, thousands a second, when a sender without costs offers more than that. */
export function udpRead(testbed: Testbed, size: number, offered: number): number {
  const hosts = `${testbed.hosts === undefined ? '' : `${testbed.hosts}, `}override: { h1: { costs: none } }`
  const load = `kind: udp, size: ${size}, packetRate: ${offered}kpps, for: 15ms, warmup: 5ms`
  return measure({ ...testbed, hosts }, load).packetsPerSecond! / 1e3
}
