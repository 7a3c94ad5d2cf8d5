import { quoteOf } from '../stack/icmp.ts'
import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES, PROTOCOL_ICMP } from '../wire/frame.ts'
import {
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_HEADER_BYTES,
  IcmpMessage,
} from '../wire/icmp.ts'
import { IPV4_BROADCAST, type Ipv4Address, isMulticast } from '../wire/ipv4-address.ts'

/** Below this a bridged tunnel does not answer; it is also the most that its answer is long. */
const LEAST_MTU = 576

/**
 * Whether a tunnel that is a bridge port answers this packet, which is too long for it, itself
 * (iptunnel_pmtud_check_icmp): DF and no fragment, two ordinary addresses, no ICMP error.
 */
export function answersTooLong(packet: Frame, mtu: number): boolean {
  if (mtu < LEAST_MTU || !packet.dontFragment || packet.isFragment) return false
  if (isMulticast(packet.ipDst) || packet.ipDst === IPV4_BROADCAST) return false
  if (!isOrdinarySource(packet.ipSrc)) return false
  const isError = packet.header instanceof IcmpMessage && packet.header.isError
  return packet.protocol !== PROTOCOL_ICMP || !isError
}

function isOrdinarySource(source: Ipv4Address): boolean {
  const first = source >>> 24
  return first !== 0 && first !== 127 && source !== IPV4_BROADCAST && !isMulticast(source)
}

/**
 * The tunnel's answer, which seems to come from the destination (iptunnel_pmtud_build_icmp): addresses
 * and MACs swapped, TOS and identification 0, DF, the TTL of the packet that it quotes.
 */
export function buildTooLong(packet: Frame, mtu: number): Frame {
  const answer = new Frame()
  answer.dstHi = packet.srcHi
  answer.dstLo = packet.srcLo
  answer.srcHi = packet.dstHi
  answer.srcLo = packet.dstLo
  answer.etherType = ETHERTYPE_IPV4
  const headers = IPV4_HEADER_BYTES + ICMP_HEADER_BYTES
  const quoted = quoteOf(packet)
  answer.l3Length = headers + Math.min(quoted.l3Length, LEAST_MTU - headers)
  answer.ipSrc = packet.ipDst
  answer.ipDst = packet.ipSrc
  answer.protocol = PROTOCOL_ICMP
  answer.ttl = packet.ttl
  answer.dontFragment = true
  answer.header = new IcmpMessage(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 0, mtu)
  answer.inner = quoted
  answer.trace = packet.trace
  return answer
}
