import type { Core } from '../cpu/core.ts'
import type { Machine } from '../cpu/machine.ts'
import { type CpuStage, STAGES } from '../cpu/stage.ts'
import type { Port } from '../link/port.ts'
import { dropReasonInfo } from '../measure/drop-reason.ts'
import type { LayerBytes, LayerCounter } from '../measure/layers.ts'
import type { DropCount, Ledger } from '../measure/ledger.ts'

/** What a core had done by some instant: works that had ended. Picoseconds. */
export interface CoreReading {
  /** By stage number. */
  readonly account: Float64Array
  readonly busy: number
  /** Of `busy`, in softirq. */
  readonly softirq: number
}

/** What is read at the ends of a window. */
export interface Gauges {
  readonly ledger: Ledger
  readonly machines: readonly Machine[]
  readonly ports: readonly Port[]
  /** Of the cables at which payload arrives. */
  readonly layers: readonly LayerCounter[]
}

/** Counters as they stood at one instant. Taking it changes nothing; two of them tell what happened between. */
export interface Snapshot {
  /** Picoseconds. */
  readonly time: number
  readonly cores: ReadonlyMap<Core, CoreReading>
  /** Bytes sent with framing. */
  readonly wireBytes: ReadonlyMap<Port, number>
  /** Frames lost, by the ledger's own row. */
  readonly losses: ReadonlyMap<DropCount, number>
  readonly layers: LayerBytes
}

export function takeSnapshot(time: number, gauges: Gauges): Snapshot {
  const cores = new Map<Core, CoreReading>()
  for (const machine of gauges.machines) {
    for (const core of machine.cores) {
      const { account, busy, softirq } = core
      cores.set(core, { account: account.slice(), busy, softirq })
    }
  }
  const losses = new Map<DropCount, number>()
  for (const drop of gauges.ledger.dropCounts()) {
    if (dropReasonInfo(drop.reason).kind === 'loss') losses.set(drop, drop.count)
  }
  return {
    time,
    cores,
    wireBytes: new Map(gauges.ports.map((port) => [port, port.txWireBytes])),
    losses,
    layers: sumLayers(gauges.layers),
  }
}

export function sumLayers(counters: readonly LayerCounter[]): LayerBytes {
  const sum: LayerBytes = {
    payload: 0,
    headers: 0,
    encapsulation: 0,
    ethernet: 0,
    framing: 0,
    other: 0,
  }
  for (const { bytes } of counters) for (const key of LAYERS) sum[key] += bytes[key]
  return sum
}

/** What was counted between two readings. */
export function layersBetween(begin: LayerBytes, end: LayerBytes): LayerBytes {
  const difference = { ...end }
  for (const key of LAYERS) difference[key] -= begin[key]
  return difference
}

/** Picoseconds that works took which ended between two readings, by stage. */
export function stagesBetween(
  begin: Snapshot,
  end: Snapshot,
  machines: readonly Machine[],
): ReadonlyMap<CpuStage, number> {
  const stages = new Map<CpuStage, number>()
  for (const [number, stage] of STAGES.entries()) {
    let spent = 0
    for (const core of machines.flatMap(({ cores }) => cores)) {
      spent += end.cores.get(core)!.account[number]! - begin.cores.get(core)!.account[number]!
    }
    if (spent > 0) stages.set(stage, spent)
  }
  return stages
}

/** Payload by all bytes; null when there were none. */
export function efficiencyOf(layers: LayerBytes): number | null {
  const total = LAYERS.reduce((sum, key) => sum + layers[key], 0)
  return total === 0 ? null : layers.payload / total
}

const LAYERS = [
  'payload',
  'headers',
  'encapsulation',
  'ethernet',
  'framing',
  'other',
] as const satisfies readonly (keyof LayerBytes)[]
