import type { Host } from '../host/host.ts'
import { EgressCounter, type LayerBytes, LayerCounter } from '../measure/layers.ts'
import { addTap } from '../measure/tap.ts'
import { measuringWindow } from '../scenario/build-workload.ts'
import type { World } from '../scenario/world.ts'
import { type SetUp, setUpOf } from './machines.ts'
import { layersBetween, sumLayers } from './snapshot.ts'
import { WindowMeter } from './window-meter.ts'

/** TTL with which hosts and containers send. */
const SENDER_TTL = 64

/** Counters at the cables of the hosts, and meters of what happens in the windows of workloads. */
export class Instruments {
  /** By network: what its packets looked like when they left a host. */
  readonly egress: ReadonlyMap<string, EgressCounter>
  /** In the order of the workloads. */
  readonly meters: readonly WindowMeter[]
  readonly setUp: SetUp
  /** Bytes by layer that each host's cable has brought since the start. */
  private readonly received = new Map<Host, LayerCounter>()
  private begin: LayerBytes | null = null
  private end: LayerBytes | null = null

  /** To be made when the world has been built and nothing has been sent. */
  constructor(world: World) {
    for (const host of world.hosts.values()) this.received.set(host, attachLayers(host))
    this.egress = attachEgress(world)
    this.meters = world.workloads.map((each) => new WindowMeter(world, each, this.received))
    for (const meter of this.meters) meter.schedule()
    this.setUp = setUpOf(world)
    this.scheduleWindow(world)
  }

  /** The measuring window of all streams; without a stream, the whole run. */
  private scheduleWindow({ scenario, simulator }: World): void {
    const { start, end } = measuringWindow(scenario.workloads)
    if (start === 0) this.begin = this.read()
    else simulator.callAt(start, () => (this.begin = this.read()))
    if (end <= scenario.duration) simulator.callAt(end, () => (this.end = this.read()))
  }

  private read(): LayerBytes {
    return sumLayers([...this.received.values()])
  }

  /** Bytes by layer that the hosts' cables have brought in the measuring window, up to now. */
  layersInWindow(): LayerBytes {
    const now = this.end ?? this.read()
    return layersBetween(this.begin ?? now, now)
  }
}

function attachLayers(host: Host): LayerCounter {
  const counter = new LayerCounter('in', 0, Infinity)
  addTap(cableOf(host), counter)
  return counter
}

/** Where a host is connected: its port, or its device where that has no cable. */
function cableOf({ port, root }: Host) {
  return port ?? root.device('eth0') ?? root.loopback
}

function attachEgress(world: World): Map<string, EgressCounter> {
  const egress = new Map<string, EgressCounter>()
  for (const [name, { daemons, addresses }] of world.networks) {
    const counter = new EgressCounter(addresses, SENDER_TTL)
    for (const host of daemons.keys()) addTap(cableOf(world.hosts.get(host)!), counter)
    egress.set(name, counter)
  }
  return egress
}
