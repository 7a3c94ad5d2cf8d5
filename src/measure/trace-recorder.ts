import { ArpPacket } from '../wire/arp.ts'
import { describe } from '../wire/describe.ts'
import {
  ETHERTYPE_IPV4,
  type Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../wire/frame.ts'
import { ICMP_ECHO, ICMP_ECHO_REPLY, IcmpMessage } from '../wire/icmp.ts'
import { formatIpv4 } from '../wire/ipv4-address.ts'
import { formatMacHalves } from '../wire/mac-address.ts'
import { TCP_FIN, TCP_RST, TCP_SYN, TcpHeader } from '../wire/tcp.ts'
import type { DropReason } from './drop-reason.ts'
import type { Stage, Tracer } from './tracer.ts'

export type PacketKind =
  | 'arp'
  | 'echo-request'
  | 'echo-reply'
  | 'icmp-error'
  | 'udp'
  | 'tcp-syn'
  | 'tcp-syn-ack'
  | 'tcp-data'
  | 'tcp-ack'
  | 'tcp-fin'
  | 'tcp-rst'
  | 'other'

interface TraceEventBase {
  /** Picoseconds. */
  readonly time: number
  /** The `trace` of the frame: which probe caused it. */
  readonly trace: number
  /** The packet, whatever carries it and however often it is copied; numbered from 0. */
  readonly packet: number
  readonly kind: PacketKind
  /** Offset of the fragment; -1 for a whole packet. */
  readonly part: number
  /** Tunnels around the packet. */
  readonly depth: number
  readonly place: string
  /** The table row or rule that decided; null if none did. */
  readonly row: string | null
  /** IPv4 addresses of the outermost packet, or whom an ARP packet asks for; null of other frames. */
  readonly source: string | null
  readonly destination: string | null
  /** Destination MAC address of the frame. */
  readonly mac: string
  /** The frame in tcpdump's manner. */
  readonly frame: string
  /** Bytes of the frame without FCS. */
  readonly length: number
}

/** Something that a traced frame met: a stage that it passed, or its drop. */
export type TraceEvent = TraceEventBase &
  (
    | { readonly stage: Stage; readonly drop: null }
    | { readonly stage: null; readonly drop: DropReason }
  )

/** Enough for a flood through a thousand hosts. */
const EVENTS_LIMIT = 200_000

/** Writes down what happens to traced frames, in the order in which it happens. */
export class TraceRecorder implements Tracer {
  readonly events: TraceEvent[] = []
  /** Events beyond the limit, which are not kept. */
  missed = 0
  private readonly clock: { readonly now: number }
  private readonly limit: number
  private readonly packets = new Map<object | string, number>()
  private nextNumber = 0
  private last: { readonly text: string; readonly frame: string } | null = null

  /** @param clock the simulator. */
  constructor(clock: { readonly now: number }, limit = EVENTS_LIMIT) {
    this.clock = clock
    this.limit = limit
  }

  stage(frame: Frame, stage: Stage, place: string, row?: unknown): void {
    this.record(frame, stage, null, place, row)
  }

  dropped(frame: Frame, reason: DropReason, place: string, row?: unknown): void {
    this.record(frame, null, reason, place, row)
  }

  private record(
    frame: Frame,
    stage: Stage | null,
    drop: DropReason | null,
    place: string,
    row: unknown,
  ): void {
    if (this.events.length >= this.limit) {
      this.missed++
      return
    }
    const { packet, depth } = innermost(frame)
    const base: TraceEventBase = {
      time: this.clock.now,
      trace: frame.trace,
      packet: this.numberOf(packet, stage === 'socket_send' && depth === 0),
      kind: kindOf(packet),
      part: frame.isFragment ? frame.fragmentOffset : -1,
      depth,
      place,
      row: row === undefined || row === null ? null : String(row),
      ...addressesOf(frame),
      mac: formatMacHalves(frame.dstHi, frame.dstLo),
      frame: describe(frame),
      length: frame.length,
    }
    if (this.repeats(base, stage)) return
    if (stage !== null) this.events.push({ ...base, stage, drop: null })
    else if (drop !== null) this.events.push({ ...base, stage: null, drop })
  }

  /** A device hands its frame to its port, and both say that they transmit. */
  private repeats(event: TraceEventBase, stage: Stage | null): boolean {
    const text = `${stage} ${event.time} ${event.packet} ${event.part} ${event.place}`
    const { last } = this
    this.last = { text, frame: event.frame }
    return stage === 'transmit' && last !== null && last.text === text && last.frame === event.frame
  }

  /**
   * What stays the same of a packet while it is copied, encapsulated, cut and translated. Several
   * ARP packets and ICMP errors may say the same, but each has a header of its own. A TCP segment that
   * is sent once more is another packet; what it is cut into begins with the one of its number.
   */
  private numberOf(packet: Frame, isSending: boolean): number {
    const { header, trace, protocol, sequence, sentAt } = packet
    const isOwnHeader =
      header instanceof ArpPacket || (header instanceof IcmpMessage && header.isError)
    const isSegment = header instanceof TcpHeader
    const key = isOwnHeader
      ? header
      : isSegment
        ? `${trace} ${segmentKey(packet, header)}`
        : `${trace} ${kindOf(packet)} ${protocol} ${sequence} ${sentAt} ${ownEndOf(packet)}`
    let number = this.packets.get(key)
    if (number === undefined || (isSegment && isSending)) {
      number = this.nextNumber++
      this.packets.set(key, number)
    }
    return number
  }
}

/** The packet inside all tunnels, whole also where this is a fragment. */
function innermost(frame: Frame): { packet: Frame; depth: number } {
  let packet = frame.fragmentOf ?? frame
  let depth = 0
  while (packet.inner !== null && !(packet.header instanceof IcmpMessage)) {
    packet = packet.inner.fragmentOf ?? packet.inner
    depth++
  }
  return { packet, depth }
}

function kindOf(packet: Frame): PacketKind {
  const { header } = packet
  if (header instanceof ArpPacket) return 'arp'
  if (header instanceof IcmpMessage) {
    if (header.type === ICMP_ECHO) return 'echo-request'
    if (header.type === ICMP_ECHO_REPLY) return 'echo-reply'
    return header.isError ? 'icmp-error' : 'other'
  }
  if (packet.protocol === PROTOCOL_TCP && header instanceof TcpHeader) {
    return segmentKind(packet, header)
  }
  return packet.protocol === PROTOCOL_UDP ? 'udp' : 'other'
}

const TCP_ACK_BIT = 0x10

function segmentKind(packet: Frame, { flags, bytes }: TcpHeader): PacketKind {
  if ((flags & TCP_RST) !== 0) return 'tcp-rst'
  if ((flags & TCP_SYN) !== 0) return (flags & TCP_ACK_BIT) === 0 ? 'tcp-syn' : 'tcp-syn-ack'
  if ((flags & TCP_FIN) !== 0) return 'tcp-fin'
  return packet.l3Length > IPV4_HEADER_BYTES + bytes ? 'tcp-data' : 'tcp-ack'
}

/** Of what no load generator has numbered, so that no NAT is expected: to whom it goes. */
function ownEndOf({ protocol, sequence, ipDst }: Frame): number {
  return protocol === PROTOCOL_UDP && sequence === 0 ? ipDst : 0
}

/** Of a pure acknowledgement what it acknowledges, for many have one sequence number. */
function segmentKey(packet: Frame, header: TcpHeader): string {
  const kind = segmentKind(packet, header)
  const { sequence, acknowledgement } = header
  if (kind === 'tcp-ack') return `ack ${sequence} ${acknowledgement}`
  return kind === 'tcp-data' || kind === 'tcp-fin' ? `data ${sequence}` : `${kind} ${sequence}`
}

function addressesOf(frame: Frame): Pick<TraceEventBase, 'source' | 'destination'> {
  const { header } = frame
  if (header instanceof ArpPacket) {
    const { senderIp, targetIp } = header
    return { source: formatIpv4(senderIp), destination: formatIpv4(targetIp) }
  }
  if (frame.etherType !== ETHERTYPE_IPV4) return { source: null, destination: null }
  return { source: formatIpv4(frame.ipSrc), destination: formatIpv4(frame.ipDst) }
}
