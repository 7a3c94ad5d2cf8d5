import { read16, read24, read32, write16, write24, write32 } from './byte-order.ts'
import { formatIpv4, type Ipv4Address } from './ipv4-address.ts'
import { formatMac, type MacAddress, macHi, macLo, macOf } from './mac-address.ts'

export const ARP_REQUEST = 1
export const ARP_REPLY = 2
export const ARP_BYTES = 28

const HARDWARE_TYPE = 0
const PROTOCOL_TYPE = 2
const ADDRESS_LENGTHS = 4
const OPERATION = 6
const SENDER_MAC = 8
const SENDER_IP = 14
const TARGET_MAC = 18
const TARGET_IP = 24

const HARDWARE_ETHERNET = 1
const PROTOCOL_IPV4 = 0x0800
/** Six bytes of hardware address, four of protocol address. */
const LENGTHS_OF_MAC_AND_IPV4 = 0x0604

/** ARP for IPv4 over Ethernet (RFC 826). Immutable once sent. */
export class ArpPacket {
  readonly operation: number
  readonly senderMac: MacAddress
  readonly senderIp: Ipv4Address
  readonly targetMac: MacAddress
  readonly targetIp: Ipv4Address

  constructor(
    operation: number,
    senderMac: MacAddress,
    senderIp: Ipv4Address,
    targetMac: MacAddress,
    targetIp: Ipv4Address,
  ) {
    this.operation = operation
    this.senderMac = senderMac
    this.senderIp = senderIp
    this.targetMac = targetMac
    this.targetIp = targetIp
  }
}

/** @returns null for anything but IPv4 over Ethernet, whole within [at, end). */
export function parseArp(bytes: Uint8Array, at: number, end: number): ArpPacket | null {
  if (end - at < ARP_BYTES) return null
  if (read16(bytes, at + HARDWARE_TYPE) !== HARDWARE_ETHERNET) return null
  if (read16(bytes, at + PROTOCOL_TYPE) !== PROTOCOL_IPV4) return null
  if (read16(bytes, at + ADDRESS_LENGTHS) !== LENGTHS_OF_MAC_AND_IPV4) return null
  return new ArpPacket(
    read16(bytes, at + OPERATION),
    readMac(bytes, at + SENDER_MAC),
    read32(bytes, at + SENDER_IP),
    readMac(bytes, at + TARGET_MAC),
    read32(bytes, at + TARGET_IP),
  )
}

export function emitArp(packet: ArpPacket, out: Uint8Array, at: number): void {
  write16(out, at + HARDWARE_TYPE, HARDWARE_ETHERNET)
  write16(out, at + PROTOCOL_TYPE, PROTOCOL_IPV4)
  write16(out, at + ADDRESS_LENGTHS, LENGTHS_OF_MAC_AND_IPV4)
  write16(out, at + OPERATION, packet.operation)
  writeMac(out, at + SENDER_MAC, packet.senderMac)
  write32(out, at + SENDER_IP, packet.senderIp)
  writeMac(out, at + TARGET_MAC, packet.targetMac)
  write32(out, at + TARGET_IP, packet.targetIp)
}

export function describeArp(packet: ArpPacket): string {
  const sender = formatIpv4(packet.senderIp)
  switch (packet.operation) {
    case ARP_REQUEST: {
      const target = formatIpv4(packet.targetIp)
      const known = packet.targetMac === 0 ? '' : ` (${formatMac(packet.targetMac)})`
      return `Request who-has ${target}${known} tell ${sender}`
    }
    case ARP_REPLY:
      return `Reply ${sender} is-at ${formatMac(packet.senderMac)}`
    default:
      return `operation ${packet.operation}`
  }
}

function readMac(bytes: Uint8Array, at: number): MacAddress {
  return macOf(read24(bytes, at), read24(bytes, at + 3))
}

function writeMac(out: Uint8Array, at: number, address: MacAddress): void {
  write24(out, at, macHi(address))
  write24(out, at + 3, macLo(address))
}
