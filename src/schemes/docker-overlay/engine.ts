import { KvError, type KvStore } from '../../control/kv/store.ts'
import { Condition } from '../../control/program/condition.ts'
import type { Program } from '../../control/program/program.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { macOfAddress } from '../address-mac.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../contract.ts'
import { createNetwork } from './create-network.ts'
import { Datastore } from './datastore.ts'
import { Discovery, type DiscoveryListener } from './discovery.ts'
import type { EndpointRecord } from './endpoint-record.ts'
import { EndpointStore } from './endpoint-store.ts'
import { freeDevice, removeDevice } from './gateway-bridge.ts'
import { randomHex } from './identifier.ts'
import { Ipam } from './ipam.ts'
import type { ContainerIds, MachineState, RunningEndpoint } from './machine-state.ts'
import type { StoredNetwork } from './network-record.ts'
import type { DockerOverlayOptions } from './options.ts'
import { OverlayDriver } from './overlay-driver.ts'

/** How often the networks are read in one start, 18 times in all, and before one stop (both counted). */
const LOOKUPS_BEFORE = 8
const LOOKUPS_AFTER = 10
const LOOKUPS_OF_STOP = 7
/** A look-up that fails is tried so many times. */
const LOOKUP_TRIES = 3
/** Until the network has been made, its first containers are started again and again. */
const START_RETRY = 500 * MILLISECOND
const START_PATIENCE = 60 * SECOND
/** What else there is to end; gossip goes on meanwhile. */
const SHUTDOWN = SECOND
const ERROR = 'docker: Error response from daemon: '

/** dockerd with libnetwork, from a start to its end. */
export class Engine implements DiscoveryListener {
  readonly program: Program
  private readonly state: MachineState
  private readonly datastore: Datastore
  private readonly ipam: Ipam
  private readonly endpoints: EndpointStore
  private readonly driver: OverlayDriver
  private readonly discovery: Discovery
  /** Networks that it has seen: of these it is sure when they are missing. */
  private readonly seen = new Set<string>()
  private readonly patience: number
  /** What an earlier life has left is cleared away: containers can be started. */
  private readonly ready: Condition
  private isReady = false

  constructor(
    program: Program,
    state: MachineState,
    kv: KvStore,
    version: DockerOverlayOptions['version'],
  ) {
    this.program = program
    this.state = state
    this.datastore = new Datastore(kv)
    this.ipam = new Ipam(this.datastore)
    this.endpoints = new EndpointStore(program, this.datastore)
    this.driver = new OverlayDriver(program, state.host, this.datastore, version)
    this.discovery = new Discovery(program, kv, state.host.address, this)
    this.patience = program.now + START_PATIENCE
    this.ready = new Condition(program)
    program.ended.wait(program.simulator, () => {
      state.leftOver = [...state.leftOver, ...this.driver.active]
      state.locks.forget()
    })
  }

  /** Starts; what an earlier life has left is cleared away first. */
  *start(): Process {
    while ((yield* this.datastore.list('network')) instanceof KvError) yield* sleep(START_RETRY)
    this.program.spawn(this.discovery.run())
    yield* this.datastore.list('endpoint_count')
    yield* this.cleanUp()
    this.isReady = true
    this.ready.notify()
  }

  *nodes(addresses: readonly Ipv4Address[]): Process {
    yield* this.driver.discovered(addresses)
  }

  active(): void {
    this.endpoints.restartWatches()
  }

  /** Containers whose daemon was killed are killed now, and their endpoints removed from the store. */
  private *cleanUp(): Process {
    const { state } = this
    for (const entry of state.running) {
      removeDevice(entry.container.namespace, entry.device)
      state.gatewayBridge.detach(entry.container)
    }
    for (const sandbox of state.leftOver) sandbox.destroy()
    state.leftOver = []
    for (const entry of state.running) {
      const error = yield* this.removeFromStore(entry)
      this.driver.leave(entry.network.id, entry.endpoint)
      if (error === null) state.remove(entry)
      else this.log(`Failed to delete stale endpoint: ${error.text}`)
    }
  }

