import {
  type Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../../wire/frame.ts'
import { ICMP_ECHO, ICMP_ECHO_REPLY, IcmpMessage } from '../../wire/icmp.ts'
import { holdsWholePacket, holdsWholeTransport } from '../../wire/ipv4.ts'
import { formatIpv4, type Ipv4Address } from '../../wire/ipv4-address.ts'

const ICMP_TIMESTAMP = 13
const ICMP_INFO_REQUEST = 15
const ICMP_ADDRESS = 17

/** Bytes of a transport header that an ICMP error must quote (RFC 792), enough to tell the flow. */
const QUOTED_BYTES = 8

/**
 * What tells one direction of a flow: the addresses, the protocol and two numbers. They are the
 * ports of TCP and UDP; of ICMP queries `sourceId` is the identifier, in both directions, and
 * `destinationId` the type and code; of other protocols both are 0.
 */
export class ConntrackTuple {
  source: Ipv4Address = 0
  destination: Ipv4Address = 0
  protocol = 0
  sourceId = 0
  destinationId = 0

  copyFrom(other: ConntrackTuple): void {
    this.source = other.source
    this.destination = other.destination
    this.protocol = other.protocol
    this.sourceId = other.sourceId
    this.destinationId = other.destinationId
  }

  /** Becomes the tuple of the packets that answer those of `other`. */
  invertFrom(other: ConntrackTuple): void {
    const { source, sourceId } = other
    this.protocol = other.protocol
    this.source = other.destination
    this.destination = source
    if (other.protocol === PROTOCOL_ICMP) {
      this.sourceId = sourceId
      const code = other.destinationId & 0xff
      this.destinationId = (counterpartOf(other.destinationId >>> 8) << 8) | code
    } else {
      this.sourceId = other.destinationId
      this.destinationId = sourceId
    }
  }

  equals(other: ConntrackTuple): boolean {
    return (
      this.source === other.source &&
      this.destination === other.destination &&
      this.sourceId === other.sourceId &&
      this.destinationId === other.destinationId &&
      this.protocol === other.protocol
    )
  }

  /** As `conntrack -L` prints it. */
  toString(): string {
    const addresses = `src=${formatIpv4(this.source)} dst=${formatIpv4(this.destination)}`
    switch (this.protocol) {
      case PROTOCOL_ICMP: {
        const type = this.destinationId >>> 8
        return `${addresses} type=${type} code=${this.destinationId & 0xff} id=${this.sourceId}`
      }
      case PROTOCOL_TCP:
      case PROTOCOL_UDP:
        return `${addresses} sport=${this.sourceId} dport=${this.destinationId}`
      default:
        return addresses
    }
  }

  /**
   * Reads a packet's tuple. @returns false for what no flow can be told of: a fragment, a header
   * that could not be read, an ICMP message that is neither query nor answer.
   */
  read(frame: Frame): boolean {
    const { protocol } = frame
    if (frame.isFragment) return false
    if (frame.payload !== null && isUnreadable(frame)) return false
    if (protocol === PROTOCOL_TCP && frame.header === null) return false
    return this.fill(frame, frame)
  }

  /** Reads the tuple of a packet that an ICMP error quotes, of which little more is known. */
  readQuoted(quoted: Frame): boolean {
    if (quoted.fragmentOffset !== 0) return false
    if (quoted.l3Length < IPV4_HEADER_BYTES + QUOTED_BYTES) return false
    return this.fill(quoted, quoted.fragmentOf ?? quoted)
  }

  /** @param content where the transport header stands: the whole of which `packet` is a fragment. */
  private fill(packet: Frame, content: Frame): boolean {
    this.source = packet.ipSrc
    this.destination = packet.ipDst
    this.protocol = packet.protocol
    switch (packet.protocol) {
      case PROTOCOL_TCP:
      case PROTOCOL_UDP:
        this.sourceId = content.sourcePort
        this.destinationId = content.destinationPort
        return true
      case PROTOCOL_ICMP: {
        const { header } = content
        if (!(header instanceof IcmpMessage) || counterpartOf(header.type) < 0) return false
        this.sourceId = header.identifier
        this.destinationId = (header.type << 8) | header.code
        return true
      }
      default:
        this.sourceId = 0
        this.destinationId = 0
        return true
    }
  }
}

/** Whether the fields of the headers could not be filled in: see `decode`. */
function isUnreadable(frame: Frame): boolean {
  return holdsWholePacket(frame) || (frame.protocol === PROTOCOL_UDP && holdsWholeTransport(frame))
}

/** Whether a flow may begin with this ICMP type. */
export function isIcmpQuery(type: number): boolean {
  return (
    type === ICMP_ECHO ||
    type === ICMP_TIMESTAMP ||
    type === ICMP_INFO_REQUEST ||
    type === ICMP_ADDRESS
  )
}

/** The type that answers a query or that was asked with an answer; -1 for other messages. */
function counterpartOf(type: number): number {
  if (type === ICMP_ECHO) return ICMP_ECHO_REPLY
  if (type === ICMP_ECHO_REPLY) return ICMP_ECHO
  if (type < ICMP_TIMESTAMP || type > ICMP_ADDRESS + 1) return -1
  return isIcmpQuery(type) ? type + 1 : type - 1
}
