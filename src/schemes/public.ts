/**
 * What a scheme of one's own is written with: `import { ... } from 'encap/scheme'`. See
 * docs/writing-a-scheme.md.
 */
export { z } from 'zod'
export { Program } from '../control/program/program.ts'
export type { LinkSpec } from '../host/device-factory.ts'
export { linkAdd } from '../host/device-factory.ts'
export type { Host } from '../host/host.ts'
export { type IpEncapsulation, IpTunnel, type IpTunnelOptions } from '../host/ip-tunnel.ts'
export { LinkError } from '../host/link-error.ts'
export { type Process, sleep } from '../sim/process.ts'
export type { RandomStream } from '../sim/random.ts'
export { MICROSECOND, MILLISECOND, SECOND } from '../sim/units.ts'
export type { NetNamespace } from '../stack/namespace.ts'
export {
  contains,
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
  ipv4,
  prefix,
} from '../wire/ipv4-address.ts'
export { formatMac, type MacAddress, mac, macOf } from '../wire/mac-address.ts'
export { TunnelHeader } from '../wire/tunnel-header.ts'
export { macOfAddress } from './address-mac.ts'
export { AddressPool, NO_ADDRESS_LEFT } from './address-pool.ts'
export { attachToBridge } from './attach-veth.ts'
export {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkMember,
  type NetworkSpec,
  type Scheme,
  type SchemeContext,
  type SchemeFinding,
} from './contract.ts'
export * from './option-types.ts'
