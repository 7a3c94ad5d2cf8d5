import { ARP_BYTES, ARP_REPLY, ARP_REQUEST, ArpPacket } from '../wire/arp.ts'
import { ETHERTYPE_ARP, Frame } from '../wire/frame.ts'
import { isMulticast } from '../wire/ipv4-address.ts'
import { macHi, macLo, macOf } from '../wire/mac-address.ts'

/** The request that a proxy may answer, or null: other ARP, and what nobody should ask for. */
export function answerableRequest(frame: Frame): ArpPacket | null {
  const { header } = frame
  if (!(header instanceof ArpPacket) || header.operation !== ARP_REQUEST) return null
  const isLoopback = header.targetIp >>> 24 === 127
  return isLoopback || isMulticast(header.targetIp) ? null : header
}

/** A reply that seems to come from the target itself, whose MAC is hi:lo. */
export function proxyReply(request: ArpPacket, hi: number, lo: number, trace: number): Frame {
  const { senderMac, senderIp, targetIp } = request
  const reply = new Frame()
  reply.dstHi = macHi(senderMac)
  reply.dstLo = macLo(senderMac)
  reply.srcHi = hi
  reply.srcLo = lo
  reply.etherType = ETHERTYPE_ARP
  reply.l3Length = ARP_BYTES
  reply.header = new ArpPacket(ARP_REPLY, macOf(hi, lo), targetIp, senderMac, senderIp)
  reply.trace = trace
  return reply
}
