import type { Host } from '../../host/host.ts'
import type { Process } from '../../sim/process.ts'
import type { AttachError, ContainerSpec, Daemon, Endpoint, NetworkSpec } from '../contract.ts'
import { type Backend, makeBackend } from './backend.ts'
import { CniPlugins } from './cni.ts'
import { staticLeases } from './lease.ts'
import type { FlannelOptions } from './options.ts'
import { forwardRules, masqueradeRules } from './rules.ts'
import type { SubnetFile } from './subnet-file.ts'

/** flanneld on one host, which was told all leases when it started. */
export class StaticFlanneld implements Daemon {
  readonly log: string[] = []
  private readonly backend: Backend
  private readonly cni: CniPlugins
  private readonly file: SubnetFile

  constructor(host: Host, network: NetworkSpec<FlannelOptions>) {
    const { options } = network
    const leases = staticLeases(network)
    const own = leases.find((lease) => lease.host === host.name)!
    host.commands.sysctl('net.ipv4.ip_forward', 1)
    // flanneld does not start without br_netfilter.
    host.commands.sysctl('net.bridge.bridge-nf-call-iptables', 1)
    this.backend = makeBackend(host, own.vtepMac, options, (line) => this.log.push(line))
    this.backend.configure(own.subnet)
    const { iptables } = host.commands
    const noflush = { noflush: true }
    if (options.ipMasq) iptables.restore(masqueradeRules(options.subnet, own.subnet), noflush)
    iptables.restore(forwardRules(options.subnet), noflush)
    const mtu = options.mtu ?? this.backend.mtu
    this.file = { network: options.subnet, subnet: own.subnet, mtu }
    this.cni = new CniPlugins(host)
    for (const lease of leases) if (lease !== own) this.backend.leaseAdded(lease)
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    return this.cni.add(container, this.file)
  }

  *detach(endpoint: Endpoint): Process<void> {
    this.cni.del(endpoint)
  }

  /** Routes and devices stay: forwarding goes on without the daemon. */
  stop(): void {
    this.backend.stop()
  }

  crash(): void {
    this.backend.stop()
  }

  start(): void {
    this.backend.start()
  }

  /** The others were told of the host once, and keep what they were told. */
  *leave(): Process<void> {
    this.stop()
  }
}
