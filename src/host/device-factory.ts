import type { RandomStream } from '../sim/random.ts'
import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { IPV4_HEADER_BYTES, VXLAN_OVERHEAD_BYTES } from '../wire/frame.ts'
import { GROUP_BIT_HI, type MacAddress, macHi, macOf } from '../wire/mac-address.ts'
import { VXLAN_PORT_LINUX } from '../wire/vxlan.ts'
import { Bridge } from './bridge.ts'
import { Dummy } from './dummy.ts'
import { HostDevice } from './host-device.ts'
import { IpTunnel } from './ip-tunnel.ts'
import { Ipip } from './ipip.ts'
import { Ipvlan } from './ipvlan.ts'
import { IpvlanPort } from './ipvlan-port.ts'
import { LinkError } from './link-error.ts'
import type {
  BridgeSpec,
  DummySpec,
  IpipSpec,
  IpvlanSpec,
  LinkSpec,
  MacvlanSpec,
  TunSpec,
  VethSpec,
  VlanSpec,
  VxlanSpec,
} from './link-spec.ts'
import { Macvlan } from './macvlan.ts'
import { MacvlanPort } from './macvlan-port.ts'
import { portOf } from './parent-port.ts'
import { Tun } from './tun.ts'
import { Veth } from './veth.ts'
import { Vlan } from './vlan.ts'
import { Vxlan } from './vxlan.ts'
import { VxlanSocket } from './vxlan-socket.ts'

export type { LinkSpec } from './link-spec.ts'

const ETHERNET_MTU = 1500
/** IFNAMSIZ without the final zero. */
const NAME_LENGTH = 15
const VLAN_IDS = 4094
const VNI_BITS = 24

/**
 * `ip link add`: makes a device in `namespace`, down as the kernel makes it.
 * @returns the device, or why the kernel refuses.
 */
export function linkAdd(namespace: NetNamespace, spec: VethSpec): Veth | LinkError
export function linkAdd(namespace: NetNamespace, spec: BridgeSpec): Bridge | LinkError
export function linkAdd(namespace: NetNamespace, spec: VxlanSpec): Vxlan | LinkError
export function linkAdd(namespace: NetNamespace, spec: MacvlanSpec): Macvlan | LinkError
export function linkAdd(namespace: NetNamespace, spec: IpvlanSpec): Ipvlan | LinkError
export function linkAdd(namespace: NetNamespace, spec: VlanSpec): Vlan | LinkError
export function linkAdd(namespace: NetNamespace, spec: IpipSpec): Ipip | LinkError
export function linkAdd(namespace: NetNamespace, spec: DummySpec): Dummy | LinkError
export function linkAdd(namespace: NetNamespace, spec: TunSpec): Tun | LinkError
export function linkAdd(namespace: NetNamespace, spec: LinkSpec): HostDevice | LinkError
export function linkAdd(namespace: NetNamespace, spec: LinkSpec): HostDevice | LinkError {
  const refusal = checkName(namespace, spec.name) ?? checkMac('mac' in spec ? spec.mac : undefined)
  if (refusal !== null) return refusal
  const device = make(namespace, spec)
  if (device instanceof LinkError) return device
  namespace.addDevice(device)
  if (!(device instanceof Veth)) return device
  const { peer } = device
  peer!.namespace.addDevice(peer!)
  return device
}

function make(namespace: NetNamespace, spec: LinkSpec): HostDevice | LinkError {
  switch (spec.type) {
    case 'veth':
      return makeVeth(namespace, spec)
    case 'bridge':
      return makeBridge(namespace, spec)
    case 'vxlan':
      return makeVxlan(namespace, spec)
    case 'macvlan':
      return makeMacvlan(namespace, spec)
    case 'ipvlan':
      return makeIpvlan(namespace, spec)
    case 'vlan':
      return makeVlan(namespace, spec)
    case 'ipip':
      return makeIpip(namespace, spec)
    case 'dummy': {
      const mac = spec.mac ?? randomMac(namespace.kernel.random)
      return new Dummy(namespace, spec.name, spec.mtu ?? ETHERNET_MTU, mac)
    }
    case 'tun':
      return new Tun(namespace, spec.name, spec.mtu ?? ETHERNET_MTU)
    default:
      return spec satisfies never
  }
}

