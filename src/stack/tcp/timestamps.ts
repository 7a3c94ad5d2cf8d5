import type { Connection } from './connection.ts'
import type { Incoming } from './incoming.ts'

/** A timestamp this old says nothing any more (TCP_PAWS_24DAYS), seconds. */
const STALE_SECONDS = 24 * 24 * 3600
/** What a timestamp may go back by (TCP_PAWS_WINDOW). */
const PAWS_WINDOW = 1

/** Keeps the timestamp of a segment that the window begins with, to be echoed (tcp_store_ts_recent). */
export function storeTimestamp(tcp: Connection, segment: Incoming): void {
  if (!segment.hasTimestamps || segment.start > tcp.window.offeredAt) return
  // A closed window's probes may have an older one.
  if (isOlder(tcp, segment.tsValue, 0)) return
  tcp.tsRecent = segment.tsValue
  tcp.tsRecentStamp = tcp.mstamp / 1e6
}

function isOlder(tcp: Connection, value: number, window: number): boolean {
  if (((tcp.tsRecent - value) | 0) <= window) return false
  return !(tcp.mstamp / 1e6 >= tcp.tsRecentStamp + STALE_SECONDS)
}

/** Protection against wrapped sequence numbers (RFC 7323, 5): an old segment of the same number. */
export function isWrapped(tcp: Connection, segment: Incoming): boolean {
  if (!segment.hasTimestamps || Number.isNaN(tcp.tsRecentStamp)) return false
  if (!isOlder(tcp, segment.tsValue, PAWS_WINDOW)) return false
  return !isOvertaken(tcp, segment)
}

/** A pure ACK that a later one has overtaken does no harm (tcp_disordered_ack). */
function isOvertaken(tcp: Connection, segment: Incoming): boolean {
  return (
    segment.start === segment.end &&
    segment.start === tcp.rcvNxt &&
    segment.ack === tcp.sndUna &&
    ((tcp.tsRecent - segment.tsValue) | 0) <= (tcp.rto * 1.2) / 1000
  )
}
