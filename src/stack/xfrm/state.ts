import type { Aead } from '../../wire/esp.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { ReplayWindow } from './replay-window.ts'

/** What names a state to the receiver: `ip xfrm state delete` takes no more. */
export interface XfrmStateId {
  readonly src: Ipv4Address
  readonly dst: Ipv4Address
  readonly spi: number
}

/** `ip xfrm state add ... proto esp mode transport`. */
export interface XfrmStateSpec extends XfrmStateId {
  readonly reqid?: number
  readonly aead: Aead
  /** Packets; default 0. */
  readonly replayWindow?: number
  /** `flag esn`: sequence numbers of 64 bits. */
  readonly esn?: boolean
}

const SEQUENCE_MAX = 0xffffffff

/** A security association: one way between two hosts. */
export class XfrmState implements XfrmStateId {
  readonly src: Ipv4Address
  readonly dst: Ipv4Address
  readonly spi: number
  readonly reqid: number
  readonly aead: Aead
  readonly replayWindow: number
  readonly esn: boolean
  readonly replay: ReplayWindow
  /** Of the latest packet that was sent. */
  sequence = 0
  bytes = 0
  packets = 0

  constructor(spec: XfrmStateSpec) {
    this.src = spec.src
    this.dst = spec.dst
    this.spi = spec.spi
    this.reqid = spec.reqid ?? 0
    this.aead = spec.aead
    this.replayWindow = spec.replayWindow ?? 0
    this.esn = spec.esn ?? false
    this.replay = new ReplayWindow(this.replayWindow, this.esn)
  }

  /** @returns the sequence number of the next packet; null when there is none left. */
  nextSequence(): number | null {
    if (!this.esn && this.sequence === SEQUENCE_MAX) return null
    this.sequence++
    return this.sequence % 2 ** 32
  }

  count(bytes: number): void {
    this.bytes += bytes
    this.packets++
  }
}
