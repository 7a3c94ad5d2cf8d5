import { AttachError, type ContainerSpec, type Endpoint } from '../schemes/contract.ts'
import { type Process, Signal, spawn } from '../sim/process.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { DeviceOffloads } from './device-offloads.ts'
import type { ContainerModel } from './model.ts'
import type { World, WorldNetwork } from './world.ts'

/** A container on the host where it is now, or was when it ended. */
interface Place {
  readonly model: ContainerModel
  host: string
  /** Asked for on its first network. */
  address: Ipv4Address | null
  namespace: NetNamespace
  /** Counts its lives: what an earlier one was waiting for does not concern a later one. */
  life: number
  isRunning: boolean
  /** On its first network in its latest life. */
  latest: Ipv4Address | null
  /** Settled when its networks have let go of it; null when none has to. */
  ending: Signal<void> | null
}

const NO_ENDPOINTS: readonly Endpoint[] = []

/** Starts, ends and moves containers, and keeps the world's record of their endpoints. */
export class ContainerLife {
  private readonly world: World
  private readonly offloads: DeviceOffloads
  private readonly places = new Map<string, Place>()

  constructor(world: World, offloads: DeviceOffloads) {
    this.world = world
    this.offloads = offloads
  }

  /** Makes a container of the scenario, and asks its networks for its endpoints. */
  create(model: ContainerModel): void {
    const namespace = this.world.hosts.get(model.host)!.addContainer(model.name)
    const { host, address } = model
    const place = {
      model,
      host,
      address,
      namespace,
      life: 0,
      isRunning: false,
      latest: null,
      ending: null,
    }
    this.places.set(model.name, place)
    this.world.endpoints.set(model.name, NO_ENDPOINTS)
    this.begin(place)
  }

  /** Names of those that are on a host, in the scenario's order. */
  on(host: string): string[] {
    return [...this.places.values()]
      .filter((place) => place.host === host)
      .map(({ model }) => model.name)
  }

  networksOf(name: string): readonly string[] {
    return this.places.get(name)!.model.networks
  }

  /** Starts one that has ended, on the host where it was. */
  start(name: string): void {
    const place = this.places.get(name)!
    // A runtime does not start what it has not ended yet.
    if (place.ending !== null) place.ending.wait(this.world.simulator, () => this.start(name))
    else if (!place.isRunning) this.begin(place)
  }

  private begin(place: Place): void {
    const { model, host, namespace } = place
    place.isRunning = true
    place.life++
    namespace.sockets.revive()
    model.networks.forEach((name, i) => {
      const isFirst = i === 0
      this.attach(place, this.world.networks.get(name)!, {
        name: model.name,
        network: name,
        namespace,
        device: `eth${i}`,
        defaultRoute: isFirst,
        address: isFirst ? place.address : null,
        mac: isFirst ? model.mac : null,
        labels: model.labels,
      })
    })
    this.offloads.apply(host, namespace)
  }

  private attach(place: Place, network: WorldNetwork, spec: ContainerSpec): void {
    const { world } = this
    const { life, host } = place
    const daemon = network.daemons.get(host)!
    const { done } = spawn(world.simulator, daemon.attach(spec))
    done.wait(world.simulator, (result) => {
      if (result instanceof AttachError) {
        const { message } = result
        world.attachFailures.push({ container: spec.name, network: network.model.name, message })
        return
      }
      const endpoint = result as Endpoint
      // It was ended while its daemon was still at work.
      if (place.life !== life) return void spawn(world.simulator, daemon.detach(endpoint))
      this.offloads.apply(host, spec.namespace)
      world.endpoints.set(spec.name, world.endpoints.get(spec.name)!.concat(endpoint))
      network.addresses.add(endpoint.address)
      for (const listener of world.onAttach) listener(endpoint)
    })
  }

  /** Ends a container: its programs are killed, then its networks let go of it. */
  *stop(name: string): Process {
    const place = this.places.get(name)!
    if (place.ending !== null) return void (yield place.ending)
    if (!place.isRunning) return
    const { host, namespace } = place
    const endpoints = this.forget(place)
    const ending = new Signal<void>()
    place.ending = ending
    // Without a namespace of its own its sockets are its host's.
    if (namespace.devices.length > 0) namespace.sockets.abort()
    for (const endpoint of endpoints) {
      yield* this.world.networks.get(endpoint.network)!.daemons.get(host)!.detach(endpoint)
    }
    if (place.ending === ending) place.ending = null
    ending.settle()
  }

  /** Its host has lost its power. */
  lose(name: string): void {
    const place = this.places.get(name)!
    place.ending?.settle()
    place.ending = null
    if (place.isRunning) this.forget(place)
  }

  private forget(place: Place): readonly Endpoint[] {
    const { endpoints } = this.world
    const { name } = place.model
    const had = endpoints.get(name)!
    place.latest = had[0]?.address ?? place.latest
    place.isRunning = false
    place.life++
    endpoints.set(name, NO_ENDPOINTS)
    return had
  }

  /**
   * Ends a container where it is and starts it on another host. @param keepsAddress asks there for the
   * address that it had on its first network.
   */
  *move(name: string, host: string, keepsAddress: boolean): Process {
    const place = this.places.get(name)!
    const [first] = this.world.endpoints.get(name)!
    const had = first?.address ?? place.latest ?? place.address
    yield* this.stop(name)
    this.world.hosts.get(place.host)!.removeContainer(name)
    const old = place.namespace
    place.namespace = this.world.hosts.get(host)!.addContainer(name)
    place.host = host
    place.address = keepsAddress ? had : place.model.address
    for (const listener of this.world.onMove) listener(old, place.namespace)
    this.begin(place)
  }
}
