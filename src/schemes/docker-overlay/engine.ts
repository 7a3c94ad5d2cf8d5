import { KvError, type KvStore } from '../../control/kv/store.ts'
import type { Program } from '../../control/program/program.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { contains, formatIpv4, type Ipv4Address } from '../../wire/ipv4-address.ts'
import { macOfAddress } from '../address-mac.ts'
import { NO_ADDRESS_LEFT } from '../address-pool.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../contract.ts'
import { createNetwork, type NetworkParts } from './create-network.ts'
import { Datastore } from './datastore.ts'
import { Discovery, type DiscoveryListener } from './discovery.ts'
import type { EndpointRecord } from './endpoint-record.ts'
import { EndpointStore } from './endpoint-store.ts'
import type { CommandError, EngineLife } from './engine-daemon.ts'
import { randomHex } from './identifier.ts'
import { Ipam, type Pool } from './ipam.ts'
import type { ContainerIds, MachineState, RunningEndpoint } from './machine-state.ts'
import { NetworkPatience } from './network-patience.ts'
import type { StoredNetwork } from './network-record.ts'
import type { DockerOverlayOptions } from './options.ts'
import { OverlayDriver } from './overlay-driver.ts'
import { removeNetwork } from './remove-network.ts'

/** How often the networks are read in one start, 18 times in all, and before one stop (both counted). */
const LOOKUPS_BEFORE = 8
const LOOKUPS_AFTER = 10
const LOOKUPS_OF_STOP = 7
/** A look-up that fails is tried so many times. */
const LOOKUP_TRIES = 3
/** A store that does not answer is asked again. */
const START_RETRY = 500 * MILLISECOND
/** What else there is to end; gossip goes on meanwhile. */
const SHUTDOWN = SECOND
const ERROR = 'docker: Error response from daemon: '

