import { buildWorld } from '../src/scenario/builder.ts'
import { loadScenario } from '../src/scenario/load.ts'
import type { Scenario } from '../src/scenario/model.ts'
import type { World } from '../src/scenario/world.ts'
import { builtinSchemes } from '../src/schemes/registry.ts'
import { faultsOf } from './accounts.ts'
import type { Benchmark, Figure, Outcome, Trial } from './benchmark.ts'

const HOSTS = 10
const IDLE_PER_HOST = 1000
const PACKETS = 200_000
const KIB_A_CONTAINER_MOST = 4
const SLOWDOWN_MOST = 1.5

let costs: IdleCosts | null = null

/** IDLE: what containers cost that hold an address and send nothing. */
export const idle: Benchmark = {
  name: 'IDLE',
  title: `a UDP stream over 4 switches with ${HOSTS * IDLE_PER_HOST} idle containers on ${HOSTS} hosts`,
  unit: 'packet-hop',
  peer: null,
  prepare: () => {
    costs ??= new IdleCosts()
    return costs.prepare()
  },
}

class IdleCosts {
  private readonly quiet = scenarioWith(0)
  private readonly crowded = scenarioWith(IDLE_PER_HOST)
  private bytesAContainer: number | null = null
  private quietBest = Infinity
  private crowdedBest = Infinity

  prepare(): Trial {
    this.bytesAContainer ??= this.measureMemory()
    const quiet = buildWorld(this.quiet, builtinSchemes)
    this.quietBest = Math.min(this.quietBest, nanosecondsAHop(quiet, this.quiet))
    const world = buildWorld(this.crowded, builtinSchemes)
    let best = Infinity
    return {
      run: () => {
        best = nanosecondsAHop(world, this.crowded)
      },
      outcome: () => {
        this.crowdedBest = Math.min(this.crowdedBest, best)
        return outcomeOf(world, this.figures())
      },
    }
  }

  private figures(): Figure[] {
    const kib = this.bytesAContainer! / 1024
    const ratio = this.crowdedBest / this.quietBest
    return [
      { name: 'KiB of memory an idle container', value: kib, most: KIB_A_CONTAINER_MOST },
      { name: 'times the time a packet-hop without them', value: ratio, most: SLOWDOWN_MOST },
    ]
  }

  /** Bytes of the heap and beside it, after the load, so that what it woke in idle containers counts. */
  private measureMemory(): number {
    // The first run compiles and fills caches, which is no container's memory.
    grown(this.quiet)
    const without = grown(this.quiet)
    return (grown(this.crowded) - without) / (HOSTS * IDLE_PER_HOST)
  }
}

function grown(scenario: Scenario): number {
  const before = used()
  const world = buildWorld(scenario, builtinSchemes)
  world.simulator.run(scenario.duration)
  const after = used()
  // The world must be alive until then.
  return world.simulator.events > 0 ? after - before : 0
}

function used(): number {
  if (globalThis.gc === undefined) throw new Error('IDLE needs node --expose-gc')
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function nanosecondsAHop(world: World, scenario: Scenario): number {
  const start = performance.now()
  world.simulator.run(scenario.duration)
  return ((performance.now() - start) * 1e6) / world.ledger.hops
}

function outcomeOf(world: World, figures: readonly Figure[]): Outcome {
  const { ledger, simulator, workloads } = world
  const result = workloads[0]!.result(simulator.now)
  const { sent } = result
  const delivered = 'delivered' in result ? result.delivered : 0
  const faults = faultsOf(ledger, { sent, toSend: PACKETS, delivered, hops: null })
  const failures = world.attachFailures.map(({ container, message }) => `${container}: ${message}`)
  return {
    hops: ledger.hops,
    events: simulator.events,
    delivered,
    faults: [...faults, ...failures],
    figures,
  }
}

/** Ten hosts on a chain of four switches; the load passes all of them. */
function scenarioWith(idlePerHost: number): Scenario {
  const hosts = Array.from({ length: HOSTS }, (_, i) => `h${i + 1}`)
  const nodes = hosts.map((name) => `{ name: ${name}, kind: host }`)
  for (let i = 1; i <= 4; i++) nodes.push(`{ name: s${i}, kind: switch }`)
  const cables = ['s1, to: s2', 's2, to: s3', 's3, to: s4', 'h1, to: s1', 'h10, to: s4']
  for (let i = 2; i < HOSTS; i++) cables.push(`h${i}, to: s${(i % 4) + 1}`)
  const text = `
fabric:
  mode: l2
  links: { rate: 10Gbps, delay: 1us }
  draw:
    nodes: [${nodes.join(', ')}]
    links: [${cables.map((cable) => `{ from: ${cable} }`).join(', ')}]
networks: { app: { scheme: flannel, backend: host-gw, subnet: 10.240.0.0/12, subnetLen: 22 } }
containers: { perHost: 1, idle: ${idlePerHost}, networks: app }
workload:
  - { kind: udp, from: c1, to: c10, size: 1400, packetRate: 250kpps, for: ${PACKETS / 250}ms }
`
  const loaded = loadScenario(text, 'idle.yaml', builtinSchemes)
  if (loaded.ok) return loaded.scenarios[0]!
  throw new Error(loaded.issues.map((issue) => JSON.stringify(issue)).join('\n'))
}
