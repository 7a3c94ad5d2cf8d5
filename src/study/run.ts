import { Capture } from '../measure/capture.ts'
import { addTap } from '../measure/tap.ts'
import { buildWorld } from '../scenario/builder.ts'
import type { Scenario } from '../scenario/model.ts'
import type { World } from '../scenario/world.ts'
import type { Schemes } from '../schemes/registry.ts'
import { measureCondition } from './claims.ts'
import { collect } from './collect.ts'
import { judge, type Percentiles, percentilesOf } from './expectations.ts'
import { Instruments } from './instruments.ts'
import { Probes } from './probes.ts'
import type { RunResult } from './result.ts'
import { Sampler, type Samples } from './sampler.ts'

export interface RunOptions {
  /** Whether frames at the scenario's capture points are kept. */
  readonly capture: boolean
  /** Whether values over time are read; default: not. */
  readonly samples?: boolean
}

/** Taken at the end of the run proper: what probes do after it counts for nothing else. */
interface Measured {
  readonly result: RunResult
  readonly percentiles: Percentiles
}

/** One run of one scenario, advanced in slices so that its caller can show progress or stop it. */
export class Run {
  readonly world: World
  /** Frames at the capture points; null without captures. */
  readonly capture: Capture | null
  /** Capture points of which no port has been found yet. */
  private readonly untapped = new Set<string>()
  private readonly scenario: Scenario
  private readonly instruments: Instruments
  private readonly probes: Probes
  private readonly sampler: Sampler | null
  private measured: Measured | null = null
  private hasEnded = false

  constructor(scenario: Scenario, schemes: Schemes, options: RunOptions) {
    this.scenario = scenario
    this.world = buildWorld(scenario, schemes)
    this.instruments = new Instruments(this.world)
    this.probes = new Probes(this.world)
    this.sampler = options.samples ? new Sampler(this.world) : null
    this.capture = options.capture ? attachCapture(this.world, this.untapped) : null
  }

  /** Simulated time, picoseconds. */
  get now(): number {
    return this.world.simulator.now
  }

  get events(): number {
    return this.world.simulator.events
  }

  /** Runs at most `maxEvents` events. @returns whether the run has ended. */
  advance(maxEvents: number): boolean {
    const { simulator } = this.world
    const { duration } = this.scenario
    if (this.measured === null) {
      if (!this.runSampled(duration, maxEvents)) return false
      this.measured = this.measure(false)
      this.probes.start()
    }
    this.hasEnded = simulator.run(duration + this.probes.duration, maxEvents)
    return this.hasEnded
  }

  /** As `simulator.run`, with a pause at each instant that is to be read. */
  private runSampled(until: number, maxEvents: number): boolean {
    const { sampler } = this
    const { simulator } = this.world
    const enough = simulator.events + maxEvents
    while (sampler !== null && sampler.next <= until) {
      if (!simulator.run(sampler.next, enough - simulator.events)) return false
      sampler.read()
    }
    return simulator.run(until, enough - simulator.events)
  }

  /** Values over time up to now; null when they were not asked for. */
  samples(): Samples | null {
    return this.sampler?.samples() ?? null
  }

  private measure(partial: boolean): Measured {
    return {
      result: collect(this.world, this.instruments, partial),
      percentiles: percentilesOf(this.world),
    }
  }

  /** What was measured; `partial` when the run was stopped before its end. */
  result(): RunResult {
    const { result, percentiles } = this.measured ?? this.measure(true)
    const expectations = this.scenario.expectations.map((expectation) =>
      judge(expectation, result, percentiles, this.probes),
    )
    const missing = [...this.untapped].map((point) => `nothing captured at ${point}: no such port`)
    const notes = [...result.notes, ...missing]
    const { claim } = this.scenario
    const measured = { ...result, notes, partial: !this.hasEnded, expectations }
    if (claim === null) return measured
    const parts = claim.conditions.map((condition) =>
      measureCondition(condition, result, percentiles, this.probes),
    )
    return { ...measured, claim: { says: claim.says, runs: claim.runs, parts } }
  }
}

function attachCapture(world: World, untapped: Set<string>): Capture {
  const capture = new Capture()
  for (const { node, port } of world.scenario.captures) {
    const point = `${node}/${port}`
    const tap = capture.interface(point)
    const device = deviceAt(world, node, port)
    if (device) addTap(device, tap)
    else {
      // A container's device comes with its attachment, which may take its time.
      untapped.add(point)
      world.onAttach.push(({ container, device: name, namespace }) => {
        if (container !== node || name !== port) return
        addTap(namespace.device(name)!, tap)
        untapped.delete(point)
      })
    }
  }
  return capture
}

/** A NIC, a device in a host or container, or a port of the fabric. */
function deviceAt(world: World, node: string, port: string) {
  const host = world.hosts.get(node)
  if (host) return host.root.device(port)
  for (const { containers } of world.hosts.values()) {
    const namespace = containers.get(node)
    if (namespace) return namespace.device(port)
  }
  const namespace = world.routers.get(node)?.namespace ?? world.bridges.get(node)
  if (namespace) return namespace.device(port)
  const ports = world.switches.get(node)?.ports ?? world.clouds.get(node)?.ports
  return ports?.find((each) => each.name === port)
}
