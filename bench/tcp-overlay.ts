import { buildWorld } from '../src/scenario/builder.ts'
import { loadScenario } from '../src/scenario/load.ts'
import type { Scenario } from '../src/scenario/model.ts'
import { builtinSchemes } from '../src/schemes/registry.ts'
import type { Benchmark, Outcome, Trial } from './benchmark.ts'

/** For one simulated second: 0.2 s are wanted in each second of the wall clock. */
const WALL_SECONDS_MOST = 5
const LASTS_SECONDS = 0.2
/** Bytes of data that the outcome counts as a packet. */
const SEGMENT = 1448

/** TCP25: one flow of the main job with all offloads, in the host's network and through an overlay. */
export const tcpOverlays: readonly Benchmark[] = [
  benchmarkOf('TCP25-HOST', 'scheme: host'),
  benchmarkOf('TCP25-VXLAN', 'scheme: flannel, backend: vxlan'),
]

function benchmarkOf(name: string, network: string): Benchmark {
  return {
    name,
    title: `one TCP flow of ${LASTS_SECONDS} s at 25 Gb/s, cores of server-2020s, ${network}`,
    unit: 'packet-hop',
    peer: null,
    prepare: () => prepare(scenarioWith(network)),
  }
}

function prepare(scenario: Scenario): Trial {
  const { simulator, ledger, workloads, attachFailures } = buildWorld(scenario, builtinSchemes)
  let seconds = 0
  return {
    run: () => {
      const start = performance.now()
      simulator.run(scenario.duration)
      seconds = (performance.now() - start) / 1000
    },
    outcome: (): Outcome => {
      const result = workloads[0]!.result(simulator.now)
      const bytes = result.kind === 'tcp' ? result.bytes : 0
      const delivered = Math.floor(bytes / SEGMENT)
      const imbalance = ledger.imbalance()
      const faults = attachFailures.map(({ container, message }) => `${container}: ${message}`)
      if (imbalance !== 0) faults.push(`the ledger is out of balance by ${imbalance} frames`)
      if (delivered === 0) faults.push('nothing was delivered')
      const value = seconds / LASTS_SECONDS
      const figure = { name: 'wall seconds a simulated second', value, most: WALL_SECONDS_MOST }
      return { hops: ledger.hops, events: simulator.events, delivered, faults, figures: [figure] }
    },
  }
}

function scenarioWith(network: string): Scenario {
  const text = `
fabric: { racks: 1, hostsPerRack: 2, links: 25Gbps, switch: trident3 }
hosts: { cpus: 8, costs: server-2020s }
networks: { app: { ${network} } }
containers: { perHost: 1, networks: app }
workload: [{ kind: tcp, from: c1, to: c2, for: ${LASTS_SECONDS}s, at: 1s }]
`
  const loaded = loadScenario(text, 'tcp25.yaml', builtinSchemes)
  if (loaded.ok) return loaded.scenarios[0]!
  throw new Error(loaded.issues.map((issue) => JSON.stringify(issue)).join('\n'))
}
