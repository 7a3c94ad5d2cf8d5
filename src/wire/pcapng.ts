/**
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian. Only bytes are made here; times
 * are written in nanoseconds, rounded down from picoseconds.
 */
const BLOCK_SECTION_HEADER = 0x0a0d0d0a
const BLOCK_INTERFACE = 1
const BLOCK_STATISTICS = 5
const BLOCK_ENHANCED_PACKET = 6

const BYTE_ORDER_MAGIC = 0x1a2b3c4d
const LINKTYPE_ETHERNET = 1

const OPTION_END = 0
const OPTION_COMMENT = 1
const SHB_USERAPPL = 4
const IF_NAME = 2
const IF_DESCRIPTION = 3
const IF_TSRESOL = 9
const EPB_FLAGS = 2
const ISB_IFRECV = 4
const ISB_IFDROP = 5

const NANOSECONDS = 9
const FLAG_INBOUND = 1
const FLAG_OUTBOUND = 2
/** Link-layer error of `epb_flags`: the frame check sequence was wrong. */
const FLAG_CRC_ERROR = 1 << 24

/** Type and length before a block's body, length after it. */
const BLOCK_OVERHEAD_BYTES = 12

const textEncoder = new TextEncoder()

interface Option {
  readonly code: number
  readonly value: Uint8Array
}

/** Begins a file. @param application what wrote it. */
export function sectionHeader(application: string): Uint8Array {
  const body = new Uint8Array(16)
  const view = new DataView(body.buffer)
  view.setUint32(0, BYTE_ORDER_MAGIC, true)
  view.setUint16(4, 1, true)
  // The section's length is not known when it begins: -1.
  view.setInt32(8, -1, true)
  view.setInt32(12, -1, true)
  return block(BLOCK_SECTION_HEADER, body, [textOption(SHB_USERAPPL, application)])
}

export interface InterfaceDescription {
  readonly name: string
  readonly description?: string
  /** Most bytes kept of a frame; 0 = all. */
  readonly snapLength: number
}

/** Announces an interface; the first of a section is number 0. */
export function interfaceDescription(description: InterfaceDescription): Uint8Array {
  const body = new Uint8Array(8)
  const view = new DataView(body.buffer)
  view.setUint16(0, LINKTYPE_ETHERNET, true)
  view.setUint32(4, description.snapLength, true)
  const options = [textOption(IF_NAME, description.name)]
  if (description.description !== undefined) {
    options.push(textOption(IF_DESCRIPTION, description.description))
  }
  options.push({ code: IF_TSRESOL, value: Uint8Array.of(NANOSECONDS) })
  return block(BLOCK_INTERFACE, body, options)
}

export interface PacketRecord {
  readonly interfaceNumber: number
  /** Picoseconds. */
  readonly time: number
  /** What is kept of the frame. */
  readonly bytes: Uint8Array
  /** The frame's whole length. */
  readonly originalLength: number
  readonly direction: 'in' | 'out'
  readonly badFcs: boolean
  readonly comment?: string
}

export function enhancedPacket(packet: PacketRecord): Uint8Array {
  const { bytes } = packet
  const body = new Uint8Array(20 + padded(bytes.length))
  const view = new DataView(body.buffer)
  view.setUint32(0, packet.interfaceNumber, true)
  writeTime(view, 4, packet.time)
  view.setUint32(12, bytes.length, true)
  view.setUint32(16, packet.originalLength, true)
  body.set(bytes, 20)
  const direction = packet.direction === 'in' ? FLAG_INBOUND : FLAG_OUTBOUND
  const options = [
    { code: EPB_FLAGS, value: uint32(packet.badFcs ? direction | FLAG_CRC_ERROR : direction) },
  ]
  if (packet.comment !== undefined) options.push(textOption(OPTION_COMMENT, packet.comment))
  return block(BLOCK_ENHANCED_PACKET, body, options)
}

export interface InterfaceStatistics {
  readonly interfaceNumber: number
  /** Picoseconds. */
  readonly time: number
  /** Frames that passed the interface. */
  readonly received: number
  /** Those of them that the file does not hold. */
  readonly dropped: number
}

export function interfaceStatistics(statistics: InterfaceStatistics): Uint8Array {
  const body = new Uint8Array(12)
  const view = new DataView(body.buffer)
  view.setUint32(0, statistics.interfaceNumber, true)
  writeTime(view, 4, statistics.time)
  return block(BLOCK_STATISTICS, body, [
    { code: ISB_IFRECV, value: uint64(statistics.received) },
    { code: ISB_IFDROP, value: uint64(statistics.dropped) },
  ])
}

/** @param body its length a multiple of four. */
function block(type: number, body: Uint8Array, options: readonly Option[]): Uint8Array {
  let size = BLOCK_OVERHEAD_BYTES + body.length + 4
  for (const { value } of options) size += 4 + padded(value.length)
  const out = new Uint8Array(size)
  const view = new DataView(out.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, size, true)
  out.set(body, 8)
  let at = 8 + body.length
  for (const { code, value } of options) {
    view.setUint16(at, code, true)
    view.setUint16(at + 2, value.length, true)
    out.set(value, at + 4)
    at += 4 + padded(value.length)
  }
  view.setUint32(at, OPTION_END, true)
  view.setUint32(size - 4, size, true)
  return out
}

/** Blocks and options are aligned to four bytes. */
function padded(length: number): number {
  return (length + 3) & ~3
}

/** High word first, whatever the byte order. */
function writeTime(view: DataView, at: number, picoseconds: number): void {
  const nanoseconds = Math.floor(picoseconds / 1000)
  view.setUint32(at, Math.floor(nanoseconds / 2 ** 32), true)
  view.setUint32(at + 4, nanoseconds % 2 ** 32, true)
}

function textOption(code: number, text: string): Option {
  return { code, value: textEncoder.encode(text) }
}

function uint32(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value, true)
  return out
}

function uint64(value: number): Uint8Array {
  const out = new Uint8Array(8)
  const view = new DataView(out.buffer)
  view.setUint32(0, value % 2 ** 32, true)
  view.setUint32(4, Math.floor(value / 2 ** 32), true)
  return out
}
