import { ArpPacket, describeArp } from './arp.ts'
import { describeEsp, EspHeader } from './esp.ts'
import { describeEthernet, describeVlan } from './ethernet.ts'
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  type Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  UDP_HEADER_BYTES,
} from './frame.ts'
import { describeIcmp, IcmpMessage } from './icmp.ts'
import { describeProtocol, holdsWholePacket } from './ipv4.ts'
import { formatIpv4 } from './ipv4-address.ts'
import { describeTcp, TcpHeader } from './tcp.ts'
import { TunnelHeader } from './tunnel-header.ts'
import { describeUdp } from './udp.ts'
import { describeVxlan } from './vxlan.ts'

/** A frame in one line, in tcpdump's manner; what a tunnel carries follows after a colon. */
export function describe(frame: Frame): string {
  const tag = describeVlan(frame)
  const trouble = frame.badFcs ? ', bad FCS' : frame.badChecksum ? ', bad checksum' : ''
  if (frame.etherType === ETHERTYPE_IPV4) return `${tag}${describePacket(frame)}${trouble}`
  const addresses = `${describeEthernet(frame)}, ${tag}`
  if (frame.etherType === ETHERTYPE_ARP && frame.header instanceof ArpPacket) {
    return `${addresses}ARP, ${describeArp(frame.header)}, length ${frame.length}${trouble}`
  }
  const type = frame.etherType.toString(16).padStart(4, '0')
  return `${addresses}ethertype 0x${type}, length ${frame.length}${trouble}`
}

function describePacket(frame: Frame): string {
  const source = formatIpv4(frame.ipSrc)
  const destination = formatIpv4(frame.ipDst)
  if (holdsWholePacket(frame) || frame.l3Length < IPV4_HEADER_BYTES) {
    return `IP ${source} > ${destination}: header not understood, length ${frame.l3Length}`
  }
  if (frame.isFragment) return `IP ${source} > ${destination}: ${describeFragment(frame)}`
  const [from, to] = hasPorts(frame)
    ? [`.${frame.sourcePort}`, `.${frame.destinationPort}`]
    : ['', '']
  return `IP ${source}${from} > ${destination}${to}: ${describeTransport(frame)}`
}

function hasPorts(frame: Frame): boolean {
  if (frame.protocol === PROTOCOL_TCP) return frame.header instanceof TcpHeader
  return frame.protocol === PROTOCOL_UDP && contentBytes(frame) >= UDP_HEADER_BYTES
}

/** Bytes after the IP header. */
function contentBytes(frame: Frame): number {
  return frame.l3Length - IPV4_HEADER_BYTES
}

function describeFragment(frame: Frame): string {
  const protocol = describeProtocol(frame.protocol)
  const flags = frame.moreFragments ? '+' : 'none'
  const where = `id ${frame.ipId}, flags [${flags}], offset ${frame.fragmentOffset}`
  return `${protocol} fragment, ${where}, length ${contentBytes(frame)}`
}

function describeTransport(frame: Frame): string {
  const { header, inner } = frame
  if (header instanceof EspHeader) return describeEsp(header, frame)
  if (header instanceof TcpHeader) return describeTcp(header, contentBytes(frame) - header.bytes)
  if (header instanceof IcmpMessage) {
    return `${describeIcmp(header, inner)}, length ${contentBytes(frame)}`
  }
  if (inner !== null && frame.protocol === PROTOCOL_UDP) {
    if (frame.bareInner) return `UDP tunnel: ${describePacket(inner)}`
    return `${describeVxlan(frame)}: ${describe(inner)}`
  }
  if (inner !== null && frame.protocol === PROTOCOL_IPIP) return describePacket(inner)
  if (inner !== null && header instanceof TunnelHeader) {
    return `${header.name}, length ${contentBytes(frame)}: ${describePacket(inner)}`
  }
  if (hasPorts(frame)) return describeUdp(contentBytes(frame) - UDP_HEADER_BYTES)
  return `${describeProtocol(frame.protocol)}, length ${contentBytes(frame)}`
}