function checkName(namespace: NetNamespace, name: string): LinkError | null {
  if (name.length === 0 || name.length > NAME_LENGTH || /[\s/:]/.test(name)) {
    return new LinkError('EINVAL', `"${name}" is not a valid ifname`)
  }
  if (namespace.device(name) === undefined) return null
  return new LinkError('EEXIST', `${namespace.name} has a device ${name} already`)
}

function checkMac(mac: MacAddress | undefined): LinkError | null {
  if (mac === undefined || (mac !== 0 && (macHi(mac) & GROUP_BIT_HI) === 0)) return null
  return new LinkError('EADDRNOTAVAIL', 'a device has a unicast address, other than zero')
}

/** eth_random_addr: unicast, locally administered. */
export function randomMac(random: RandomStream): MacAddress {
  const first = (random.integer(0, 0xff) & 0xfe) | 0x02
  return macOf((first << 16) | random.integer(0, 0xffff), random.integer(0, 0xffffff))
}

function makeVeth(namespace: NetNamespace, spec: VethSpec): Veth | LinkError {
  const { peer } = spec
  const target = peer.namespace ?? namespace
  const refusal = checkName(target, peer.name) ?? checkMac(peer.mac)
  if (refusal !== null) return refusal
  if (target === namespace && peer.name === spec.name) {
    return new LinkError('EEXIST', `both ends are called ${spec.name}`)
  }
  const mac = spec.mac ?? randomMac(namespace.kernel.random)
  const near = new Veth(namespace, spec.name, spec.mtu ?? ETHERNET_MTU, mac)
  const peerMac = peer.mac ?? randomMac(target.kernel.random)
  const far = new Veth(target, peer.name, peer.mtu ?? spec.mtu ?? ETHERNET_MTU, peerMac)
  Veth.join(near, far)
  return near
}

function makeBridge(namespace: NetNamespace, spec: BridgeSpec): Bridge | LinkError {
  const mac = spec.mac ?? randomMac(namespace.kernel.random)
  const isMacSet = spec.mac !== undefined
  const bridge = new Bridge(namespace, spec.name, mac, { ...spec, isMacSet })
  if (spec.mtu === undefined) return bridge
  return bridge.setMtu(spec.mtu) ?? bridge
}

function makeVxlan(namespace: NetNamespace, spec: VxlanSpec): Vxlan | LinkError {
  const { lower, underlay: given, ...options } = spec
  const underlay = given ?? namespace
  if (!Number.isInteger(spec.vni) || spec.vni < 0 || spec.vni >= 2 ** VNI_BITS) {
    return new LinkError('ERANGE', `vni ${spec.vni} is not a number of ${VNI_BITS} bits`)
  }
  if (lower !== undefined && !isUsable(lower, underlay)) {
    return new LinkError('ENODEV', `${lower.name} is not in ${underlay.name}`)
  }
  if (VxlanSocket.of(underlay, spec.dstPort ?? VXLAN_PORT_LINUX).device(spec.vni) !== undefined) {
    return new LinkError('EEXIST', 'A VXLAN device with the specified VNI already exists')
  }
  const most = lower === undefined ? Infinity : lower.mtu - VXLAN_OVERHEAD_BYTES
  // At birth a too large MTU is cut down in silence; `ip link set mtu` refuses it.
  const mtu = Math.min(spec.mtu ?? (lower === undefined ? ETHERNET_MTU : most), most)
  const mac = spec.mac ?? randomMac(namespace.kernel.random)
  const full = lower === undefined ? options : { ...options, lower }
  return new Vxlan(namespace, spec.name, mtu, mac, underlay, full)
}

/** Tunnels of layer 3 have no link-layer addresses. */
function hasEthernet(device: HostDevice): boolean {
  return !(device instanceof IpTunnel) && device.kind !== 'tun'
}

