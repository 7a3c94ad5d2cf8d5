import type { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import { formatPrefix, type Ipv4Address, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import { type Backend, makeBackend } from './backend.ts'
import { randomUnicastMac } from './lease.ts'
import { leaseOf } from './lease-record.ts'
import { LeaseWatcher } from './lease-watcher.ts'
import type { NetworkConfig } from './network-config.ts'
import type { FlannelOptions } from './options.ts'
import type { SubnetFile } from './subnet-file.ts'
import { type LeaseEvent, ManagerError, type SubnetManager } from './subnet-manager.ts'

/** How often it asks again for the network's configuration (main.go). */
const CONFIG_RETRY = SECOND

/** The others' routes would lead to an address that no neighbour has (pkg/backend/hostgw). */
const BEHIND_NAT =
  "your PublicIP differs from interface IP, meaning that probably you're on a NAT, which breaks host-gw backend"

/** What a start of flanneld finds on its host and leaves there. */
export interface HostState {
  readonly host: Host
  /** Restores the rules for a network and the host's subnet of it. */
  setRules(network: Ipv4Prefix, subnet: Ipv4Prefix): void
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
  private backend: Backend | null = null

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
    program.ended.wait(program.simulator, () => this.backend?.stop())
  }

  /** Runs until the lease is lost or a step fails; then the program exits. */
  *run(): Process {
    const config = yield* this.awaitConfig()
    const { host } = this.state
    if (this.options.backend === 'host-gw' && this.publicIp !== host.address) {
      return this.exit(`Error registering network: ${BEHIND_NAT}`)
    }
    const mac = randomUnicastMac(this.program.random)
    const backend = makeBackend(host, mac, this.options, (line) => this.log(line))
    this.backend = backend
    const subnet = yield* this.manager.acquireLease({
      publicIp: this.publicIp,
      backendType: this.options.backend,
      vtepMac: backend.vtepMac,
    })
    if (subnet instanceof ManagerError) {
      return this.exit(`Error registering network: failed to acquire lease: ${subnet.text}`)
    }
    backend.configure(subnet)
    this.state.setRules(config.network, subnet)
    const mtu = this.options.mtu ?? backend.mtu
    this.state.writeSubnetFile({ network: config.network, subnet, mtu })
    this.log('Wrote subnet file to /run/flannel/subnet.env')
    this.program.spawn(this.watch(subnet, backend))
    yield* this.manager.completeLease()
    this.log('Lease has been revoked. Shutting down daemon.')
    this.exit('Exiting cleanly...')
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
    if (attributes === null || backendType !== this.options.backend) {
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
