import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import type { BridgeOptions } from './bridge-options.ts'
import type { IpTunnelOptions } from './ip-tunnel.ts'
import type { IpvlanFlag, IpvlanMode } from './ipvlan.ts'
import type { MacvlanMode } from './macvlan.ts'
import type { VxlanOptions } from './vxlan-options.ts'

interface SpecBase {
  readonly name: string
  /** Bytes; without it what the kernel would choose. */
  readonly mtu?: number
  /** Without it one is drawn, or taken from the device below. */
  readonly mac?: MacAddress
}

/** `ip link add NAME type veth peer name PEER [netns NAMESPACE]`. */
export interface VethSpec extends SpecBase {
  readonly type: 'veth'
  /** Its namespace may be another's, also of another kernel. */
  readonly peer: SpecBase & { readonly namespace?: NetNamespace }
}

export interface BridgeSpec extends SpecBase, BridgeOptions {
  readonly type: 'bridge'
}

export interface VxlanSpec extends SpecBase, Omit<VxlanOptions, 'lower'> {
  readonly type: 'vxlan'
  /** `dev`, in the underlay namespace. */
  readonly lower?: NetDevice
  /** Where the outer packets go (`link-netns`); without it the namespace of the device. */
  readonly underlay?: NetNamespace
}

export interface MacvlanSpec extends SpecBase {
  readonly type: 'macvlan'
  /** `link`, which may be in another namespace than the child. */
  readonly lower: NetDevice
  readonly mode?: MacvlanMode
}

export interface IpvlanSpec extends Omit<SpecBase, 'mac' | 'mtu'> {
  readonly type: 'ipvlan'
  /** `link`, which may be in another namespace than the child. */
  readonly lower: NetDevice
  /** Default l3, as ip(8) has it; it becomes that of all children. */
  readonly mode?: IpvlanMode
  readonly flag?: IpvlanFlag
}

export interface VlanSpec extends SpecBase {
  readonly type: 'vlan'
  readonly lower: NetDevice
  /** 1 to 4094. */
  readonly id: number
}

export interface IpipSpec extends Omit<SpecBase, 'mac'>, IpTunnelOptions {
  readonly type: 'ipip'
  readonly underlay?: NetNamespace
}

export interface DummySpec extends SpecBase {
  readonly type: 'dummy'
}

/** As /dev/net/tun makes it for a program that holds it: TUNSETIFF with IFF_TUN | IFF_NO_PI. */
export interface TunSpec extends Omit<SpecBase, 'mac'> {
  readonly type: 'tun'
}

export type LinkSpec =
  | VethSpec
  | BridgeSpec
  | VxlanSpec
  | MacvlanSpec
  | IpvlanSpec
  | VlanSpec
  | IpipSpec
  | DummySpec
  | TunSpec
