import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { type MacAddress, macOf } from '../wire/mac-address.ts'

/** 02:42 and the IPv4 address: what container engines gave their endpoints until 2025. */
export function macOfAddress(address: Ipv4Address): MacAddress {
  return macOf(0x024200 | (address >>> 24), address & 0xffffff)
}
