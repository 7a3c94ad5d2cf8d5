import { emitTcpOptions, TcpOptions } from '../../wire/tcp-options.ts'
import type { Connection } from './connection.ts'
import { TCP_HEADER_BYTES, TIMESTAMP_BYTES } from './constants.ts'

/** What the option field holds at most. */
const OPTIONS_MAX = 40
const SACK_BASE = 4
const SACK_BLOCK = 8
const NO_OPTIONS = new Uint8Array(0)
/** Filled for each use: nothing keeps it. */
const options = new TcpOptions()

/** How many SACK blocks the next segment carries, the duplicate report included. */
function sackBlockCount(tcp: Connection): number {
  const { sacks } = tcp
  const wanted = sacks.count + (sacks.hasDsack ? 1 : 0)
  if (wanted === 0) return 0
  const room = OPTIONS_MAX - (tcp.usesTimestamps ? TIMESTAMP_BYTES : 0) - SACK_BASE
  return Math.min(wanted, Math.floor(room / SACK_BLOCK))
}

/** Header of the next segment with its options (tcp_established_options), bytes. */
export function headerBytesNow(tcp: Connection): number {
  const blocks = sackBlockCount(tcp)
  return tcp.headerBytes + (blocks === 0 ? 0 : SACK_BASE + SACK_BLOCK * blocks)
}

/** The option field of a segment of an established connection; the same object while it does not change. */
export function establishedOptions(tcp: Connection): Uint8Array {
  const blocks = sackBlockCount(tcp)
  if (blocks > 0) return withSacks(tcp, blocks)
  if (!tcp.usesTimestamps) return NO_OPTIONS
  const { timestamp, tsRecent } = tcp
  if (
    tcp.sentOptions.length !== 0 &&
    tcp.sentOptionsValue === timestamp &&
    tcp.sentOptionsEcho === tsRecent
  ) {
    return tcp.sentOptions
  }
  options.clear()
  setTimestamps(timestamp, tsRecent)
  tcp.sentOptions = emitTcpOptions(options)
  tcp.sentOptionsValue = timestamp
  tcp.sentOptionsEcho = tsRecent
  return tcp.sentOptions
}

function setTimestamps(value: number, echo: number): void {
  options.hasTimestamps = true
  options.tsValue = value
  options.tsEcho = echo
}

function withSacks(tcp: Connection, blocks: number): Uint8Array {
  const { sacks } = tcp
  options.clear()
  if (tcp.usesTimestamps) setTimestamps(tcp.timestamp, tcp.tsRecent)
  options.sackBlocks = blocks
  let at = 0
  if (sacks.hasDsack) at = putBlock(tcp, at, sacks.dsackStart, sacks.dsackEnd)
  for (let i = 0; at < 2 * blocks; i++) at = putBlock(tcp, at, sacks.starts[i]!, sacks.ends[i]!)
  // A duplicate is reported once.
  sacks.clearDsack()
  return emitTcpOptions(options)
}

function putBlock(tcp: Connection, at: number, start: number, end: number): number {
  options.sackEdges[at] = (tcp.irs + start) | 0
  options.sackEdges[at + 1] = (tcp.irs + end) | 0
  return at + 2
}

/** What the two sides of a handshake offer. */
export interface Offer {
  readonly mss: number
  readonly sackPermitted: boolean
  readonly hasTimestamps: boolean
  readonly tsValue: number
  readonly tsEcho: number
  /** -1 leaves it out. */
  readonly windowScale: number
}

/** The option field of a SYN or SYN-ACK. */
export function handshakeOptions(offer: Offer): Uint8Array {
  options.clear()
  options.mss = offer.mss
  options.sackPermitted = offer.sackPermitted
  if (offer.hasTimestamps) setTimestamps(offer.tsValue, offer.tsEcho)
  options.windowScale = offer.windowScale
  return emitTcpOptions(options)
}

/** The option field with nothing but timestamps: of ACKs that no connection stands behind. */
export function timestampOptions(value: number, echo: number): Uint8Array {
  options.clear()
  setTimestamps(value, echo)
  return emitTcpOptions(options)
}

/** Bytes of header that every segment of the connection has. */
export function plainHeaderBytes(usesTimestamps: boolean): number {
  return TCP_HEADER_BYTES + (usesTimestamps ? TIMESTAMP_BYTES : 0)
}
