import { type Frame, IPV4_HEADER_BYTES } from '../../wire/frame.ts'
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, type TcpHeader } from '../../wire/tcp.ts'
import { parseTcpOptions, TcpOptions } from '../../wire/tcp-options.ts'
import type { NetDevice } from '../device.ts'
import { skbTruesize } from '../skb.ts'

const NO_BYTES = new Uint8Array(0)
/** Of a unit beside its pages: room for headers, skb_shared_info and the sk_buff. */
const UNIT_HEAD = 320 + 320 + 256
/** NOP, NOP, kind 8, length 10: how the timestamp option stands in nearly every segment. */
const PLAIN_TIMESTAMPS = 0x0101080a

/** The segment that is being received: one at a time, so that one object serves for all. */
export class Incoming {
  frame!: Frame
  header!: TcpHeader
  device!: NetDevice
  /** Stream offsets of the connection that it belongs to: what it covers, SYN and FIN included. */
  start = 0
  end = 0
  ack = 0
  /** Content bytes. */
  length = 0
  /** Packets that it was merged from. */
  count = 1
  /** As the header has it. */
  window = 0
  isSyn = false
  isFin = false
  isReset = false
  hasAck = false
  hasTimestamps = false
  tsValue = 0
  tsEcho = 0
  /** Whether `options` are this segment's: plain timestamps are read without them. */
  hasParsedOptions = false
  readonly options = new TcpOptions()
  /** The option field that was read last: segments of one burst share it. */
  private latest: Uint8Array = NO_BYTES
  private latestHadTimestamps = false

  /** Reads what does not depend on a connection. */
  read(frame: Frame, header: TcpHeader, device: NetDevice): void {
    const { flags } = header
    this.frame = frame
    this.header = header
    this.device = device
    this.length = frame.l3Length - IPV4_HEADER_BYTES - header.bytes
    this.count = frame.gsoSegments || 1
    this.window = header.window
    this.isSyn = (flags & TCP_SYN) !== 0
    this.isFin = (flags & TCP_FIN) !== 0
    this.isReset = (flags & TCP_RST) !== 0
    this.hasAck = (flags & TCP_ACK) !== 0
    const { options } = header
    if (options !== this.latest) this.readOptions(options)
    this.hasTimestamps = this.latestHadTimestamps
  }

  private readOptions(bytes: Uint8Array): void {
    this.latest = bytes
    this.hasParsedOptions = false
    this.latestHadTimestamps = false
    if (bytes.length === 0) return
    if (bytes.length === 12 && word(bytes, 0) === PLAIN_TIMESTAMPS) {
      this.tsValue = word(bytes, 4)
      this.tsEcho = word(bytes, 8)
      this.latestHadTimestamps = true
      return
    }
    this.hasParsedOptions = true
    parseTcpOptions(bytes, this.options)
    this.latestHadTimestamps = this.options.hasTimestamps
    this.tsValue = this.options.tsValue
    this.tsEcho = this.options.tsEcho
  }

  /** The options in full: for handshakes. */
  parsed(): TcpOptions {
    parseTcpOptions(this.header.options, this.options)
    return this.options
  }

  /** Turns numbers into offsets of a stream near `rcvNxt` and `sndUna`. */
  locate(irs: number, rcvNxt: number, iss: number, sndUna: number): void {
    const { sequence, acknowledgement } = this.header
    this.start = rcvNxt + ((sequence - ((irs + rcvNxt) | 0)) | 0)
    this.end = this.start + this.length + (this.isSyn ? 1 : 0) + (this.isFin ? 1 : 0)
    this.ack = sndUna + ((acknowledgement - ((iss + sndUna) | 0)) | 0)
  }

  /** Content bytes of one of its packets (gso_size). */
  get segmentLength(): number {
    return this.frame.gsoSize || this.length
  }

  /**
   * Memory that it takes in a receive buffer. Packets from a wire came in a buffer each; a unit that no card
   * has cut is still in the pages into which its sender copied it.
   */
  get truesize(): number {
    const { count, frame } = this
    if (count === 1) return skbTruesize(frame.length)
    if (!frame.isChecksummed) return this.length + UNIT_HEAD
    return count * skbTruesize(frame.length - frame.gsoExcess)
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
