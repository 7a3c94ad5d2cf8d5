import { addressOf, senderOf } from '../scenario/build-workload.ts'
import type { EndpointRef } from '../scenario/model.ts'
import type { World } from '../scenario/world.ts'
import { SECOND } from '../sim/units.ts'
import { Ping } from '../workload/ping.ts'
import { measuredOf } from './measured-of.ts'

/** An echo request, and then long enough for ARP to give up. */
const PROBE_TIME = 4 * SECOND

/**
 * Echo requests after the end of the run, for expectations and claims that ask whether one end
 * reaches another: after it, so that they disturb nothing that was measured.
 */
export class Probes {
  readonly duration: number
  private readonly world: World
  private readonly pings = new Map<string, Ping>()

  constructor(world: World) {
    this.world = world
    const isAsked = measuredOf(world.scenario).some(({ metric }) => metric.kind === 'reachable')
    this.duration = isAsked ? PROBE_TIME : 0
  }

  private probe(key: string, from: EndpointRef, to: EndpointRef): Ping {
    const { world } = this
    return new Ping({
      simulator: world.simulator,
      name: `probe ${key}`,
      at: world.scenario.duration,
      count: 1,
      interval: SECOND,
      size: 56,
      timeout: PROBE_TIME,
      pairs: [{ from: senderOf(world, from), destination: addressOf(world, to) }],
    })
  }

  /** To be called when the run has ended: by then its containers have their addresses. */
  start(): void {
    for (const { metric } of measuredOf(this.world.scenario)) {
      if (metric.kind !== 'reachable') continue
      const key = keyOf(metric.from, metric.to)
      if (this.pings.has(key)) continue
      const ping = this.probe(key, metric.from, metric.to)
      this.pings.set(key, ping)
      ping.start()
    }
  }

  /** Whether the reply came. */
  reached(from: EndpointRef, to: EndpointRef): boolean {
    const ping = this.pings.get(keyOf(from, to))
    return ping !== undefined && ping.result(this.world.simulator.now).delivered > 0
  }
}

function keyOf(from: EndpointRef, to: EndpointRef): string {
  const text = (end: EndpointRef) => (end.kind === 'address' ? String(end.address) : end.name)
  return `${text(from)} ${text(to)}`
}