function isUsable(device: NetDevice, namespace: NetNamespace): device is HostDevice {
  return device instanceof HostDevice && device.namespace === namespace
}

/** The Ethernet device that a child's frames leave by: it may be in another namespace. */
function parentFor(namespace: NetNamespace, lower: NetDevice): HostDevice | LinkError {
  if (!(lower instanceof HostDevice) || !hasEthernet(lower)) {
    return new LinkError('EINVAL', `${lower.name} is no Ethernet device`)
  }
  if (lower.namespace.kernel === namespace.kernel) return lower
  return new LinkError('ENODEV', `${lower.name} is on another machine`)
}

function makeMacvlan(namespace: NetNamespace, spec: MacvlanSpec): Macvlan | LinkError {
  // A macvlan on a macvlan is one on the real device.
  const lower = parentFor(namespace, spec.lower instanceof Macvlan ? spec.lower.lower : spec.lower)
  if (lower instanceof LinkError) return lower
  const port = portOf(lower, MacvlanPort)
  if (port === null) return new LinkError('EBUSY', `${lower.name} is in use by another device`)
  const mode = spec.mode ?? 'vepa'
  const isPassthru = mode === 'passthru'
  if (port.isPassthru || (isPassthru && port.children.length > 0)) {
    return new LinkError('EINVAL', `${lower.name} has room for one child in mode passthru`)
  }
  const mac = isPassthru ? lower.mac : (spec.mac ?? randomMac(namespace.kernel.random))
  if (!isPassthru && port.isBusy(mac)) {
    return new LinkError('EADDRINUSE', 'the address is that of the parent or of another child')
  }
  const mtu = spec.mtu ?? lower.mtu
  if (mtu > lower.mtu) return new LinkError('EINVAL', `mtu ${mtu} is above that of ${lower.name}`)
  return new Macvlan(namespace, spec.name, mtu, mac, port, mode)
}

function makeIpvlan(namespace: NetNamespace, spec: IpvlanSpec): Ipvlan | LinkError {
  // An ipvlan on an ipvlan is one on the real device.
  const lower = parentFor(namespace, spec.lower instanceof Ipvlan ? spec.lower.lower : spec.lower)
  if (lower instanceof LinkError) return lower
  const port = portOf(lower, IpvlanPort)
  if (port === null) return new LinkError('EBUSY', `${lower.name} is in use by another device`)
  port.setMode(spec.mode ?? 'l3', spec.flag ?? 'bridge')
  return new Ipvlan(namespace, spec.name, lower.mtu, port)
}

function makeVlan(namespace: NetNamespace, spec: VlanSpec): Vlan | LinkError {
  const { lower, id } = spec
  if (!(lower instanceof HostDevice) || !hasEthernet(lower)) {
    return new LinkError('EINVAL', `${lower.name} is no Ethernet device`)
  }
  if (lower instanceof Vlan) {
    return new LinkError('EOPNOTSUPP', 'a VLAN on a VLAN (802.1ad) is not modelled')
  }
  if (!Number.isInteger(id) || id < 1 || id > VLAN_IDS) {
    return new LinkError('ERANGE', `VLAN id ${id} is not in 1..${VLAN_IDS}`)
  }
  if (lower.vlans?.has(id)) return new LinkError('EEXIST', `${lower.name} has VLAN ${id} already`)
  const mtu = spec.mtu ?? lower.mtu
  if (mtu > lower.mtu) return new LinkError('ERANGE', `mtu ${mtu} is above that of ${lower.name}`)
  return new Vlan(namespace, spec.name, mtu, spec.mac ?? lower.mac, lower, id)
}

function makeIpip(namespace: NetNamespace, spec: IpipSpec): Ipip | LinkError {
  const { underlay: given, mtu, ...options } = spec
  return new Ipip(
    namespace,
    spec.name,
    mtu ?? ETHERNET_MTU - IPV4_HEADER_BYTES,
    given ?? namespace,
    options,
  )
}