  /** `docker network create -d overlay`. */
  *createNetwork(name: string, options: DockerOverlayOptions): Process<KvError | null> {
    const { datastore, driver, endpoints, ipam, program } = this
    return yield* createNetwork({ datastore, driver, endpoints, ipam, program }, name, options)
  }

  /** `docker run --network`. */
  *run(container: ContainerSpec, options: DockerOverlayOptions): Process<Endpoint | AttachError> {
    return yield* this.state.locks.alone(container, this.runAlone(container, options))
  }

  private *runAlone(
    container: ContainerSpec,
    options: DockerOverlayOptions,
  ): Process<Endpoint | AttachError> {
    while (!this.isReady) yield* this.ready.wait()
    yield* this.destroyRetained(container)
    const network = yield* this.awaitNetwork(container.network)
    if (network === null) {
      return new AttachError(`${ERROR}network ${container.network} not found.`)
    }
    for (let i = 1; i < LOOKUPS_BEFORE; i++) yield* this.endpoints.networks()
    const endpoint = yield* this.createEndpoint(network, container)
    if (endpoint instanceof KvError) return new AttachError(ERROR + endpoint.text)
    const joined = yield* this.join(network, container, endpoint, options)
    if (joined instanceof AttachError) yield* this.takeBack(network, endpoint)
    for (let i = 0; i < LOOKUPS_AFTER; i++) yield* this.endpoints.networks()
    return joined
  }

  /** A network that it has never seen may still have to be made. */
  private *awaitNetwork(name: string): Process<StoredNetwork | null> {
    for (;;) {
      const network = yield* this.lookUp(name)
      if (network !== null) {
        this.seen.add(name)
        return network
      }
      if (this.seen.has(name) || this.program.now > this.patience) return null
      yield* sleep(START_RETRY)
    }
  }

  /** A store that does not answer has no networks. */
  private *lookUp(name: string): Process<StoredNetwork | null> {
    for (let i = 0; i < LOOKUP_TRIES; i++) {
      const found = yield* this.endpoints.network(name)
      if (!(found instanceof KvError)) return found
    }
    return null
  }

  private *createEndpoint(
    network: StoredNetwork,
    container: ContainerSpec,
  ): Process<EndpointRecord | KvError> {
    const { name } = container
    const names = yield* this.endpoints.names(network.id)
    if (names instanceof KvError) return names
    if (names.includes(name)) {
      const text = `endpoint with name ${name} already exists in network ${network.name}.`
      return new KvError('exists', text)
    }
    const { pool } = network
    const address = yield* this.ipam.requestAddress(pool, container.address)
    if (address instanceof KvError) return address
    const endpoint = this.endpointOf(network, container, address)
    const created = yield* this.endpoints.create(network.id, endpoint)
    if (created !== null) {
      yield* this.ipam.releaseAddress(pool, address)
      return created
    }
    this.endpoints.follow(network.id)
    const counted = yield* this.endpoints.changeCount(network.id, 1)
    if (counted === null) return endpoint
    yield* this.endpoints.delete(network.id, endpoint)
    yield* this.ipam.releaseAddress(pool, address)
    return counted
  }

  private endpointOf(
    { pool }: StoredNetwork,
    container: ContainerSpec,
    address: Ipv4Address,
  ): EndpointRecord {
    return {
      id: randomHex(this.program.random),
      name: container.name,
      containerId: this.idsOf(container).container,
      address,
      mac: container.mac ?? macOfAddress(address),
      pool,
      locator: this.state.host.address,
      sourceName: '',
      sandbox: '',
    }
  }

  private idsOf(container: ContainerSpec): ContainerIds {
    const { random } = this.program
    const make = () => ({ container: randomHex(random), sandbox: randomHex(random) })
    return this.state.idsOf(container, make)
  }