/** dockerd with libnetwork, from a start to its end. */
export class Engine implements EngineLife<RunningEndpoint>, DiscoveryListener {
  readonly program: Program
  private readonly state: MachineState
  private readonly datastore: Datastore
  private readonly ipam: Ipam
  private readonly endpoints: EndpointStore
  private readonly driver: OverlayDriver
  private readonly discovery: Discovery
  private readonly patience: NetworkPatience

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
    this.patience = new NetworkPatience(program)
    program.ended.wait(program.simulator, () => {
      state.leftOver = [...state.leftOver, ...this.driver.active]
      state.locks.forget()
    })
  }

  *start(): Process {
    while ((yield* this.datastore.list('network')) instanceof KvError) yield* sleep(START_RETRY)
    this.program.spawn(this.discovery.run())
    yield* this.datastore.list('endpoint_count')
    yield* this.cleanUp()
    this.patience.setReady()
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
    state.endLeftOver()
    for (const entry of state.running) {
      const error = yield* this.removeFromStore(entry)
      this.driver.leave(entry.network, entry.endpoint)
      if (error === null) state.remove(entry)
      else this.log(`Failed to delete stale endpoint: ${error.text}`)
    }
  }

  private get parts(): NetworkParts {
    const { datastore, driver, endpoints, ipam, program } = this
    return { datastore, driver, endpoints, ipam, program }
  }

  *createNetwork(name: string, options: DockerOverlayOptions): Process<CommandError | null> {
    return commandError(yield* createNetwork(this.parts, name, options))
  }

  *removeNetwork(name: string): Process<CommandError | null> {
    return commandError(yield* removeNetwork(this.parts, name))
  }

  *run(container: ContainerSpec, options: DockerOverlayOptions): Process<Endpoint | AttachError> {
    yield* this.patience.whenReady()
    yield* this.destroyRetained(container)
    const wanted = this.state.networkOf(container)
    const network = yield* this.patience.find(container.network, () => this.lookUp(wanted))
    if (network === null) return new AttachError(`${ERROR}network ${wanted} not found.`)
    this.patience.saw(container.network)
    for (let i = 1; i < LOOKUPS_BEFORE; i++) yield* this.endpoints.networks()
    const endpoint = yield* this.createEndpoint(network, container)
    if (endpoint instanceof KvError) return new AttachError(ERROR + endpoint.text)
    this.state.keepNetworkId(container, network.id)
    const joined = yield* this.join(network, container, endpoint, options)
    if (joined instanceof AttachError) yield* this.takeBack(network.id, endpoint)
    for (let i = 0; i < LOOKUPS_AFTER; i++) yield* this.endpoints.networks()
    return joined
  }

  /** A store that does not answer has no networks. */
  private *lookUp(nameOrId: string): Process<StoredNetwork | null> {
    for (let i = 0; i < LOOKUP_TRIES; i++) {
      const found = yield* this.endpoints.network(nameOrId)
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
    const place = yield* this.assignAddress(network, container.address)
    if (place instanceof KvError) return place
    const { pool, address } = place
    const endpoint = this.endpointOf(pool, container, address)
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

  /** The first subnet that has room, or the one that the wanted address is in. */
  private *assignAddress(
    { subnets, name, id }: StoredNetwork,
    wanted: Ipv4Address | null,
  ): Process<{ readonly pool: Pool; readonly address: Ipv4Address } | KvError> {
    for (const { pool } of subnets) {
      if (wanted !== null && !contains(pool.subnet, wanted)) continue
      const address = yield* this.ipam.requestAddress(pool, wanted)
      if (!(address instanceof KvError)) return { pool, address }
      if (address.text !== NO_ADDRESS_LEFT) return address
    }
    if (wanted === null) return new KvError('exists', `${NO_ADDRESS_LEFT}: ${name} (${id})`)
    const reason = "It does not belong to any of this network's subnets"
    return new KvError('exists', `Invalid address ${formatIpv4(wanted)}: ${reason}`)
  }

  private endpointOf(pool: Pool, container: ContainerSpec, address: Ipv4Address): EndpointRecord {
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
    const joined = yield* this.driver.join(network, state.withDevice(container), endpoint)
    if (joined instanceof KvError) return new AttachError(ERROR + joined.text)
    if (joined instanceof AttachError) return joined
    const sourceName = `veth${randomHex(this.program.random, 7)}`
    const record = { ...endpoint, sourceName, sandbox: this.idsOf(container).sandbox }
    const { device } = joined
    const { id, isInternal } = network
    const entry = {
      ...{ container, device, isInternal, network: id },
      ...{ endpoint: record, isRetained: false },
    }
    state.add(entry)
    const failure =
      state.gatewayBridge.open(container, isInternal, options.publish) ??
      (yield* this.publishEndpoint(id, record))
    if (failure === null) return joined
    this.leave(entry)
    return failure
  }

  private *publishEndpoint(network: string, endpoint: EndpointRecord): Process<AttachError | null> {
    const updated = yield* this.endpoints.update(network, endpoint)
    if (updated !== null) return new AttachError(ERROR + updated.text)
    // docker_gwbridge is a network too; its directory stays empty.
    yield* this.endpoints.names(this.state.gatewayNetwork)
    return null
  }

  private *takeBack(network: string, endpoint: EndpointRecord): Process<KvError | null> {
    const error =
      (yield* this.endpoints.delete(network, endpoint)) ??
      (yield* this.ipam.releaseAddress(endpoint.pool, endpoint.address)) ??
      (yield* this.endpoints.changeCount(network, -1))
    if (!this.state.running.some((entry) => entry.network === network)) {
      this.endpoints.unfollow(network)
    }
    return error
  }

  /** Without the store the container ends, but its sandbox stays. */
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
    this.state.disconnect(entry)
    this.driver.leave(entry.network, entry.endpoint)
  }

  private *removeFromStore({ network, endpoint }: RunningEndpoint): Process<KvError | null> {
    const left = { ...endpoint, sandbox: '', sourceName: '' }
    const error = yield* this.endpoints.update(network, left)
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

function commandError(error: KvError | null): CommandError | null {
  return error === null ? null : { text: error.text, isPassing: error.kind === 'failed' }
}
