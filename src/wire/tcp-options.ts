import { read16, read32, write16, write32 } from './byte-order.ts'

const KIND_END = 0
const KIND_NOP = 1
const KIND_MSS = 2
const KIND_WINDOW_SCALE = 3
const KIND_SACK_PERMITTED = 4
const KIND_SACK = 5
const KIND_TIMESTAMPS = 8

const MSS_BYTES = 4
const WINDOW_SCALE_BYTES = 3
const SACK_PERMITTED_BYTES = 2
const TIMESTAMPS_BYTES = 10
const SACK_BLOCK_BYTES = 8
const SACK_BLOCKS_MAX = 4

/** TCP options as values: one object may be filled again and again by `parseTcpOptions`. */
export class TcpOptions {
  /** Maximum segment size, 0 = absent. */
  mss = 0
  /** Shift count (RFC 7323), -1 = absent. */
  windowScale = -1
  sackPermitted = false
  hasTimestamps = false
  /** Signed 32-bit; meaningful with `hasTimestamps`. */
  tsValue = 0
  tsEcho = 0
  /** Number of blocks in `sackEdges`, at most four. */
  sackBlocks = 0
  /** Left edge, right edge of each block (RFC 2018), signed 32-bit. */
  readonly sackEdges = new Int32Array(2 * SACK_BLOCKS_MAX)

  clear(): void {
    this.mss = 0
    this.windowScale = -1
    this.sackPermitted = false
    this.hasTimestamps = false
    this.tsValue = 0
    this.tsEcho = 0
    this.sackBlocks = 0
  }
}

/** Reads what it knows into `into`, skips what it does not, and stops at an impossible length. */
export function parseTcpOptions(bytes: Uint8Array, into: TcpOptions): void {
  into.clear()
  let at = 0
  while (at < bytes.length) {
    const kind = bytes[at]!
    if (kind === KIND_END) return
    if (kind === KIND_NOP) {
      at++
      continue
    }
    const length = optionLength(bytes, at)
    if (length === 0) return
    parseOption(bytes, at, kind, length, into)
    at += length
  }
}

/** 0 when the option's length is impossible. */
function optionLength(bytes: Uint8Array, at: number): number {
  const length = at + 1 < bytes.length ? bytes[at + 1]! : 0
  return length >= 2 && at + length <= bytes.length ? length : 0
}

function parseOption(
  bytes: Uint8Array,
  at: number,
  kind: number,
  length: number,
  into: TcpOptions,
): void {
  if (kind === KIND_TIMESTAMPS && length === TIMESTAMPS_BYTES) {
    into.hasTimestamps = true
    into.tsValue = read32(bytes, at + 2)
    into.tsEcho = read32(bytes, at + 6)
  } else if (kind === KIND_SACK) {
    const blocks = Math.min(SACK_BLOCKS_MAX, Math.floor((length - 2) / SACK_BLOCK_BYTES))
    into.sackBlocks = blocks
    for (let i = 0; i < 2 * blocks; i++) into.sackEdges[i] = read32(bytes, at + 2 + 4 * i)
  } else if (kind === KIND_MSS && length === MSS_BYTES) into.mss = read16(bytes, at + 2)
  else if (kind === KIND_SACK_PERMITTED) into.sackPermitted = true
  else if (kind === KIND_WINDOW_SCALE && length === WINDOW_SCALE_BYTES) {
    into.windowScale = bytes[at + 2]!
  }
}

/** The options' bytes in the order and with the padding that Linux gives them (tcp_options_write). */
export function emitTcpOptions(options: TcpOptions): Uint8Array {
  const out = new Uint8Array(sizeOf(options))
  let at = 0
  if (options.mss !== 0) {
    at = emitKind(out, at, KIND_MSS, MSS_BYTES)
    write16(out, at, options.mss)
    at += 2
  }
  if (options.sackPermitted) {
    if (!options.hasTimestamps) at = emitNops(out, at, 2)
    at = emitKind(out, at, KIND_SACK_PERMITTED, SACK_PERMITTED_BYTES)
  } else if (options.hasTimestamps) at = emitNops(out, at, 2)
  if (options.hasTimestamps) {
    at = emitKind(out, at, KIND_TIMESTAMPS, TIMESTAMPS_BYTES)
    write32(out, at, options.tsValue)
    write32(out, at + 4, options.tsEcho)
    at += 8
  }
  if (options.windowScale >= 0) {
    at = emitKind(out, emitNops(out, at, 1), KIND_WINDOW_SCALE, WINDOW_SCALE_BYTES)
    out[at++] = options.windowScale
  }
  if (options.sackBlocks > 0) emitSackBlocks(options, out, emitNops(out, at, 2))
  return out
}

function sizeOf(options: TcpOptions): number {
  let size = options.mss === 0 ? 0 : MSS_BYTES
  if (options.hasTimestamps) size += 2 + TIMESTAMPS_BYTES
  else if (options.sackPermitted) size += 2 + SACK_PERMITTED_BYTES
  if (options.windowScale >= 0) size += 1 + WINDOW_SCALE_BYTES
  if (options.sackBlocks > 0) size += 4 + SACK_BLOCK_BYTES * options.sackBlocks
  return size
}

function emitSackBlocks(options: TcpOptions, out: Uint8Array, at: number): void {
  at = emitKind(out, at, KIND_SACK, 2 + SACK_BLOCK_BYTES * options.sackBlocks)
  for (let i = 0; i < 2 * options.sackBlocks; i++) write32(out, at + 4 * i, options.sackEdges[i]!)
}

function emitKind(out: Uint8Array, at: number, kind: number, length: number): number {
  out[at] = kind
  out[at + 1] = length
  return at + 2
}

function emitNops(out: Uint8Array, at: number, count: number): number {
  out.fill(KIND_NOP, at, at + count)
  return at + count
}

/** `mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7`: every option, in the order of the wire. */
export function describeTcpOptions(bytes: Uint8Array): string {
  const words: string[] = []
  let at = 0
  while (at < bytes.length) {
    const kind = bytes[at]!
    if (kind === KIND_END) {
      words.push('eol')
      break
    }
    const length = kind === KIND_NOP ? 1 : optionLength(bytes, at)
    words.push(length === 0 ? 'malformed' : describeOption(bytes, at, kind, length))
    if (length === 0) break
    at += length
  }
  return words.join(',')
}

function describeOption(bytes: Uint8Array, at: number, kind: number, length: number): string {
  switch (kind) {
    case KIND_NOP:
      return 'nop'
    case KIND_MSS:
      return `mss ${read16(bytes, at + 2)}`
    case KIND_WINDOW_SCALE:
      return `wscale ${bytes[at + 2]!}`
    case KIND_SACK_PERMITTED:
      return 'sackOK'
    case KIND_TIMESTAMPS:
      return `TS val ${read32(bytes, at + 2) >>> 0} ecr ${read32(bytes, at + 6) >>> 0}`
    case KIND_SACK:
      return describeSackBlocks(bytes, at + 2, at + length)
    default:
      return `opt-${kind}`
  }
}

function describeSackBlocks(bytes: Uint8Array, at: number, end: number): string {
  const blocks: string[] = []
  for (; at + SACK_BLOCK_BYTES <= end; at += SACK_BLOCK_BYTES) {
    blocks.push(`{${read32(bytes, at) >>> 0}:${read32(bytes, at + 4) >>> 0}}`)
  }
  return `sack ${blocks.length} ${blocks.join('')}`
}
