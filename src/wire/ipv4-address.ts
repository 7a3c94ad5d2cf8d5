import { Address4 } from 'ip-address'
import { Netmask } from 'netmask'

/** An IPv4 address as a signed 32-bit integer, which the engine keeps unboxed. */
export type Ipv4Address = number

export const IPV4_ANY: Ipv4Address = 0
export const IPV4_BROADCAST: Ipv4Address = -1

/** An address block: `base` has no host bits. */
export interface Ipv4Prefix {
  readonly base: Ipv4Address
  readonly length: number
}

/** @returns null when `text` is not a dotted quad in its canonical form. */
export function parseIpv4(text: string): Ipv4Address | null {
  if (text.includes('/') || !Address4.isValid(text)) return null
  const octets = text.split('.').map(Number)
  return (octets[0]! << 24) | (octets[1]! << 16) | (octets[2]! << 8) | octets[3]!
}

/** For addresses that the program itself writes; throws on a wrong one. */
export function ipv4(text: string): Ipv4Address {
  const value = parseIpv4(text)
  if (value === null) throw new TypeError(`not an IPv4 address: ${text}`)
  return value
}

export function formatIpv4(address: Ipv4Address): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
}

/** Netmask of a prefix length, as a signed 32-bit integer. */
export function maskOf(length: number): number {
  return length === 0 ? 0 : -1 << (32 - length)
}

/** Parses `10.0.0.0/8`; a bare address is a /32. Host bits are kept out of `base`. */
export function parsePrefix(text: string): Ipv4Prefix | null {
  // netmask takes `010.0.0.1` for octal and `1` for 0.0.0.1: only canonical text may reach it.
  const parsed = parseInterfaceAddress(text)
  if (parsed === null) return null
  // Its second argument takes length 0 for none at all, which would make a default route a /32.
  const block = new Netmask(`${formatIpv4(parsed.address)}/${parsed.length}`)
  return { base: block.netLong | 0, length: block.bitmask }
}

export function prefix(text: string): Ipv4Prefix {
  const value = parsePrefix(text)
  if (value === null) throw new TypeError(`not an IPv4 prefix: ${text}`)
  return value
}

/** Parses `10.0.0.5/24`, keeping the host part. */
export function parseInterfaceAddress(
  text: string,
): { address: Ipv4Address; length: number } | null {
  const [head, tail, ...rest] = text.split('/')
  const address = parseIpv4(head!)
  if (address === null || rest.length > 0) return null
  if (tail === undefined) return { address, length: 32 }
  if (!/^\d{1,2}$/.test(tail) || Number(tail) > 32) return null
  return { address, length: Number(tail) }
}

export function formatPrefix(block: Ipv4Prefix): string {
  return `${formatIpv4(block.base)}/${block.length}`
}

export function contains(block: Ipv4Prefix, address: Ipv4Address): boolean {
  return (address & maskOf(block.length)) === block.base
}

export function overlaps(a: Ipv4Prefix, b: Ipv4Prefix): boolean {
  const mask = maskOf(Math.min(a.length, b.length))
  return (a.base & mask) === (b.base & mask)
}

/** Last address of a block, its directed broadcast where it has one. */
export function lastOf(block: Ipv4Prefix): Ipv4Address {
  return block.base | ~maskOf(block.length)
}

export function isMulticast(address: Ipv4Address): boolean {
  return address >>> 28 === 0xe
}