  private *join(
    network: StoredNetwork,
    container: ContainerSpec,
    endpoint: EndpointRecord,
    options: DockerOverlayOptions,
  ): Process<Endpoint | AttachError> {
    const { state } = this
    const { namespace } = container
    const isTaken = namespace.device(container.device) !== undefined
    const device = isTaken ? freeDevice(container, 0) : container.device
    const joined = yield* this.driver.join(network, { ...container, device }, endpoint)
    if (joined instanceof KvError) return new AttachError(ERROR + joined.text)
    if (joined instanceof AttachError) return joined
    const sourceName = `veth${randomHex(this.program.random, 7)}`
    const record = { ...endpoint, sourceName, sandbox: this.idsOf(container).sandbox }
    const entry = { container, network, endpoint: record, device, isRetained: false }
    state.add(entry)
    const failure =
      state.gatewayBridge.open(container, network.isInternal, options.publish) ??
      (yield* this.publishEndpoint(network, record))
    if (failure === null) return joined
    this.leave(entry)
    return failure
  }

  private *publishEndpoint(
    network: StoredNetwork,
    endpoint: EndpointRecord,
  ): Process<AttachError | null> {
    const updated = yield* this.endpoints.update(network.id, endpoint)
    if (updated !== null) return new AttachError(ERROR + updated.text)
    // docker_gwbridge is a network too; its directory stays empty.
    yield* this.endpoints.names(this.state.gatewayNetwork)
    return null
  }

  private *takeBack(network: StoredNetwork, endpoint: EndpointRecord): Process<KvError | null> {
    const { id, pool } = network
    const error =
      (yield* this.endpoints.delete(id, endpoint)) ??
      (yield* this.ipam.releaseAddress(pool, endpoint.address)) ??
      (yield* this.endpoints.changeCount(id, -1))
    if (!this.state.running.some((entry) => entry.network.id === id)) this.endpoints.unfollow(id)
    return error
  }

  /** `docker stop`. Without the store the container ends, but its sandbox stays. */
  *remove(entry: RunningEndpoint): Process {
    yield* this.state.locks.alone(entry.container, this.removeAlone(entry))
  }

  private *removeAlone(entry: RunningEndpoint): Process {
    // One endpoint that cannot be deleted keeps the whole sandbox.
    if (!this.state.running.includes(entry)) return
    for (let i = 0; i < LOOKUPS_OF_STOP; i++) {
      const networks = yield* this.endpoints.networks()
      if (!(networks instanceof KvError)) continue
      this.state.retain(entry.container)
      this.log(
        `${entry.container.name}: failed to delete container from sandbox: ` +
          `could not cleanup all the endpoints in container: ${networks.text}`,
      )
      return
    }
    yield* this.delete(entry)
  }

  /** SandboxDestroy: what an earlier life of the container has left goes before it starts, if it can. */
  private *destroyRetained({ name }: ContainerSpec): Process {
    for (const entry of this.state.retained(name)) {
      const networks = yield* this.endpoints.networks()
      if (networks instanceof KvError) {
        this.log(`failed to cleanup up stale network sandbox for container ${name}`)
        return
      }
      yield* this.delete(entry)
    }
  }

  private *delete(entry: RunningEndpoint): Process {
    this.leave(entry)
    const error = yield* this.removeFromStore(entry)
    if (error !== null) this.log(`Failed to delete endpoint state: ${error.text}`)
  }

  /** The host's part. */
  private leave(entry: RunningEndpoint): void {
    const { container, device, network, endpoint } = entry
    const { state } = this
    removeDevice(container.namespace, device)
    this.driver.leave(network.id, endpoint)
    state.remove(entry)
    const needsGateway = state.running.some(
      (other) => other.container.namespace === container.namespace && !other.network.isInternal,
    )
    if (!needsGateway) state.gatewayBridge.detach(container)
  }

  private *removeFromStore({ network, endpoint }: RunningEndpoint): Process<KvError | null> {
    const left = { ...endpoint, sandbox: '', sourceName: '' }
    const error = yield* this.endpoints.update(network.id, left)
    return error ?? (yield* this.takeBack(network, endpoint))
  }

  /** SIGTERM: containers end, and what they had is given back; the node's key is left to its TTL. */
  *shutDown(): Process {
    const { state } = this
    state.interrupted = state.running
    for (const entry of state.running) yield* this.remove(entry)
    yield* sleep(SHUTDOWN)
    this.program.kill()
  }

  private log(line: string): void {
    this.program.log.push(line)
  }
}
