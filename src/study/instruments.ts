import { EgressCounter, LayerCounter } from '../measure/layers.ts'
import { addTap } from '../measure/tap.ts'
import { measuringWindow } from '../scenario/build-workload.ts'
import type { World } from '../scenario/world.ts'

/** TTL with which hosts and containers send. */
const SENDER_TTL = 64

/** Counters at the cables of the hosts. */
export interface HostCounters {
  /** By host: bytes by layer that it received. */
  readonly received: readonly LayerCounter[]
  /** By network: what its packets looked like when they left a host. */
  readonly egress: ReadonlyMap<string, EgressCounter>
}

/**
 * Counts bytes at each host's cable, within the measuring window of the streams; without a stream,
 * over the whole run.
 */
export function attachCounters(world: World): HostCounters {
  const { start, end } = measuringWindow(world.scenario.workloads)
  const received: LayerCounter[] = []
  for (const { port } of world.hosts.values()) {
    const counter = new LayerCounter('in', start, end)
    addTap(port, counter)
    received.push(counter)
  }
  return { received, egress: attachEgress(world) }
}

function attachEgress(world: World): Map<string, EgressCounter> {
  const egress = new Map<string, EgressCounter>()
  for (const [name, { daemons, addresses }] of world.networks) {
    const counter = new EgressCounter(addresses, SENDER_TTL)
    for (const host of daemons.keys()) addTap(world.hosts.get(host)!.port, counter)
    egress.set(name, counter)
  }
  return egress
}
