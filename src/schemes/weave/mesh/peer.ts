import { formatMac, type MacAddress } from '../../../wire/mac-address.ts'
import type { PeerRecord } from './peer-record.ts'

/** A peer's name is a MAC address: 6 octets on the wire, and peers are ordered by it. */
export type PeerName = MacAddress

/** Short ids have 12 bits, so that two of them fill a VNI. */
export const SHORT_IDS = 4096

/** What one router knows of a peer, itself included. */
export class Peer {
  readonly name: PeerName
  /** What it last said of itself; a placeholder has none, for others only mention it. */
  record: PeerRecord
  /** Connections of ours to it, in whatever state: it is not forgotten while there are any. */
  references = 0
  /** Of `toString`, which routers log with each address that they learn. */
  private text = ''
  private textNickName: string | null = null

  constructor(record: PeerRecord) {
    this.name = record.name
    this.record = record
  }

  get nickName(): string {
    return this.record.nickName
  }

  /** Random, of this start of the peer's router; 0n of a placeholder. */
  get uid(): bigint {
    return this.record.uid
  }

  get shortId(): number {
    return this.record.shortId
  }

  /** As the log has it: name and nickname. */
  toString(): string {
    const { nickName } = this
    if (nickName !== this.textNickName) {
      this.textNickName = nickName
      this.text = `${formatMac(this.name)}(${nickName})`
    }
    return this.text
  }
}
