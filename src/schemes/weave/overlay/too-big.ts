import { quoteOf } from '../../../stack/icmp.ts'
import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES, PROTOCOL_ICMP } from '../../../wire/frame.ts'
import {
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_HEADER_BYTES,
  IcmpMessage,
} from '../../../wire/icmp.ts'

const TTL = 64
/** The packet's IP header and 64 bits more (RFC 792). */
const QUOTED_BYTES = IPV4_HEADER_BYTES + 8

/** The router's "fragmentation needed", as if the packet's destination had sent it; without DF. */
export function fragmentationNeeded(packet: Frame, mtu: number): Frame {
  const answer = new Frame()
  answer.dstHi = packet.srcHi
  answer.dstLo = packet.srcLo
  answer.srcHi = packet.dstHi
  answer.srcLo = packet.dstLo
  answer.etherType = ETHERTYPE_IPV4
  answer.l3Length = IPV4_HEADER_BYTES + ICMP_HEADER_BYTES + QUOTED_BYTES
  answer.ipSrc = packet.ipDst
  answer.ipDst = packet.ipSrc
  answer.protocol = PROTOCOL_ICMP
  answer.ttl = TTL
  answer.header = new IcmpMessage(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 0, mtu)
  answer.inner = quoteOf(packet)
  answer.trace = packet.trace
  return answer
}
