import { ArpPacket } from '../wire/arp.ts'
import { describe } from '../wire/describe.ts'
import { type Frame, PROTOCOL_UDP } from '../wire/frame.ts'
import { ICMP_ECHO, ICMP_ECHO_REPLY, IcmpMessage } from '../wire/icmp.ts'
import type { DropReason } from './drop-reason.ts'
import type { Stage, Tracer } from './tracer.ts'

export type PacketKind = 'arp' | 'echo-request' | 'echo-reply' | 'icmp-error' | 'udp' | 'other'

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
      packet: this.numberOf(packet),
      kind: kindOf(packet),
      part: frame.isFragment ? frame.fragmentOffset : -1,
      depth,
      place,
      row: row === undefined || row === null ? null : String(row),
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
   * ARP packets and ICMP errors may say the same, but each has a header of its own.
   */
  private numberOf(packet: Frame): number {
    const { header, trace, protocol, sequence, sentAt } = packet
    const isOwnHeader =
      header instanceof ArpPacket || (header instanceof IcmpMessage && header.isError)
    const key = isOwnHeader
      ? header
      : `${trace} ${kindOf(packet)} ${protocol} ${sequence} ${sentAt}`
    let number = this.packets.get(key)
    if (number === undefined) {
      number = this.packets.size
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
  return packet.protocol === PROTOCOL_UDP ? 'udp' : 'other'
}
