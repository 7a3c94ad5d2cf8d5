import { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import type { Process } from '../../sim/process.ts'
import type { NetworkSpec } from '../contract.ts'
import { AttachError, type ContainerSpec, type Daemon, type Endpoint } from '../contract.ts'
import { makeBackend } from './backend/make.ts'
import { CniPlugins } from './cni.ts'
import { startFault } from './flanneld.ts'
import { staticLeases } from './lease.ts'
import type { FlannelOptions } from './options.ts'
import { RuleKeeper } from './rule-keeper.ts'
import { NO_SUBNET_FILE, type SubnetFile } from './subnet-file.ts'

/** flanneld on one host, which was told all leases when it started. */
export class StaticFlanneld implements Daemon {
  private readonly host: Host
  private readonly network: NetworkSpec<FlannelOptions>
  private readonly cni: CniPlugins
  /** Of the programs that have ended. */
  private readonly past: string[] = []
  private program: Program | null = null
  private file: SubnetFile | null = null
  private boots: number

  constructor(host: Host, network: NetworkSpec<FlannelOptions>) {
    this.host = host
    this.network = network
    this.cni = new CniPlugins(host, network.options.bridge)
    this.boots = host.boots
    this.launch()
  }

  get log(): readonly string[] {
    return this.program === null ? this.past : [...this.past, ...this.program.log]
  }

  /** In the order of main.go. */
  private launch(): void {
    const { host, network, file: previous } = this
    const { options } = network
    const leases = staticLeases(network)
    const own = leases.find((lease) => lease.host === host.name)!
    host.commands.sysctl('net.ipv4.ip_forward', 1)
    // flanneld does not start without br_netfilter.
    host.commands.sysctl('net.bridge.bridge-nf-call-iptables', 1)
    const program = this.makeProgram()
    const fault = startFault(host, options, own.publicIp)
    if (fault !== null) return this.exit(program, fault)
    const backend = makeBackend({ host, program, options }, own.vtepMac)
    const refusal = backend.configure(own.subnet)
    if (refusal !== null) return this.exit(program, refusal)
    const subnets = { network: options.subnet, subnet: own.subnet }
    program.spawn(new RuleKeeper(host, options, subnets, previous).resync())
    this.file = { ...subnets, mtu: options.mtu ?? backend.mtu }
    for (const lease of leases) if (lease !== own) backend.leaseAdded(lease)
  }

  private makeProgram(): Program {
    const program = new Program(this.host.root, `flanneld-${this.network.name}`)
    this.program = program
    program.ended.wait(program.simulator, () => {
      this.past.push(...program.log)
      this.program = null
    })
    return program
  }

  private exit(program: Program, reason: string): void {
    program.log.push(`Error registering network: ${reason}`)
    program.kill()
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    return this.file === null ? new AttachError(NO_SUBNET_FILE) : this.cni.add(container, this.file)
  }

  *detach(endpoint: Endpoint): Process<void> {
    this.cni.del(endpoint)
  }

  /** Routes and devices stay: but for the udp backend, forwarding goes on without the daemon. */
  stop(): void {
    this.crash()
  }

  crash(): void {
    this.program?.kill()
  }

  start(): void {
    if (this.program !== null) return
    if (this.boots !== this.host.boots) {
      this.boots = this.host.boots
      this.file = null
      this.cni.rebooted()
    }
    this.launch()
  }

  /** The others were told of the host once, and keep what they were told. */
  *leave(): Process<void> {
    this.stop()
  }
}
