import { LinkError } from '../host/link-error.ts'
import { type Process, spawn } from '../sim/process.ts'
import type { NetDevice } from '../stack/device.ts'
import { formatIpv4, type Ipv4Address } from '../wire/ipv4-address.ts'
import { NO_ADDRESS_LEFT } from './address-pool.ts'
import { announceAddress } from './announce-address.ts'
import type { ChildDriver } from './child-driver.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
} from './contract.ts'
import type { LocalEngine } from './local-engine.ts'
import type { AddressPlan } from './parent-address-plan.ts'
import { makeDummyParent, makeVlanParent } from './parent-link.ts'
import type { ParentNetworkOptions } from './parent-network-options.ts'

const NOT_RUNNING = new AttachError(
  'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
)
const DUMMY_PREFIX = 'dm-'
const IFNAME_LENGTH = 15

interface RunningContainer {
  readonly container: ContainerSpec
  readonly endpoint: Endpoint
}

/** One network of one engine, as its local database and the kernel of the host have it. */
export class ParentNetwork implements Daemon {
  readonly log: string[] = []
  readonly parent: string
  /** Whether an engine made the parent, so that the last network on it takes it away. */
  isParentOurs = false
  /** Whether `docker network create` went well and nobody has removed the network since. */
  exists = false
  private readonly engine: LocalEngine
  private readonly spec: NetworkSpec<ParentNetworkOptions>
  private readonly driver: ChildDriver
  private readonly plan: AddressPlan
  private running: readonly RunningContainer[] = []
  /** What ran when the daemon was stopped in order. */
  private interrupted: readonly ContainerSpec[] = []
  private hasLeft = false

  constructor(
    engine: LocalEngine,
    spec: NetworkSpec<ParentNetworkOptions>,
    driver: ChildDriver,
    plan: AddressPlan,
  ) {
    this.engine = engine
    this.spec = spec
    this.driver = driver
    this.plan = plan
    const { parent, internal, version } = spec.options
    const isParentless = parent === null || (internal && version === '20.10')
    this.parent = isParentless ? dummyName(spec.name) : parent
  }

  /** `docker network create`; what it printed when it failed is in the log. */
  create(): void {
    const error = this.checkParent() ?? this.makeParent()
    this.exists = error === null
    if (error === null) this.driver.parentMade?.(this.parentDevice!)
    else this.log.push(`network create ${this.spec.name}: ${error}`)
  }

  private get parentDevice(): NetDevice | undefined {
    return this.engine.host.root.device(this.parent)
  }

  /** Networks of the same driver on the same parent. */
  private siblings(): readonly ParentNetwork[] {
    return this.engine.networks.filter(
      (other) =>
        other !== this &&
        other.exists &&
        other.driver.type === this.driver.type &&
        other.parent === this.parent,
    )
  }

  private checkParent(): string | null {
    const [other] = this.siblings()
    if (other === undefined) return null
    const { version } = this.spec.options
    const isShared = version === '27.1' || version === '28.0'
    if (isShared && !this.driver.isExclusive && !other.driver.isExclusive) return null
    return `network ${dummyName(other.spec.name)} is already using parent interface ${this.parent}`
  }

  private makeParent(): string | null {
    const { host } = this.engine
    const [other] = this.siblings()
    this.isParentOurs = other?.isParentOurs ?? this.isParentOurs
    if (this.parentDevice !== undefined) return null
    this.isParentOurs = true
    return this.parent === dummyName(this.spec.name)
      ? makeDummyParent(host, this.parent)
      : makeVlanParent(host, this.parent)
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    if (!this.engine.isRunning) return NOT_RUNNING
    return this.run(container)
  }

  private run(container: ContainerSpec): Endpoint | AttachError {
    const { name } = this.spec
    if (!this.exists) return new AttachError(this.log.at(-1) ?? `network ${name} not found`)
    const address = this.takeAddress(container.address)
    if (address instanceof AttachError) return address
    const endpoint = this.join(container, address)
    if (endpoint instanceof AttachError) this.plan.pool.release(address)
    else this.running = [...this.running, { container, endpoint }]
    return endpoint
  }

  /** An address that the user asks for is taken as it is: nobody checks the other hosts. */
  private takeAddress(wanted: Ipv4Address | null): Ipv4Address | AttachError {
    if (wanted !== null) {
      if (this.plan.pool.reserve(wanted)) return wanted
      return new AttachError(`Address already in use: ${formatIpv4(wanted)}`)
    }
    return this.plan.pool.allocate() ?? new AttachError(NO_ADDRESS_LEFT)
  }

