import type { NetDevice } from '../stack/device.ts'
import { type DeviceFeatures, withFeatures } from '../stack/device-features.ts'
import { Ipset } from '../stack/ipset/ipset.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { NudState } from '../stack/neighbour.ts'
import { Iptables } from '../stack/netfilter/iptables.ts'
import type { NetlinkError, RouteType } from '../stack/route-table.ts'
import type { XfrmPolicySpec } from '../stack/xfrm/policy.ts'
import type { XfrmStateId, XfrmStateSpec } from '../stack/xfrm/state.ts'
import { Xfrm } from '../stack/xfrm/xfrm.ts'
import { type Ipv4Address, type Ipv4Prefix, parseInterfaceAddress } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { Bridge } from './bridge.ts'
import { type LinkSpec, linkAdd } from './device-factory.ts'
import { Vxlan } from './vxlan.ts'

export interface RouteCommand {
  readonly dst: Ipv4Prefix
  readonly via?: Ipv4Address
  readonly dev?: string
  readonly type?: RouteType
  readonly flags?: readonly 'onlink'[]
  readonly proto?: string
  readonly scope?: 'global' | 'link' | 'host'
  readonly src?: Ipv4Address
  readonly metric?: number
}

/**
 * What an administrator types in one namespace, so that a daemon reads like the script that sets its
 * scheme up by hand. What a kernel may refuse comes back as a value; what can only be our own mistake
 * (a device that is not there) throws.
 */
export class Commands {
  readonly namespace: NetNamespace
  private rules: Iptables | null = null
  private sets: Ipset | null = null

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
  }

  private device(name: string): NetDevice {
    const device = this.namespace.device(name)
    if (!device) throw new Error(`${this.namespace.name} has no device ${name}`)
    return device
  }

  /** `ip link`. */
  readonly link = {
    add: (spec: LinkSpec): NetDevice => {
      const device = linkAdd(this.namespace, spec)
      if ('errno' in device) throw new Error(`ip link add ${spec.name}: ${device.message}`)
      return device
    },
    up: (name: string): void => {
      this.device(name).up = true
    },
    /** `ip link set NAME address`; of a bridge it no longer follows its ports. Default: the present one. */
    address: (name: string, mac?: MacAddress): void => {
      const device = this.device(name)
      device.setMac(mac ?? device.mac)
    },
    /** Puts a device under a bridge. @returns the kernel's refusal, such as too many ports. */
    master: (
      name: string,
      bridge: string,
      flags: { hairpin?: boolean } = {},
    ): NetlinkError | null => {
      const port = bridgeOf(this.device(bridge)).addPort(this.device(name))
      if ('errno' in port) return port
      port.hairpin = flags.hairpin ?? false
      return null
    },
    netns: (name: string, target: NetNamespace): void => {
      this.namespace.moveDevice(this.device(name), target)
    },
    delete: (name: string): void => {
      const device = this.device(name)
      device.destroy()
      device.namespace.removeDevice(device)
    },
  }

  /** `ip addr`. */
  readonly addr = {
    /** @param address as `10.0.0.1/24`. */
    add: (address: string | { address: Ipv4Address; length: number }, dev: string): void => {
      const parsed = typeof address === 'string' ? parseInterfaceAddress(address) : address
      if (!parsed) throw new TypeError(`not an interface address: ${String(address)}`)
      this.namespace.addAddress(this.device(dev), parsed)
    },
  }

  /** `ip route`. */
  readonly route = {
    replace: (command: RouteCommand): NetlinkError | null =>
      this.namespace.routes.replace({
        destination: command.dst,
        ...(command.dev === undefined ? {} : { device: this.device(command.dev) }),
        ...(command.via === undefined ? {} : { via: command.via }),
        ...(command.type === undefined ? {} : { type: command.type }),
        ...(command.proto === undefined ? {} : { protocol: command.proto }),
        ...(command.scope === undefined ? {} : { scope: command.scope }),
        ...(command.src === undefined ? {} : { source: command.src }),
        ...(command.metric === undefined ? {} : { metric: command.metric }),
        onlink: command.flags?.includes('onlink') ?? false,
      }),
    delete: (dst: Ipv4Prefix): boolean => this.namespace.routes.delete(dst),
  }

  /** `ip neigh`. */
  readonly neigh = {
    /** @returns false when the neighbour table is full. */
    replace: (command: {
      dst: Ipv4Address
      lladdr: MacAddress
      dev: string
      nud: NudState
    }): boolean => {
      const { dst, lladdr, dev, nud } = command
      return this.namespace.neighbours.replace(this.device(dev), dst, lladdr, nud)
    },
    delete: (dst: Ipv4Address, dev: string): void => {
      const neighbour = this.namespace.neighbours.lookup(this.device(dev), dst)
      if (neighbour) this.namespace.neighbours.remove(neighbour)
    },
  }

  /** `bridge fdb ... self` of a vxlan device. */
  readonly fdb = {
    replace: (command: { lladdr: MacAddress; dev: string; dst: Ipv4Address }): void => {
      const { lladdr, dev, dst } = command
      vxlanOf(this.device(dev)).fdb.replace({ lladdr, dst })
    },
    delete: (lladdr: MacAddress, dev: string, dst: Ipv4Address): void => {
      vxlanOf(this.device(dev)).fdb.remove(lladdr, dst)
    },
  }

  /** `ethtool -K`. */
  ethtool(dev: string, changes: Partial<DeviceFeatures>): void {
    const device = this.device(dev)
    device.features = withFeatures(device.features, changes)
  }

  /** `ipset`. */
  get ipset(): Ipset {
    this.sets ??= new Ipset(this.namespace)
    return this.sets
  }

  /** `ip xfrm`. */
  readonly xfrm = {
    state: {
      add: (spec: XfrmStateSpec): NetlinkError | null => this.ipsec.addState(spec),
      delete: (id: XfrmStateId): NetlinkError | null => this.ipsec.deleteState(id),
    },
    policy: {
      add: (spec: XfrmPolicySpec): NetlinkError | null => this.ipsec.addPolicy(spec),
      delete: (spec: XfrmPolicySpec): NetlinkError | null => this.ipsec.deletePolicy(spec),
    },
  }

  private get ipsec(): Xfrm {
    this.namespace.xfrm ??= new Xfrm(this.namespace)
    return this.namespace.xfrm
  }

  /** `iptables`, `iptables-restore`, `iptables-save`. */
  get iptables(): Iptables {
    this.rules ??= new Iptables(this.namespace)
    return this.rules
  }

  /** `sysctl -w`; only what the model knows. */
  sysctl(name: 'net.ipv4.ip_forward' | 'net.bridge.bridge-nf-call-iptables', value: 0 | 1): void {
    if (name === 'net.ipv4.ip_forward') this.namespace.sysctls.ipForward = value === 1
    else this.namespace.sysctls.bridgeNfCallIptables = value === 1
  }
}

function bridgeOf(device: NetDevice): Bridge {
  if (device instanceof Bridge) return device
  throw new TypeError(`${device.label} is not a bridge`)
}

function vxlanOf(device: NetDevice): Vxlan {
  if (device instanceof Vxlan) return device
  throw new TypeError(`${device.label} is not a vxlan device`)
}
