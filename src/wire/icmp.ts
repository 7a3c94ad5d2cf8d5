import { read16, write16 } from './byte-order.ts'
import { damagedChecksum, internetChecksum } from './checksum.ts'
import { type Frame, IPV4_HEADER_BYTES } from './frame.ts'
import { describeProtocol } from './ipv4.ts'
import { formatIpv4 } from './ipv4-address.ts'

export const ICMP_ECHO_REPLY = 0
export const ICMP_DEST_UNREACH = 3
export const ICMP_ECHO = 8
export const ICMP_TIME_EXCEEDED = 11

export const ICMP_NET_UNREACH = 0
export const ICMP_HOST_UNREACH = 1
export const ICMP_PROT_UNREACH = 2
export const ICMP_PORT_UNREACH = 3
export const ICMP_FRAG_NEEDED = 4
export const ICMP_NET_ANO = 9
export const ICMP_HOST_ANO = 10
export const ICMP_PKT_FILTERED = 13

export const ICMP_EXC_TTL = 0
export const ICMP_EXC_FRAGTIME = 1

export const ICMP_HEADER_BYTES = 8

const TYPE = 0
const CODE = 1
const CHECKSUM = 2
const IDENTIFIER = 4
const SEQUENCE = 6

/** The eight bytes of an ICMP header (RFC 792). An error's quoted packet is the frame's `inner`. */
export class IcmpMessage {
  readonly type: number
  readonly code: number
  /** Identifier of an echo; unused in errors. */
  readonly identifier: number
  /** Sequence number of an echo; next-hop MTU of "fragmentation needed" (RFC 1191). */
  readonly sequence: number

  constructor(type: number, code: number, identifier: number, sequence: number) {
    this.type = type
    this.code = code
    this.identifier = identifier
    this.sequence = sequence
  }

  get isError(): boolean {
    return (
      this.type === ICMP_DEST_UNREACH ||
      this.type === ICMP_TIME_EXCEEDED ||
      this.type === 4 ||
      this.type === 5 ||
      this.type === 12
    )
  }
}

export function parseIcmp(bytes: Uint8Array, at: number): IcmpMessage {
  return new IcmpMessage(
    bytes[at + TYPE]!,
    bytes[at + CODE]!,
    read16(bytes, at + IDENTIFIER),
    read16(bytes, at + SEQUENCE),
  )
}

/** Whether the checksum of the message [at, end) is wrong. */
export function isIcmpDamaged(bytes: Uint8Array, at: number, end: number): boolean {
  return internetChecksum(bytes, at, end) !== 0
}

/** Writes the header of a message whose content stands already in [at + 8, end). */
export function emitIcmp(
  message: IcmpMessage,
  out: Uint8Array,
  at: number,
  end: number,
  badChecksum: boolean,
): void {
  out[at + TYPE] = message.type
  out[at + CODE] = message.code
  write16(out, at + CHECKSUM, 0)
  write16(out, at + IDENTIFIER, message.identifier)
  write16(out, at + SEQUENCE, message.sequence)
  const checksum = internetChecksum(out, at, end)
  write16(out, at + CHECKSUM, badChecksum ? damagedChecksum(checksum) : checksum)
}

/** @param quoted the packet that an error is about, as far as it could be read. */
export function describeIcmp(message: IcmpMessage, quoted: Frame | null): string {
  switch (message.type) {
    case ICMP_ECHO:
      return `ICMP echo request, id ${message.identifier}, seq ${message.sequence}`
    case ICMP_ECHO_REPLY:
      return `ICMP echo reply, id ${message.identifier}, seq ${message.sequence}`
    case ICMP_DEST_UNREACH:
      return `ICMP ${describeUnreachable(message, quoted)}`
    case ICMP_TIME_EXCEEDED:
      return message.code === ICMP_EXC_FRAGTIME
        ? 'ICMP ip reassembly time exceeded'
        : 'ICMP time exceeded in-transit'
    default:
      return `ICMP type ${message.type}, code ${message.code}`
  }
}

function describeUnreachable(message: IcmpMessage, quoted: Frame | null): string {
  const target = quoted === null ? 'destination' : formatIpv4(quoted.ipDst)
  switch (message.code) {
    case ICMP_NET_UNREACH:
      return `net ${target} unreachable`
    case ICMP_HOST_UNREACH:
      return `host ${target} unreachable`
    case ICMP_PROT_UNREACH:
      return `${target} protocol ${quoted?.protocol ?? 'unknown'} unreachable`
    case ICMP_PORT_UNREACH:
      return `${target} ${describePort(quoted)} unreachable`
    case ICMP_FRAG_NEEDED:
      return `${target} unreachable - need to frag (mtu ${message.sequence})`
    case ICMP_NET_ANO:
      return `net ${target} unreachable - admin prohibited`
    case ICMP_HOST_ANO:
      return `host ${target} unreachable - admin prohibited`
    case ICMP_PKT_FILTERED:
      return `host ${target} unreachable - admin prohibited filter`
    default:
      return `${target} unreachable, code ${message.code}`
  }
}

function describePort(quoted: Frame | null): string {
  if (quoted === null || quoted.l3Length <= IPV4_HEADER_BYTES) return 'port'
  return `${describeProtocol(quoted.protocol).toLowerCase()} port ${quoted.destinationPort}`
}
