import { LayerCounter } from '../measure/layers.ts'
import { addTap } from '../measure/tap.ts'
import { measuringWindow } from '../scenario/build-workload.ts'
import type { World } from '../scenario/world.ts'

/** TTL with which hosts and containers send. */
const SENDER_TTL = 64

/** Byte counters at the cables of the hosts. */
export interface HostCounters {
  readonly sent: ReadonlyMap<string, LayerCounter>
  readonly received: ReadonlyMap<string, LayerCounter>
}

/**
 * Counts at each host's cable, within the measuring window of the streams; without a stream, over the
 * whole run.
 */
export function attachCounters(world: World): HostCounters {
  const { start, end } = measuringWindow(world.scenario.workloads)
  const sent = new Map<string, LayerCounter>()
  const received = new Map<string, LayerCounter>()
  for (const [name, { port }] of world.hosts) {
    const out = new LayerCounter('out', start, end, SENDER_TTL)
    const into = new LayerCounter('in', start, end, SENDER_TTL)
    addTap(port, out)
    addTap(port, into)
    sent.set(name, out)
    received.set(name, into)
  }
  return { sent, received }
}
