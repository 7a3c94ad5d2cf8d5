import type { Ledger } from '../measure/ledger.ts'
import {
  ETHERTYPE_IPV4,
  type Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../wire/frame.ts'
import { TcpHeader } from '../wire/tcp.ts'
import { TunnelHeader } from '../wire/tunnel-header.ts'
import { endsUnit, GroFlow, isSameFlow } from './gro-flow.ts'

/** GRO_HASH_BUCKETS. */
const BUCKETS = 8
/** MAX_GRO_SKBS of each bucket. */
const MAX_FLOWS = 8

/** Where merged units go on. */
export interface UnitReceiver {
  receiveUnit(frame: Frame): void
}

/**
 * Merges TCP segments of one flow that come one after the other into units (net/core/gro.c,
 * tcp_gro_receive). A flow's packets keep their order: what does not fit sends ahead what was held.
 */
export class Gro {
  /** Segments held. */
  held = 0
  private readonly ledger: Ledger
  private readonly receiver: UnitReceiver
  /** By flow, oldest first. */
  private readonly buckets: GroFlow[][] = Array.from({ length: BUCKETS }, () => [])

  constructor(ledger: Ledger, receiver: UnitReceiver) {
    this.ledger = ledger
    this.receiver = receiver
  }

  /** @param mergesTunnels whether segments within tunnels are merged too. */
  receive(frame: Frame, mergesTunnels: boolean): void {
    const transport = segmentOf(frame, mergesTunnels)
    if (transport === null) return this.receiver.receiveUnit(frame)
    const header = transport.header as TcpHeader
    const bytes = transport.l3Length - IPV4_HEADER_BYTES - header.bytes
    const bucket = this.buckets[bucketOf(transport)]!
    for (let at = 0; at < bucket.length; at++) {
      const flow = bucket[at]!
      if (!isSameFlow(flow.head, frame)) continue
      if (flow.admits(frame, transport, header, bytes)) {
        this.held++
        flow.add(frame, transport, header, bytes)
        if (flow.isComplete) this.complete(bucket, at)
        return
      }
      this.complete(bucket, at)
      break
    }
    this.begin(bucket, frame, transport, header, bytes)
  }

  private begin(
    bucket: GroFlow[],
    frame: Frame,
    transport: Frame,
    header: TcpHeader,
    bytes: number,
  ): void {
    const isHeld = bytes > 0 && !frame.badChecksum && !transport.badChecksum && !endsUnit(header)
    if (!isHeld) return this.receiver.receiveUnit(frame)
    if (bucket.length >= MAX_FLOWS) this.complete(bucket, 0)
    this.held++
    bucket.push(new GroFlow(frame, transport, header, bytes))
  }

  private complete(bucket: GroFlow[], at: number): void {
    const flow = bucket[at]!
    if (bucket.length === 1) bucket.length = 0
    else bucket.splice(at, 1)
    this.held -= flow.count
    this.ledger.merged += flow.count - 1
    this.receiver.receiveUnit(flow.unit())
  }

  /** Sends everything on: a poll is over. */
  flush(): void {
    if (this.held === 0) return
    for (const bucket of this.buckets) while (bucket.length > 0) this.complete(bucket, 0)
  }
}

/** The TCP packet that may be part of a unit; null for everything else. */
function segmentOf(frame: Frame, mergesTunnels: boolean): Frame | null {
  let level = frame
  for (;;) {
    // What has been merged goes on as it is.
    if (level.etherType !== ETHERTYPE_IPV4 || level.gsoSize !== 0 || level.isFragment) return null
    if (level.inner === null) break
    if (!mergesTunnels) return null
    if (!isTunnel(level)) return null
    // Only of VXLAN does the kernel know what a datagram carries.
    if (level.bareInner) return null
    level = level.inner
  }
  return level.protocol === PROTOCOL_TCP && level.header instanceof TcpHeader ? level : null
}

function isTunnel({ protocol, header }: Frame): boolean {
  return protocol === PROTOCOL_UDP || protocol === PROTOCOL_IPIP || header instanceof TunnelHeader
}

function bucketOf({ ipSrc, sourcePort, destinationPort }: Frame): number {
  return (ipSrc ^ sourcePort ^ destinationPort) & (BUCKETS - 1)
}