  private join(container: ContainerSpec, address: Ipv4Address): Endpoint | AttachError {
    const { parent, driver, parentDevice } = this
    const { type } = driver
    if (parentDevice === undefined) {
      const message = `the requested parent interface ${parent} was not found on the Docker host`
      return new AttachError(message)
    }
    const device = driver.makeChild(container, parentDevice, address)
    if (device instanceof AttachError) return device
    if (device instanceof LinkError) {
      return new AttachError(`failed to create the ${type} port: ${device.message}`)
    }
    const { namespace } = container
    const { subnet, internal, version } = this.spec.options
    namespace.addAddress(device, { address, length: subnet.length })
    device.setUp(true)
    if (container.defaultRoute && !internal) {
      driver.setDefaultRoute(container, device, this.plan.gateway)
    }
    if (version === '28.0') spawn(namespace.kernel.simulator, announceAddress(device, address))
    const { name, network } = container
    return {
      container: name,
      network,
      device: container.device,
      namespace,
      address,
      length: subnet.length,
      mac: device.mac,
    }
  }

  /** With the daemon down a container may end, but its address is not given back. */
  *detach({ namespace }: Endpoint): Process<void> {
    const entry = this.running.find(({ endpoint }) => endpoint.namespace === namespace)
    if (entry === undefined) return
    removeInterface(entry.endpoint)
    if (this.engine.isRunning) this.forget(entry)
  }

  private forget(entry: RunningContainer): void {
    this.running = this.running.filter((other) => other !== entry)
    this.plan.pool.release(entry.endpoint.address)
  }

  private end(entry: RunningContainer): void {
    removeInterface(entry.endpoint)
    this.forget(entry)
  }

  /** The daemon's orderly end ends its containers, unless it was told to let them live. */
  shutDown(): void {
    if (this.spec.options.liveRestore) return
    this.interrupted = this.running.map(({ container }) => container)
    for (const entry of this.running) this.end(entry)
  }

  /** What a daemon that starts makes of what it finds. */
  restore(isBooted: boolean): void {
    const { liveRestore, restart } = this.spec.options
    const found = this.running.filter(({ endpoint }) => isThere(endpoint))
    for (const entry of this.running) if (!found.includes(entry)) this.forget(entry)
    if (this.exists || this.hasLeft) this.create()
    this.hasLeft = false
    if (isBooted) {
      for (const entry of this.running) this.end(entry)
      this.interrupted = []
    } else if (!liveRestore) {
      const ended = [...this.interrupted, ...this.running.map(({ container }) => container)]
      for (const entry of this.running) this.end(entry)
      this.interrupted = []
      if (restart === 'always') for (const container of ended) this.restartContainer(container)
    }
  }

  private restartContainer(container: ContainerSpec): void {
    const result = this.run(container)
    if (!(result instanceof AttachError)) return
    this.log.push(`Failed to start container ${container.name}: ${result.message}`)
  }

  stop(): void {
    this.engine.stop()
  }

  crash(): void {
    this.engine.crash()
  }

  start(): void {
    if (this.hasLeft && this.engine.isRunning) this.restore(false)
    else this.engine.start()
  }

  /** `docker network rm`; other hosts have networks of their own. */
  *removeNetwork(network: string): Process<string | null> {
    const refusal = this.refusalOfRemoval(network)
    if (refusal === null) yield* this.leave()
    else this.log.push(`network rm ${network}: ${refusal}`)
    // What its user has removed no start of the daemon brings back.
    this.hasLeft &&= refusal !== null
    return refusal
  }

  private refusalOfRemoval(network: string): string | null {
    if (!this.engine.isRunning) return NOT_RUNNING.message
    if (!this.exists) return `No such network: ${network}`
    if (this.running.length === 0) return null
    return `error while removing network: network ${network} has active endpoints`
  }

  *createNetwork(network: string): Process<string | null> {
    if (!this.engine.isRunning) return NOT_RUNNING.message
    if (this.exists) return `network with name ${network} already exists`
    this.create()
    return this.exists ? null : this.log.at(-1)!
  }

  /** `docker network rm`: nobody else knew of the host. */
  *leave(): Process<void> {
    for (const entry of this.running) this.end(entry)
    if (this.exists) {
      this.driver.parentGoes?.()
      if (this.isParentOurs && this.siblings().length === 0) {
        this.engine.host.commands.link.delete(this.parent)
        this.isParentOurs = false
      }
    }
    this.exists = false
    this.hasLeft = true
  }
}

function isThere({ namespace, device }: Endpoint): boolean {
  return namespace.device(device) !== undefined
}

function removeInterface({ namespace, device }: Endpoint): void {
  const inside = namespace.device(device)
  if (inside === undefined) return
  inside.destroy()
  namespace.removeDevice(inside)
}

/** The engine names it after the network's id; a scenario's networks have names that are short. */
function dummyName(network: string): string {
  return `${DUMMY_PREFIX}${network}`.slice(0, IFNAME_LENGTH)
}
