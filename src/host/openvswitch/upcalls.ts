import { STAGE_COPY_OUT, STAGE_SYSCALL_RECEIVE } from '../../cpu/stage.ts'
import type { Holder } from '../../measure/ledger.ts'
import type { Kernel } from '../../stack/kernel.ts'
import { skbTruesize } from '../../stack/skb.ts'
import type { Frame } from '../../wire/frame.ts'
import type { TunnelKey } from './flow.ts'

/** A packet for which there was no flow (OVS_PACKET_CMD_MISS). */
export interface Upcall {
  readonly frame: Frame
  readonly inPort: number
  readonly tunnel: TunnelKey | null
}

/** What a message holds beside the packet: headers and the attributes of the key. */
const KEY_BYTES = 200

/**
 * The netlink socket by which a program hears of misses. What does not fit its receive buffer is lost
 * where it happened: `lost` of the datapath.
 */
export class UpcallSocket implements Holder {
  /** Called in the kernel when a message has come: to wake the reader. */
  onReadable: (() => void) | null = null
  private readonly kernel: Kernel
  private readonly limit: number
  private queue: (Upcall | null)[] = []
  private head = 0
  /** Bytes of truesize that wait. */
  private used = 0
  private isClosed = false

  constructor(kernel: Kernel) {
    this.kernel = kernel
    this.limit = kernel.profile.rmemDefault
    kernel.ledger.addHolder(this)
  }

  get length(): number {
    return this.queue.length - this.head
  }

  /** netlink_attachskb. @returns false when the buffer is full. */
  push(upcall: Upcall): boolean {
    if (this.isClosed || this.used > this.limit) return false
    this.queue.push(upcall)
    this.used += truesizeOf(upcall)
    this.onReadable?.()
    return true
  }

  /** recvmsg: the packet is the program's from here on. @returns null when none waits. */
  receive(): Upcall | null {
    const upcall = this.queue[this.head] ?? null
    if (upcall === null) return null
    this.queue[this.head++] = null
    if (this.head === this.queue.length) {
      this.queue = []
      this.head = 0
    }
    const { kernel } = this
    this.used -= truesizeOf(upcall)
    kernel.spend(STAGE_SYSCALL_RECEIVE)
    kernel.spend(STAGE_COPY_OUT, 1, upcall.frame.length + KEY_BYTES)
    kernel.ledger.consumed++
    return upcall
  }

  /** What waits is given back, to be dropped. */
  close(): Upcall[] {
    this.isClosed = true
    const left = this.queue.slice(this.head).filter((upcall) => upcall !== null)
    this.queue = []
    this.head = 0
    this.used = 0
    return left
  }

  heldFrames(): number {
    return this.length
  }
}

function truesizeOf({ frame }: Upcall): number {
  return skbTruesize(frame.length + KEY_BYTES)
}
