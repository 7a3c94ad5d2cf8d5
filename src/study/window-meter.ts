import type { Machine } from '../cpu/machine.ts'
import type { CpuStage } from '../cpu/stage.ts'
import type { Host } from '../host/host.ts'
import type { DropReason } from '../measure/drop-reason.ts'
import type { LayerCounter } from '../measure/layers.ts'
import type { ScheduledWorkload } from '../scenario/build-workload.ts'
import type { World } from '../scenario/world.ts'
import { type Lane, lanesOf, machinesOf, type Sides, sidesOf } from './sides.ts'
import {
  efficiencyOf,
  type Gauges,
  layersBetween,
  type Snapshot,
  stagesBetween,
  takeSnapshot,
} from './snapshot.ts'

/** One core in a window; shares of the window. */
export interface CoreUsage {
  readonly machine: Machine
  readonly core: number
  readonly busy: number
  /** Of the window, in softirq. */
  readonly softirq: number
}

export interface LaneUsage {
  readonly lane: Lane
  /** Share of the window in which it sent. */
  readonly utilisation: number
}

export interface LossCount {
  readonly reason: DropReason
  readonly place: string
  readonly count: number
}

/** What cores, cables and queues did in the window of one workload. */
export interface WindowUsage {
  readonly sides: Sides
  /** Length of the window as far as it has passed, picoseconds. */
  readonly elapsed: number
  /** Of the machines of both sides, each core once; empty where work takes no time. */
  readonly cores: readonly CoreUsage[]
  /** Busy cores by stage, on average, of one side's machines. */
  stages(hosts: Iterable<Host>): ReadonlyMap<CpuStage, number>
  /** The busiest first. */
  readonly lanes: readonly LaneUsage[]
  /** Anywhere; the most frequent first. */
  readonly losses: readonly LossCount[]
  /** Payload by all bytes that the receivers' cables brought; null when they brought nothing. */
  readonly wireEfficiency: number | null
}

/** Reads the counters at both ends of a workload's measuring window, and changes nothing. */
export class WindowMeter {
  readonly workload: ScheduledWorkload
  private readonly world: World
  private readonly layers: ReadonlyMap<Host, LayerCounter>
  private sides: Sides = { senders: new Set(), receivers: new Set() }
  private lanes: readonly Lane[] = []
  private gauges: Gauges | null = null
  private begin: Snapshot | null = null
  private end: Snapshot | null = null

  /** @param layers counters at the hosts' cables, which count from the start of the run. */
  constructor(world: World, workload: ScheduledWorkload, layers: ReadonlyMap<Host, LayerCounter>) {
    this.world = world
    this.workload = workload
    this.layers = layers
  }

  /** To be called after the workload itself has been scheduled: its window is known once it has begun. */
  schedule(): void {
    const { simulator } = this.world
    simulator.callAt(this.workload.model.at, () => {
      const { start, end } = this.workload.window
      this.open()
      if (start <= simulator.now) this.begin = this.read()
      else simulator.callAt(start, () => (this.begin = this.read()))
      if (Number.isFinite(end)) simulator.callAt(end, () => this.close())
      this.workload.whenComplete(() => this.close())
    })
  }

  private close(): void {
    this.end ??= this.read()
  }

  /** Only now have the containers their addresses. */
  private open(): void {
    const { world } = this
    this.sides = sidesOf(world, this.workload.model)
    const { senders, receivers } = this.sides
    this.lanes = lanesOf(world, this.sides)
    this.gauges = {
      ledger: world.ledger,
      machines: machinesOf([...senders, ...receivers]),
      ports: this.lanes.map(({ port }) => port),
      layers: [...receivers].flatMap((host) => this.layers.get(host) ?? []),
    }
  }

  private read(): Snapshot {
    return takeSnapshot(this.world.simulator.now, this.gauges!)
  }

  /** Up to now where the window has not ended; null where it has not begun, or has no length yet. */
  usage(): WindowUsage | null {
    const { begin, sides, lanes } = this
    if (begin === null) return null
    const end = this.end ?? this.read()
    const elapsed = end.time - begin.time
    if (elapsed <= 0) return null
    return {
      sides,
      elapsed,
      cores: coresBetween(begin, end),
      stages: (hosts) => {
        const spent = stagesBetween(begin, end, machinesOf(hosts))
        return new Map([...spent].map(([stage, time]) => [stage, time / elapsed]))
      },
      lanes: lanesBetween(begin, end, lanes),
      losses: lossesBetween(begin, end),
      wireEfficiency: efficiencyOf(layersBetween(begin.layers, end.layers)),
    }
  }
}

function coresBetween(begin: Snapshot, end: Snapshot): CoreUsage[] {
  const elapsed = end.time - begin.time
  return [...end.cores].map(([core, reading]) => {
    const before = begin.cores.get(core)!
    return {
      machine: core.machine,
      core: core.index,
      busy: shareOf(reading.busy - before.busy, elapsed),
      softirq: shareOf(reading.softirq - before.softirq, elapsed),
    }
  })
}

/** What began before the window and ended in it counts as a whole: hence more than all of it. */
function shareOf(part: number, whole: number): number {
  return Math.min(1, part / whole)
}

function lanesBetween(begin: Snapshot, end: Snapshot, lanes: readonly Lane[]): LaneUsage[] {
  const elapsed = end.time - begin.time
  return lanes
    .map((lane) => {
      const { port } = lane
      const bytes = end.wireBytes.get(port)! - begin.wireBytes.get(port)!
      return { lane, utilisation: shareOf(bytes * 8e12, port.rate * elapsed) }
    })
    .sort((a, b) => b.utilisation - a.utilisation)
}

function lossesBetween(begin: Snapshot, end: Snapshot): LossCount[] {
  return [...end.losses]
    .map(([drop, count]) => ({
      reason: drop.reason,
      place: drop.place,
      count: count - (begin.losses.get(drop) ?? 0),
    }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
}
