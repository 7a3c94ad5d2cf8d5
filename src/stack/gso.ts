import {
  type Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../wire/frame.ts'
import { TCP_CWR, TCP_FIN, TCP_PSH, TcpHeader } from '../wire/tcp.ts'

/** Flags that only the last segment of a unit carries, and those that only the first does. */
const LAST_ONLY = TCP_FIN | TCP_PSH
const FIRST_ONLY = TCP_CWR

/**
 * Cuts a unit into its segments (tcp_gso_segment, with the headers of tunnels around it). IP
 * identifications count up, those of tunnels too. The last segment is charged to the unit's owner, so
 * that its memory is free when all of it has gone. Books nothing: the unit ends as `split`.
 */
export function segment(unit: Frame): Frame[] {
  const transport = transportOf(unit)
  const { header } = transport
  if (unit.gsoSize === 0 || !(header instanceof TcpHeader)) {
    throw new Error('only a unit of TCP segments can be cut')
  }
  const content = transport.l3Length - IPV4_HEADER_BYTES - header.bytes
  const last = Math.ceil(content / unit.gsoSize) - 1
  const segments: Frame[] = new Array(last + 1)
  for (let i = 0; i <= last; i++) segments[i] = cut(unit, i, content, i === last)
  segments[last]!.takeOwner(unit)
  return segments
}

/** The packet of TCP or UDP within all tunnels. */
function transportOf(frame: Frame): Frame {
  while (frame.inner !== null) frame = frame.inner
  return frame
}

/** Segment `index` of a unit, or of what a tunnel's unit carries. */
function cut(unit: Frame, index: number, content: number, isLast: boolean): Frame {
  const { gsoSize, inner } = unit
  const from = index * gsoSize
  const bytes = isLast ? content - from : gsoSize
  const piece = unit.clone()
  piece.gsoSize = 0
  piece.gsoSegments = 0
  piece.gsoExcess = 0
  piece.l3Length -= content - bytes
  piece.ipId = (piece.ipId + index) & 0xffff
  if (inner !== null) piece.inner = cut(inner, index, content, isLast)
  else {
    piece.header = headerAt(unit.header as TcpHeader, from, index === 0, isLast)
    piece.payload = piecePayload(unit.payload, from, bytes)
  }
  return piece
}

function headerAt(header: TcpHeader, from: number, isFirst: boolean, isLast: boolean): TcpHeader {
  let { flags } = header
  if (!isLast) flags &= ~LAST_ONLY
  if (!isFirst) flags &= ~FIRST_ONLY
  const { acknowledgement, window, options, urgent } = header
  return new TcpHeader(
    (header.sequence + from) | 0,
    acknowledgement,
    flags,
    window,
    options,
    urgent,
  )
}

function piecePayload(payload: Uint8Array | null, from: number, bytes: number): Uint8Array | null {
  if (payload === null || from >= payload.length) return null
  return payload.subarray(from, from + bytes)
}

/**
 * Whether a checksum of TCP or UDP is still left to a device. That of a tunnel's outer datagram
 * counts as well where the tunnel wants one.
 */
export function isChecksumPending(frame: Frame): boolean {
  for (let level: Frame | null = frame; level !== null; level = level.inner) {
    // What an ICMP error quotes is content, and its own checksum was made with it.
    if (level.protocol === PROTOCOL_ICMP) return false
    if (level.isChecksummed || level.isFragment) continue
    if (level.protocol === PROTOCOL_TCP) return true
    if (level.protocol === PROTOCOL_UDP && level.udpChecksum) return true
  }
  return false
}

/** Notes that all checksums are in place: true for who else holds the frame, too. */
export function markChecksummed(frame: Frame): void {
  for (let level: Frame | null = frame; level !== null; level = level.inner) {
    level.isChecksummed = true
  }
}
