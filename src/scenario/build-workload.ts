import type { Host } from '../host/host.ts'
import type { Histogram } from '../measure/histogram.ts'
import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { Macof } from '../workload/macof.ts'
import type { Pair } from '../workload/pairs.ts'
import { Ping } from '../workload/ping.ts'
import { StoreLoad } from '../workload/store-load.ts'
import { TcpBulk } from '../workload/tcp.ts'
import { TcpConnectRequestResponse } from '../workload/tcp-crr.ts'
import { TcpRequestResponse } from '../workload/tcp-rr.ts'
import { UdpStream } from '../workload/udp.ts'
import { UdpRequestResponse } from '../workload/udp-rr.ts'
import type { Window } from '../workload/window.ts'
import type { Workload, WorkloadResult } from '../workload/workload.ts'
import { connectStore } from './connect-store.ts'
import type { EndpointRef, Flow, MacofModel, StoreLoadModel, WorkloadModel } from './model.ts'
import type { World } from './world.ts'

/** A workload of the scenario, made when it starts: only then its containers have addresses. */
export class ScheduledWorkload {
  private readonly world: World
  readonly model: WorkloadModel
  private made: Workload | null = null

  constructor(world: World, model: WorkloadModel) {
    this.world = world
    this.model = model
    world.onMove.push((from, to) => this.made?.relocate?.(from, to))
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

  /** Over which rates are taken; known once it has begun. */
  get window(): Window {
    return this.workload.window
  }

  /** Has it told when it is through before the end of its window. */
  whenComplete(listener: () => void): void {
    this.workload.onComplete = listener
  }

  /** Latencies or round-trip times up to now; null where none are taken. */
  get times(): Histogram | null {
    return this.workload.times
  }

  /** From a change to its event at watchers, up to now; null where nobody watches. */
  get watchTimes(): Histogram | null {
    return this.workload.watchTimes ?? null
  }

  /** What was measured up to `now`, the simulator's clock. */
  result(now: number): WorkloadResult {
    return this.workload.result(now)
  }
}

function makeWorkload(world: World, model: WorkloadModel): Workload {
  if (model.kind === 'macof') return buildMacof(world, model)
  if (model.kind === 'kv') return buildStoreLoad(world, model)
  const { simulator } = world
  const { flows, ...chosen } = model
  const shared = { simulator, pairs: pairsOf(world, flows) }
  switch (chosen.kind) {
    case 'ping':
      return new Ping({
        ...shared,
        ...given(chosen),
        dontFragment: chosen.dontFragment ? 'do' : 'want',
        timeout: PING_TIMEOUT,
      })
    case 'udp':
      return new UdpStream({
        ...shared,
        ...given(chosen),
        dontFragment: chosen.dontFragment ? 'do' : 'want',
        linger: LINGER,
      })
    case 'udp-rr':
      return new UdpRequestResponse({ ...shared, ...given(chosen) })
    case 'tcp':
      return new TcpBulk({ ...shared, ...given(chosen), linger: LINGER })
    case 'tcp-rr':
      return new TcpRequestResponse({ ...shared, ...given(chosen), linger: LINGER })
    case 'tcp-crr':
      return new TcpConnectRequestResponse({ ...shared, ...given(chosen), linger: LINGER })
  }
}

type Given<T> = {
  [K in keyof T as null extends T[K] ? never : K]: T[K]
} & { [K in keyof T as null extends T[K] ? K : never]?: NonNullable<T[K]> }

/** Options without those that the file leaves to the workload. */
function given<T extends object>(options: T): Given<T> {
  const entries = Object.entries(options).filter(([, value]) => value !== null)
  return Object.fromEntries(entries) as Given<T>
}

/** What is left of a run after its last workload: see `DURATION_TAIL` of the loader. */
const PING_TIMEOUT = 1e12
const LINGER = 1e12

/** From the end of the first warm-up to the end of the last stream; without streams, always. */
export function measuringWindow(models: readonly WorkloadModel[]): { start: number; end: number } {
  let start = Infinity
  let end = 0
  for (const model of models) {
    if (model.kind !== 'udp' && model.kind !== 'tcp') continue
    start = Math.min(start, model.at + model.warmup)
    end = Math.max(end, model.at + model.duration)
  }
  return start === Infinity ? { start: 0, end: Infinity } : { start, end }
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

function buildStoreLoad(world: World, model: StoreLoadModel): Workload {
  const { clients, api, ...options } = model
  const { simulator, store } = world
  return new StoreLoad({
    ...options,
    simulator,
    clients: clients.map((end) => ({
      namespace: senderOf(world, end),
      connect: (program) => connectStore(store!, api, program, hostOf(world, end)),
    })),
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

/** The host of an end, or on which it is. */
function hostOf(world: World, end: EndpointRef): Host {
  const { kernel } = senderOf(world, end)
  return [...world.hosts.values()].find((host) => host.kernel === kernel)!
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
