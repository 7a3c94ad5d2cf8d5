import type { Host } from '../host/host.ts'
import { EgressCounter, type LayerBytes, LayerCounter } from '../measure/layers.ts'
import { addTap } from '../measure/tap.ts'
import { measuringWindow } from '../scenario/build-workload.ts'
import type { World } from '../scenario/world.ts'
import { cableOf } from './cables.ts'
import { type FloodReading, readFloods } from './floods.ts'
import { type SetUp, setUpOf } from './machines.ts'
import { layersBetween, sumLayers } from './snapshot.ts'
import { StoreTraffic } from './store-traffic.ts'
import { WindowMeter } from './window-meter.ts'

/** TTL with which hosts and containers send. */
const SENDER_TTL = 64

/** What is read at both ends of the measuring window. */
interface Reading {
  readonly layers: LayerBytes
  readonly floods: FloodReading
}

/** Counters at the cables of the hosts, and meters of what happens in the windows of workloads. */
export class Instruments {
  /** By network: what its packets looked like when they left a host. */
  readonly egress: ReadonlyMap<string, EgressCounter>
  /** In the order of the workloads. */
  readonly meters: readonly WindowMeter[]
  readonly setUp: SetUp
  /** Null without a store. */
  readonly storeTraffic: StoreTraffic | null
  /** Bytes by layer that each host's cable has brought since the start. */
  private readonly received = new Map<Host, LayerCounter>()
  private readonly world: World
  private begin: Reading | null = null
  private end: Reading | null = null

  /** To be made when the world has been built and nothing has been sent. */
  constructor(world: World) {
    this.world = world
    for (const host of world.hosts.values()) this.received.set(host, attachLayers(host))
    this.egress = attachEgress(world)
    this.storeTraffic = world.store === null ? null : new StoreTraffic(world.store)
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

  private read(): Reading {
    const layers = sumLayers([...this.received.values()])
    return { layers, floods: readFloods(this.world) }
  }

  private inWindow(): { begin: Reading; end: Reading } {
    const end = this.end ?? this.read()
    return { begin: this.begin ?? end, end }
  }

  /** Bytes by layer that the hosts' cables have brought in the measuring window, up to now. */
  layersInWindow(): LayerBytes {
    const { begin, end } = this.inWindow()
    return layersBetween(begin.layers, end.layers)
  }

  /** What switches had flooded at both ends of the measuring window, or by now. */
  floodsInWindow(): { begin: FloodReading; end: FloodReading } {
    const { begin, end } = this.inWindow()
    return { begin: begin.floods, end: end.floods }
  }
}

function attachLayers(host: Host): LayerCounter {
  const counter = new LayerCounter('in', 0, Infinity)
  addTap(cableOf(host), counter)
  return counter
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
