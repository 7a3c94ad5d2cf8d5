import { STAGE_TCP_SEND } from '../../cpu/stage.ts'
import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES, PROTOCOL_TCP } from '../../wire/frame.ts'
import { TCP_ACK, TCP_RST, TcpHeader } from '../../wire/tcp.ts'
import type { NetNamespace } from '../namespace.ts'
import type { Incoming } from './incoming.ts'

/** Answers a segment that no full connection stands behind (ip_send_unicast_reply). */
export function reply(namespace: NetNamespace, to: Frame, header: TcpHeader, flowHash = 0): void {
  namespace.kernel.spend(STAGE_TCP_SEND, 1, 0)
  const frame = new Frame()
  frame.etherType = ETHERTYPE_IPV4
  frame.protocol = PROTOCOL_TCP
  frame.ipSrc = to.ipDst
  frame.ipDst = to.ipSrc
  frame.sourcePort = to.destinationPort
  frame.destinationPort = to.sourcePort
  frame.ttl = namespace.kernel.profile.defaultTtl
  frame.l3Length = IPV4_HEADER_BYTES + header.bytes
  // Nobody may cut it, so that it needs no identification.
  frame.dontFragment = true
  frame.header = header
  frame.trace = to.trace
  frame.flowHash = flowHash
  namespace.ipv4.sendLocal(frame)
}

/** Refuses a segment (tcp_v4_send_reset), unless it is a reset itself. */
export function replyReset(namespace: NetNamespace, segment: Incoming): void {
  if (segment.isReset || !namespace.isLocal(segment.frame.ipDst)) return
  const { acknowledgement, sequence } = segment.header
  const covered = segment.length + (segment.isSyn ? 1 : 0) + (segment.isFin ? 1 : 0)
  const header = segment.hasAck
    ? new TcpHeader(acknowledgement, 0, TCP_RST, 0)
    : new TcpHeader(0, (sequence + covered) | 0, TCP_RST | TCP_ACK, 0)
  reply(namespace, segment.frame, header)
}
