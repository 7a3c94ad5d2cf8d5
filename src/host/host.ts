import type { Machine } from '../cpu/machine.ts'
import type { Port } from '../link/port.ts'
import type { Ledger } from '../measure/ledger.ts'
import type { Simulator } from '../sim/simulator.ts'
import { Kernel } from '../stack/kernel.ts'
import type { KernelProfile } from '../stack/kernel-profile.ts'
import { NetNamespace } from '../stack/namespace.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { Commands } from './commands.ts'
import type { HostDevice } from './host-device.ts'
import { Nic } from './nic.ts'
import type { NicOptions } from './nic-options.ts'

export interface HostAddressing {
  readonly address: Ipv4Address
  readonly prefixLength: number
  readonly gateway: Ipv4Address | null
}

/** A host of its own with a NIC; the NIC's options stand beside the host's. */
export interface HostOptions extends HostAddressing, NicOptions {
  readonly kernel: KernelProfile
  /** Its cores; without it work takes no time. */
  readonly machine?: Machine | null
  readonly mtu: number
  readonly mac: MacAddress
}

/** A Linux host: its root namespace with `eth0`, and a namespace for each container. */
export class Host {
  readonly name: string
  /** Hosts of a bench share one. */
  readonly kernel: Kernel
  readonly root: NetNamespace
  /** `eth0`. */
  readonly nic: HostDevice
  /** The end of the cable at this host; null when `eth0` is no NIC. */
  readonly port: Port | null
  readonly address: Ipv4Address
  /** What an administrator types in the root namespace. */
  readonly commands: Commands
  private readonly addressing: HostAddressing
  readonly containers = new Map<string, NetNamespace>()
  /** How often it has come up again after it went down: 0 in its first life. */
  boots = 0

  /** @param makeNic makes `eth0` in the root namespace, where it is added if that is left to do. */
  constructor(
    kernel: Kernel,
    name: string,
    addressing: HostAddressing,
    makeNic: (root: NetNamespace) => HostDevice,
  ) {
    this.name = name
    this.kernel = kernel
    this.addressing = addressing
    this.root = new NetNamespace(kernel, name)
    this.commands = new Commands(this.root)
    this.nic = makeNic(this.root)
    this.port = this.nic instanceof Nic ? this.nic.port : null
    if (!this.root.devices.includes(this.nic)) this.root.addDevice(this.nic)
    this.address = addressing.address
    this.configure()
  }

  /** What the host's own configuration files make of its card. */
  private configure(): void {
    const { address, prefixLength, gateway } = this.addressing
    this.nic.up = true
    this.root.addAddress(this.nic, { address, length: prefixLength })
    if (gateway !== null) {
      this.commands.route.replace({
        dst: { base: 0, length: 0 },
        via: gateway,
        dev: this.nic.name,
      })
    }
  }

  /** A machine with a kernel and a NIC of its own, for a cable. */
  static cabled(simulator: Simulator, ledger: Ledger, name: string, options: HostOptions): Host {
    const kernel = new Kernel(simulator, ledger, name, options.kernel, options.machine ?? null)
    const { mtu, mac } = options
    return new Host(kernel, name, options, (root) => new Nic(root, 'eth0', mtu, mac, options))
  }

  /**
   * The power goes: the kernel's state is lost, and with it every container. Namespaces stay as objects,
   * emptied. The cable is the caller's affair. Not for hosts that share a kernel.
   */
  powerOff(): void {
    for (const namespace of [...this.kernel.namespaces]) namespace.powerOff()
  }

  /** Boots: the card has its address and route as at first. */
  powerOn(): void {
    this.boots++
    this.configure()
  }

  /** `ip netns del` of a container, whose devices have gone. */
  removeContainer(name: string): void {
    this.containers.get(name)?.remove()
    this.containers.delete(name)
  }

  /** `ip netns add`: the namespace of a container. */
  addContainer(name: string): NetNamespace {
    const namespace = new NetNamespace(this.kernel, name)
    this.containers.set(name, namespace)
    return namespace
  }
}
