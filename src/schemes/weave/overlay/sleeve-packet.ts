import { encode } from '../../../wire/encode.ts'
import { ETHERTYPE_IPV4, type Frame } from '../../../wire/frame.ts'
import type { PeerName } from '../mesh/peer.ts'

/** A frame on its way from the peer that captured it to the one that it is for. */
export interface SleeveFrame {
  readonly from: PeerName
  readonly to: PeerName
  readonly frame: Frame
}

/** What a datagram carries, as its receiver finds it. */
export interface SleeveContent {
  /** The peer that sent the datagram, by its first bytes. */
  readonly sender: PeerName
  readonly frames: readonly SleeveFrame[]
  /** Null when it is not encrypted. */
  readonly sealed: { readonly sequence: number; readonly isDf: boolean } | null
}

const NAME_BYTES = 6
const LENGTH_BYTES = 2
const SEQUENCE_BYTES = 8
/** secretbox.Overhead: the tag of Poly1305. */
const TAG_BYTES = 16
/** Two names and the length before each frame. */
export const SLEEVE_FRAME_OVERHEAD = 2 * NAME_BYTES + LENGTH_BYTES

/** Bytes of a datagram that are not its frames'. */
export function sleevePacketOverhead(isEncrypted: boolean): number {
  return isEncrypted ? NAME_BYTES + SEQUENCE_BYTES + TAG_BYTES : NAME_BYTES
}

/** By the bytes that went out: a frame's stamps and traces are not in its bytes. */
const contents = new WeakMap<Uint8Array, SleeveContent>()

/** A datagram in the making: weaveworks/weave, router/frame_crypto.go. */
export class SleevePacket {
  readonly frames: SleeveFrame[] = []
  private readonly sender: PeerName
  private readonly sealed: SleeveContent['sealed']
  private length: number

  constructor(sender: PeerName, sealed: SleeveContent['sealed']) {
    this.sender = sender
    this.sealed = sealed
    this.length = sleevePacketOverhead(sealed !== null)
  }

  /** Bytes of UDP payload. */
  get bytes(): number {
    return this.length
  }

  /** What it carries, if that is one IP packet. */
  get onlyPacket(): Frame | null {
    const [entry, ...more] = this.frames
    return more.length === 0 && entry?.frame.etherType === ETHERTYPE_IPV4 ? entry.frame : null
  }

  /** Whether a frame has room in a datagram of `limit` bytes of UDP payload. */
  fits({ frame }: SleeveFrame, limit: number): boolean {
    return this.length + SLEEVE_FRAME_OVERHEAD + frame.length <= limit
  }

  add(entry: SleeveFrame): void {
    this.frames.push(entry)
    this.length += SLEEVE_FRAME_OVERHEAD + entry.frame.length
  }

  /** Of an encrypted one only the header is shown: what is sealed stays zero. */
  encode(): Uint8Array {
    const { sender, sealed, frames } = this
    const out = new Uint8Array(this.length)
    const view = new DataView(out.buffer)
    putName(view, 0, sender)
    if (sealed !== null) {
      view.setUint32(NAME_BYTES, sealed.isDf ? 0x80000000 : 0)
      view.setUint32(NAME_BYTES + 4, sealed.sequence)
    } else this.encodeFrames(view, out)
    contents.set(out, { sender, sealed, frames })
    return out
  }

  private encodeFrames(view: DataView, out: Uint8Array): void {
    let at = NAME_BYTES
    for (const { from, to, frame } of this.frames) {
      putName(view, at, from)
      putName(view, at + NAME_BYTES, to)
      view.setUint16(at + 2 * NAME_BYTES, frame.length)
      at += SLEEVE_FRAME_OVERHEAD
      out.set(encode(frame), at)
      at += frame.length
    }
  }
}

/** @returns what a datagram carries; null when it is none of a sleeve. */
export function decodeSleeve(bytes: Uint8Array): SleeveContent | null {
  return contents.get(bytes) ?? null
}

function putName(view: DataView, at: number, name: PeerName): void {
  view.setUint16(at, Math.floor(name / 2 ** 32))
  view.setUint32(at + 2, name % 2 ** 32)
}

/** Numbers of sealed datagrams that have come: what comes twice is dropped. */
export class ReplayWindow {
  /** One more than the highest so far. */
  private next = 0
  /** Below it, which have not come. */
  private readonly missing = new Set<number>()

  /** @returns whether the number is new. */
  accept(sequence: number): boolean {
    if (sequence < this.next) return this.missing.delete(sequence)
    for (let skipped = this.next; skipped < sequence; skipped++) this.missing.add(skipped)
    this.next = sequence + 1
    return true
  }
}
