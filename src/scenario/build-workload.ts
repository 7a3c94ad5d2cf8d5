import type { Histogram } from '../measure/histogram.ts'
import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { Macof } from '../workload/macof.ts'
import type { Pair } from '../workload/pairs.ts'
import { Ping } from '../workload/ping.ts'
import { UdpStream } from '../workload/udp.ts'
import { UdpRequestResponse } from '../workload/udp-rr.ts'
import type { Workload, WorkloadResult } from '../workload/workload.ts'
import type { EndpointRef, Flow, MacofModel, WorkloadModel } from './model.ts'
import type { World } from './world.ts'

/** Most that is cut off the beginning of a measuring window, and its share of the whole. */
const WARMUP_MAX = 10e9
const WARMUP_SHARE = 0.1

/** A workload of the scenario, made when it starts: only then its containers have addresses. */
export class ScheduledWorkload {
  private readonly world: World
  private readonly model: WorkloadModel
  private made: Workload | null = null

  constructor(world: World, model: WorkloadModel) {
    this.world = world
    this.model = model
  }

  schedule(): void {
    this.world.simulator.callAt(this.model.at, () => this.workload.start())
  }

  private get workload(): Workload {
    this.made ??= makeWorkload(this.world, this.model)
    return this.made
  }

  get name(): string {
    return this.model.name
  }

  /** Latencies or round-trip times up to now; null where none are taken. */
  get times(): Histogram | null {
    return this.workload.times
  }

  /** What was measured up to `now`, the simulator's clock. */
  result(now: number): WorkloadResult {
    return this.workload.result(now)
  }
}

function makeWorkload(world: World, model: WorkloadModel): Workload {
  const { simulator } = world
  const { name, at } = model
  switch (model.kind) {
    case 'ping': {
      const { count, interval, size, ttl, tos } = model
      return new Ping({
        simulator,
        name,
        at,
        count,
        interval,
        size,
        ttl,
        tos,
        dontFragment: model.dontFragment ? 'do' : 'want',
        timeout: PING_TIMEOUT,
        pairs: pairsOf(world, model.flows),
      })
    }
    case 'udp': {
      const { duration, packetRate, size, parallel, port, ttl, tos } = model
      return new UdpStream({
        simulator,
        name,
        at,
        duration,
        packetRate,
        size,
        parallel,
        port,
        ttl,
        tos,
        dontFragment: model.dontFragment ? 'do' : 'want',
        warmup: warmupOf(duration),
        linger: LINGER,
        pairs: pairsOf(world, model.flows),
      })
    }
    case 'udp-rr': {
      const { duration, size, replySize, outstanding, timeout, port } = model
      return new UdpRequestResponse({
        simulator,
        name,
        at,
        duration,
        size,
        replySize,
        outstanding,
        timeout,
        port,
        warmup: warmupOf(duration),
        pairs: pairsOf(world, model.flows),
      })
    }
    case 'macof':
      return buildMacof(world, model)
  }
}

/** What is left of a run after its last workload: see `DURATION_TAIL` of the loader. */
const PING_TIMEOUT = 1e12
const LINGER = 1e12

/** From the end of the first warm-up to the end of the last stream; without streams, always. */
export function measuringWindow(models: readonly WorkloadModel[]): { start: number; end: number } {
  let start = Infinity
  let end = 0
  for (const model of models) {
    if (model.kind !== 'udp') continue
    start = Math.min(start, model.at + warmupOf(model.duration))
    end = Math.max(end, model.at + model.duration)
  }
  return start === Infinity ? { start: 0, end: Infinity } : { start, end }
}

function warmupOf(duration: number): number {
  return Math.min(WARMUP_MAX, duration * WARMUP_SHARE)
}

function buildMacof(world: World, model: MacofModel): Workload {
  const { name, at, count, packetRate, macs, size } = model
  return new Macof({
    simulator: world.simulator,
    name,
    at,
    count,
    packetRate,
    size,
    macs,
    devices: model.from.map((end) => deviceOf(world, end)),
    destination: model.to === null ? null : deviceOf(world, model.to).mac,
  })
}

function pairsOf(world: World, flows: readonly Flow[]): Pair[] {
  return flows.map(({ from, to }) => ({
    from: senderOf(world, from),
    to: to.kind === 'address' ? ownerOf(world, to.address) : senderOf(world, to),
    destination: addressOf(world, to),
  }))
}

/** The namespace in which an end's sockets are; of a container that failed to attach its own. */
export function senderOf(world: World, end: EndpointRef): NetNamespace {
  if (end.kind === 'host') return world.hosts.get(end.name)!.root
  if (end.kind === 'address') throw new Error('an address does not send')
  const [first] = world.endpoints.get(end.name)!
  if (first) return first.namespace
  for (const host of world.hosts.values()) {
    const own = host.containers.get(end.name)
    if (own) return own
  }
  throw new Error(`no container ${end.name}`)
}

/** 0.0.0.0 stands for a container without an address: what is sent there goes nowhere. */
export function addressOf(world: World, end: EndpointRef): Ipv4Address {
  if (end.kind === 'address') return end.address
  if (end.kind === 'host') return world.hosts.get(end.name)!.address
  return world.endpoints.get(end.name)![0]?.address ?? 0
}

/** The namespace of a host or container with this address; null when it is nobody's. */
export function ownerOf(world: World, address: Ipv4Address): NetNamespace | null {
  for (const host of world.hosts.values()) if (host.address === address) return host.root
  for (const endpoints of world.endpoints.values()) {
    for (const endpoint of endpoints) if (endpoint.address === address) return endpoint.namespace
  }
  return null
}

/** The interface of an end on its first network, or a host's NIC. */
function deviceOf(world: World, end: EndpointRef): NetDevice {
  const namespace = senderOf(world, end)
  const name = end.kind === 'container' ? world.endpoints.get(end.name)![0]?.device : 'eth0'
  return namespace.device(name ?? 'eth0') ?? namespace.loopback
}
