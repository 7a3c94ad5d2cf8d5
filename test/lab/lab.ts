import type { CostProfile } from '../../src/cpu/cost-profile.ts'
import { Machine } from '../../src/cpu/machine.ts'
import { Bridge } from '../../src/host/bridge.ts'
import { Commands } from '../../src/host/commands.ts'
import { Host } from '../../src/host/host.ts'
import { HostDevice } from '../../src/host/host-device.ts'
import { Ledger } from '../../src/measure/ledger.ts'
import { addTap, type Tap } from '../../src/measure/tap.ts'
import { Simulator } from '../../src/sim/simulator.ts'
import type { DeviceFeatures } from '../../src/stack/device-features.ts'
import { Kernel } from '../../src/stack/kernel.ts'
import { KERNEL_PROFILES, type KernelProfile } from '../../src/stack/kernel-profile.ts'
import { NetNamespace } from '../../src/stack/namespace.ts'
import { ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { formatMac, type MacAddress, mac } from '../../src/wire/mac-address.ts'

const NO_OFFLOADS: Partial<DeviceFeatures> = {
  tso: false,
  gro: false,
  txChecksum: false,
  rxChecksum: false,
  tunnelTso: false,
  tunnelGro: false,
}
const SINGLE_SEGMENTS: Partial<DeviceFeatures> = { gro: false, gsoMaxSegments: 1 }

export interface LabOptions {
  readonly seed?: string
  readonly kernel?: KernelProfile
  /** The two cores of the lab's machine; without it work takes no time. */
  readonly costs?: CostProfile
  /** When the hosts are built, picoseconds; the kernel has been up since 0. */
  readonly at?: number
}

/**
 * The kernel lab in the simulator: hosts, containers and the underlay's switch are namespaces of ONE
 * kernel, joined by veth, so that they share jiffies and the secret of the flow hash as in the lab.
 */
export class Lab {
  readonly simulator: Simulator
  readonly ledger = new Ledger()
  readonly kernel: Kernel
  /** MACs that somebody chose; all others are drawn by the kernel. */
  readonly configuredMacs: string[] = []
  private readonly nodes = new Map<string, Commands>()

  constructor(options: LabOptions = {}) {
    const { seed = 'lab', kernel = KERNEL_PROFILES['6.18']!, at = 0, costs } = options
    this.simulator = new Simulator(seed)
    const machine =
      costs === undefined ? null : new Machine(this.simulator, this.ledger, 'lab', 2, costs)
    this.kernel = new Kernel(this.simulator, this.ledger, 'lab', kernel, machine)
    this.simulator.run(at)
  }

  /** `ip netns add`. The kernel has br_netfilter, which starts switched on in each namespace. */
  addNode(name: string): Commands {
    this.adopt(new NetNamespace(this.kernel, name))
    return this.on(name)
  }

  /** What an administrator types in a node. */
  on(node: string): Commands {
    const commands = this.nodes.get(node)
    if (commands === undefined) throw new Error(`the lab has no node ${node}`)
    return commands
  }

  namespace(node: string): NetNamespace {
    return this.on(node).namespace
  }

  nodeNames(): string[] {
    return [...this.nodes.keys()]
  }

  device(node: string, name: string): HostDevice {
    const device = this.namespace(node).device(name)
    if (device instanceof HostDevice) return device
    throw new Error(`${node} has no device ${name}`)
  }

  /** A MAC of somebody's choice. */
  mac(text: string): MacAddress {
    const address = mac(text)
    this.configuredMacs.push(formatMac(address))
    return address
  }

  /** A pair of devices in two nodes, both up. */
  veth(
    [node, name]: readonly [string, string],
    [peerNode, peerName]: readonly [string, string],
    mtu: number,
    macs: { readonly mac?: string; readonly peerMac?: string } = {},
  ): void {
    const namespace = this.namespace(peerNode)
    this.on(node).link.add({
      name,
      type: 'veth',
      mtu,
      ...(macs.mac === undefined ? {} : { mac: this.mac(macs.mac) }),
      peer: {
        name: peerName,
        namespace,
        ...(macs.peerMac === undefined ? {} : { mac: this.mac(macs.peerMac) }),
      },
    })
    this.on(node).link.up(name)
    this.on(peerNode).link.up(peerName)
  }

  bridge(node: string, name: string, mtu: number, address?: string): void {
    const commands = this.on(node)
    commands.link.add({ name, type: 'bridge', mtu })
    commands.link.up(name)
    if (address !== undefined) commands.addr.add(address, name)
  }

  /** `ip route add`; `via` and `dev` as ip(8) has them. */
  route(
    node: string,
    destination: string,
    way: { readonly via?: string; readonly dev?: string; readonly onlink?: boolean },
  ): void {
    const { via, dev, onlink } = way
    const refusal = this.on(node).route.replace({
      dst: prefix(destination === 'default' ? '0.0.0.0/0' : destination),
      ...(via === undefined ? {} : { via: ipv4(via) }),
      ...(dev === undefined ? {} : { dev }),
      ...(onlink === true ? { flags: ['onlink'] as const } : {}),
    })
    if (refusal !== null)
      throw new Error(`${node}: ip route add ${destination}: ${refusal.message}`)
  }

  /** A switch with a port p1, p2 ... for each host: bridge sw0, which meets no rules. */
  underlay(hosts: number): void {
    const sw = this.addNode('sw')
    this.bridge('sw', 'sw0', 1500)
    sw.sysctl('net.bridge.bridge-nf-call-iptables', 0)
    for (let h = 1; h <= hosts; h++) {
      const host = this.addNode(`h${h}`)
      const macs = { mac: `52:54:00:00:01:0${h}`, peerMac: `52:54:00:00:00:0${h}` }
      this.veth(['sw', `p${h}`], [`h${h}`, 'eth0'], 1500, macs)
      sw.link.master(`p${h}`, 'sw0')
      host.addr.add(`${hostAddress(h)}/24`, 'eth0')
      this.route(`h${h}`, 'default', { via: '192.168.50.254' })
      host.sysctl('net.ipv4.ip_forward', 1)
    }
  }

  /** As `underlay`, with hosts on which a daemon of ours can be started. */
  underlayOfHosts(count: number): Host[] {
    const sw = this.addNode('sw')
    this.bridge('sw', 'sw0', 1500)
    sw.sysctl('net.bridge.bridge-nf-call-iptables', 0)
    return Array.from({ length: count }, (_, i) => {
      const h = i + 1
      const addressing = {
        address: ipv4(hostAddress(h)),
        prefixLength: 24,
        gateway: ipv4('192.168.50.254'),
      }
      const host = new Host(this.kernel, `h${h}`, addressing, (root) => {
        this.adopt(root)
        const macs = { mac: `52:54:00:00:01:0${h}`, peerMac: `52:54:00:00:00:0${h}` }
        this.veth(['sw', `p${h}`], [`h${h}`, 'eth0'], 1500, macs)
        sw.link.master(`p${h}`, 'sw0')
        return this.device(`h${h}`, 'eth0')
      })
      return host
    })
  }

  /** Takes a namespace that somebody else has made for a node. */
  adopt(namespace: NetNamespace, node = namespace.name): void {
    const commands = new Commands(namespace)
    commands.sysctl('net.bridge.bridge-nf-call-iptables', 1)
    this.nodes.set(node, commands)
  }

  /**
   * `ethtool -K DEVICE tso off gso off gro off tx off` on every device, as for the captures: frames are
   * then as on a wire wherever they are seen. Macvlan's cannot be switched off; there units of one
   * segment do the same.
   */
  switchOffloadsOff(): void {
    for (const commands of this.nodes.values()) {
      for (const { name, kind } of commands.namespace.devices) {
        commands.ethtool(name, kind === 'macvlan' ? SINGLE_SEGMENTS : NO_OFFLOADS)
      }
    }
  }

  /** `bridge link set dev PORT hairpin on`: the port sends frames back where they came from. */
  setHairpin(node: string, bridge: string, port: string, hairpin: boolean): void {
    const device = this.device(node, bridge)
    if (!(device instanceof Bridge)) throw new Error(`${node}: ${bridge} is no bridge`)
    device.port(this.device(node, port))!.hairpin = hairpin
  }

  /** tcpdump: takes what passes a device, which turns promiscuous. */
  tap(node: string, name: string, tap: Tap): void {
    const device = this.device(node, name)
    device.changePromiscuity(1)
    addTap(device, tap)
  }

  /** Runs on for a duration in picoseconds. */
  run(duration: number): void {
    this.simulator.run(this.simulator.now + duration)
  }
}

export function hostAddress(host: number): string {
  return `192.168.50.1${host}`
}

/** The MAC that Docker's older engines make of an address: 02:42 and its four octets. */
export function macOfAddress(address: string): string {
  const octets = address.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'))
  return `02:42:${octets.join(':')}`
}
