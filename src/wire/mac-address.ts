/**
 * A MAC address is a 48-bit whole number in tables and configuration. In a frame it is two 24-bit
 * halves, `hi` and `lo`: both are small integers to the engine, so that comparing and hashing an
 * address allocates nothing (see docs/decisions/001-mac-halves.md).
 */
export type MacAddress = number

export const BROADCAST_MAC: MacAddress = 0xffffffffffff

/** The group bit (I/G) as it stands in the high half. */
export const GROUP_BIT_HI = 0x010000

export function macHi(mac: MacAddress): number {
  return Math.floor(mac / 0x1000000)
}

export function macLo(mac: MacAddress): number {
  return mac % 0x1000000
}

export function macOf(hi: number, lo: number): MacAddress {
  return hi * 0x1000000 + lo
}

const PATTERN = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i

/** @returns null when `text` is not six hexadecimal octets joined by colons. */
export function parseMac(text: string): MacAddress | null {
  return PATTERN.test(text) ? Number.parseInt(text.replaceAll(':', ''), 16) : null
}

/** For addresses that the program itself writes; throws on a wrong one. */
export function mac(text: string): MacAddress {
  const value = parseMac(text)
  if (value === null) throw new TypeError(`not a MAC address: ${text}`)
  return value
}

/** Routers that flood write an address into their logs at each hop of each frame. */
const OCTETS = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'))

export function formatMac(address: MacAddress): string {
  return formatMacHalves(macHi(address), macLo(address))
}

export function formatMacHalves(hi: number, lo: number): string {
  return `${halfOf(hi)}:${halfOf(lo)}`
}

function halfOf(half: number): string {
  return `${OCTETS[half >> 16]}:${OCTETS[(half >> 8) & 0xff]}:${OCTETS[half & 0xff]}`
}
