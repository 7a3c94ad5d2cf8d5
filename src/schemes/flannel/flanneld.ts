import type { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import { formatPrefix, type Ipv4Address, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { Backend } from './backend/backend.ts'
import { makeBackend } from './backend/make.ts'
import { randomUnicastMac } from './lease.ts'
import { leaseOf } from './lease-record.ts'
import { LeaseWatcher } from './lease-watcher.ts'
import type { NetworkConfig } from './network-config.ts'
import type { FlannelOptions } from './options.ts'
import { RuleKeeper, type Subnets } from './rule-keeper.ts'
import type { SubnetFile } from './subnet-file.ts'
import { type LeaseEvent, ManagerError, type SubnetManager } from './subnet-manager.ts'

/** How often it asks again for the network's configuration (main.go). */
const CONFIG_RETRY = SECOND

/** The others' routes would lead to an address that no neighbour has (pkg/backend/hostgw). */
const BEHIND_NAT =
  "your PublicIP differs from interface IP, meaning that probably you're on a NAT, which breaks host-gw backend"

/** @returns why flanneld does not start, or null. */
export function startFault(
  host: Host,
  { backend }: FlannelOptions,
  publicIp: Ipv4Address,
): string | null {
  return backend === 'host-gw' && publicIp !== host.address ? BEHIND_NAT : null
}

/** What a start of flanneld finds on its host and leaves there. */
export interface HostState {
  readonly host: Host
  /** What an earlier start has written. */
  readonly file: SubnetFile | null
  writeSubnetFile(file: SubnetFile): void
}

export interface FlanneldOptions {
  readonly options: FlannelOptions
  readonly publicIp: Ipv4Address
}

/** The program: from its start to its exit, in the order of main.go. */
export class Flanneld {
  private readonly program: Program
  private readonly state: HostState
  private readonly manager: SubnetManager
  private readonly options: FlannelOptions
  private readonly publicIp: Ipv4Address

  constructor(
    program: Program,
    state: HostState,
    manager: SubnetManager,
    { options, publicIp }: FlanneldOptions,
  ) {
    this.program = program
    this.state = state
    this.manager = manager
    this.options = options
    this.publicIp = publicIp
  }

  /** Runs until the lease is lost or a step fails; then the program exits. */
  *run(): Process {
    const config = yield* this.awaitConfig()
    const fault = startFault(this.state.host, this.options, this.publicIp)
    if (fault !== null) return this.exit(`Error registering network: ${fault}`)
    const { program, options } = this
    const mac = this.manager.storedMac() ?? randomUnicastMac(program.random)
    const backend = makeBackend({ host: this.state.host, program, options }, mac)
    const subnet = yield* this.manager.acquireLease({
      publicIp: this.publicIp,
      backendType: backend.type,
      vtepMac: backend.vtepMac,
    })
    if (subnet instanceof ManagerError) {
      return this.exit(`Error registering network: failed to acquire lease: ${subnet.text}`)
    }
    const refusal = backend.configure(subnet)
    if (refusal !== null) return this.exit(`Error registering network: ${refusal}`)
    this.settle({ network: config.network, subnet }, backend)
    program.spawn(this.watch(subnet, backend))
    yield* this.manager.completeLease()
    this.log('Lease has been revoked. Shutting down daemon.')
    this.exit('Exiting cleanly...')
  }

  /** Rules, and the file with which the network is there for containers. */
  private settle(subnets: Subnets, backend: Backend): void {
    const { state, options } = this
    const rules = new RuleKeeper(state.host, options, subnets, state.file)
    this.program.spawn(rules.resync())
    state.writeSubnetFile({ ...subnets, mtu: options.mtu ?? backend.mtu })
    this.log('Wrote subnet file to /run/flannel/subnet.env')
  }

  private *awaitConfig(): Process<NetworkConfig> {
    for (;;) {
      const config = yield* this.manager.getNetworkConfig()
      if (!(config instanceof ManagerError)) {
        this.log(`Found network config - Backend type: ${this.options.backend}`)
        return config
      }
      this.log(`Couldn't fetch network config: ${config.text}`)
      yield* sleep(CONFIG_RETRY)
    }
  }

  private *watch(own: Ipv4Prefix, backend: Backend): Process {
    const watcher = new LeaseWatcher(own, (line) => this.log(line))
    yield* this.manager.watchLeases((result) => {
      for (const event of watcher.take(result)) this.apply(event, backend)
    })
  }

  private apply({ type, lease: { subnet, attributes } }: LeaseEvent, backend: Backend): void {
    const backendType = attributes?.backendType ?? ''
    const isOurs = backend.type === '' || backendType === backend.type
    if (attributes === null || !isOurs) {
      const { backend: own } = this.options
      this.log(`ignoring non-${own} subnet (${formatPrefix(subnet)}): type=${backendType}`)
      return
    }
    this.log(`Subnet ${type}: ${formatPrefix(subnet)}`)
    const lease = leaseOf(subnet, attributes)
    if (type === 'added') backend.leaseAdded(lease)
    else backend.leaseRemoved(lease)
  }

  private exit(reason: string): void {
    this.log(reason)
    this.program.kill()
  }

  private log(line: string): void {
    this.program.log.push(line)
  }
}
