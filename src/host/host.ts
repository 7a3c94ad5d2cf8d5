import type { Port } from '../link/port.ts'
import type { Ledger } from '../measure/ledger.ts'
import type { Simulator } from '../sim/simulator.ts'
import { Kernel } from '../stack/kernel.ts'
import type { KernelProfile } from '../stack/kernel-profile.ts'
import { NetNamespace } from '../stack/namespace.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { Commands } from './commands.ts'
import { Nic } from './nic.ts'

export interface HostOptions {
  readonly kernel: KernelProfile
  readonly mtu: number
  /** Unicast addresses that the NIC's filter holds. */
  readonly filterEntries: number
  /** txqueuelen, frames. */
  readonly txQueue: number
  readonly mac: MacAddress
  readonly address: Ipv4Address
  readonly prefixLength: number
  readonly gateway: Ipv4Address | null
}

/** A Linux host: one kernel, its root namespace with `eth0`, and a namespace for each container. */
export class Host {
  readonly name: string
  readonly kernel: Kernel
  readonly root: NetNamespace
  readonly nic: Nic
  /** The end of the cable at this host. */
  readonly port: Port
  readonly address: Ipv4Address
  /** What an administrator types in the root namespace. */
  readonly commands: Commands
  readonly containers = new Map<string, NetNamespace>()

  constructor(simulator: Simulator, ledger: Ledger, name: string, options: HostOptions) {
    this.name = name
    this.kernel = new Kernel(simulator, ledger, name, options.kernel)
    this.root = new NetNamespace(this.kernel, name)
    this.commands = new Commands(this.root)
    this.nic = new Nic(this.root, 'eth0', options.mtu, options.mac, {
      filterEntries: options.filterEntries,
    })
    this.port = this.nic.port
    this.port.limitQueue(undefined, options.txQueue)
    this.root.addDevice(this.nic)
    this.nic.up = true
    this.address = options.address
    this.root.addAddress(this.nic, { address: options.address, length: options.prefixLength })
    if (options.gateway !== null) {
      this.commands.route.replace({
        dst: { base: 0, length: 0 },
        via: options.gateway,
        dev: 'eth0',
      })
    }
  }

  /** `ip netns add`: the namespace of a container. */
  addContainer(name: string): NetNamespace {
    const namespace = new NetNamespace(this.kernel, name)
    this.containers.set(name, namespace)
    return namespace
  }
}
