import type { RandomStream } from '../../sim/random.ts'
import type { Ipv4Address, Ipv4Prefix } from '../../wire/ipv4-address.ts'
import { type MacAddress, macOf } from '../../wire/mac-address.ts'
import type { NetworkSpec } from '../contract.ts'
import { type FlannelOptions, publicIpOf, subnetLengthOf } from './options.ts'

/** A host's subnet as the others see it. */
export interface Lease {
  readonly subnet: Ipv4Prefix
  readonly publicIp: Ipv4Address
  /** MAC address of the host's VXLAN device; null where the backend has none. */
  readonly vtepMac: MacAddress | null
}

export interface StaticLease extends Lease {
  readonly host: string
  readonly vtepMac: MacAddress
}

const leases = new WeakMap<NetworkSpec<FlannelOptions>, readonly StaticLease[]>()

/**
 * The leases of a network that is configured by hand: the k-th host has the k-th subnet of the pool,
 * and every host knows all of them from its start.
 */
export function staticLeases(network: NetworkSpec<FlannelOptions>): readonly StaticLease[] {
  let known = leases.get(network)
  if (!known) {
    const length = subnetLengthOf(network.options)
    known = network.members.map((member, i) => ({
      host: member.host,
      subnet: { base: (network.options.subnet.base + i * 2 ** (32 - length)) | 0, length },
      publicIp: publicIpOf(network.options, member),
      vtepMac: randomUnicastMac(network.random),
    }))
    leases.set(network, known)
  }
  return known
}

/** A locally administered unicast address, as the kernel draws it for a new device. */
export function randomUnicastMac(random: RandomStream): MacAddress {
  const hi = ((random.int32() & 0xfeffff) | 0x020000) & 0xffffff
  return macOf(hi, random.int32() & 0xffffff)
}
