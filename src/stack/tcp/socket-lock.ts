import type { Core, PollSource, Releasable } from '../../cpu/core.ts'
import { Ring } from '../../cpu/ring.ts'
import type { Frame } from '../../wire/frame.ts'
import type { NetDevice } from '../device.ts'
import { skbTruesize } from '../skb.ts'

/** What a socket's backlog takes beside the buffers: headroom of tcp_add_backlog, bytes of truesize. */
const BACKLOG_HEADROOM = 64 * 1024

/** Handles what has waited for the socket. */
export interface SegmentReceiver {
  receiveNow(frame: Frame, device: NetDevice): void
}

/**
 * lock_sock and sk_backlog (net/core/sock.c). A system call is at work on its socket until its work ends;
 * what comes to the socket on other cores meanwhile waits, and is handled by the caller's core at
 * release_sock. Without it an ACK could send what follows before what the call has made leaves.
 */
export class SocketLock implements Releasable, PollSource {
  private readonly receiver: SegmentReceiver
  private readonly limit: () => number
  /** System calls at work: two tasks may share a socket. */
  private users = 0
  private holder: Core | null = null
  private readonly frames = new Ring<Frame>()
  private readonly devices = new Ring<NetDevice>()
  private truesize = 0
  private readonly callbacks: (() => void)[] = []
  private isRaised = false
  private isHandling = false

  /** @param limit bytes of truesize of the socket's buffers. */
  constructor(receiver: SegmentReceiver, limit: () => number) {
    this.receiver = receiver
    this.limit = limit
  }

  /** The step at work on `core` uses the socket until it ends. */
  hold(core: Core): void {
    if (this.holder === core) return
    this.holder = core
    this.users++
    core.defer(this, null)
  }

  /** Whether what comes on `core` has to wait. */
  mustWait(core: Core | null): boolean {
    if (this.isHandling) return false
    return this.isRaised || (this.holder !== null && this.holder !== core)
  }

  /** @returns false when the backlog is full. */
  postpone(frame: Frame, device: NetDevice): boolean {
    if (this.truesize > this.limit() + BACKLOG_HEADROOM) return false
    this.truesize += skbTruesize(frame.length)
    this.frames.push(frame)
    this.devices.push(device)
    return true
  }

  /** A timer, or what else is to be done for the socket (sk_tsq_flags). */
  postponeCall(callback: () => void): void {
    if (!this.callbacks.includes(callback)) this.callbacks.push(callback)
  }

  /** release_sock: the work of a system call has ended. */
  release(): void {
    const core = this.holder
    this.users--
    if (this.users > 0) return
    this.holder = null
    if (core === null || this.isRaised) return
    if (this.frames.length === 0 && this.callbacks.length === 0) return
    this.isRaised = true
    core.raise(this)
  }

  poll(core: Core): boolean {
    this.isHandling = true
    while (this.frames.length > 0 && !core.isSliceOver) {
      const frame = this.frames.shift()!
      this.truesize -= skbTruesize(frame.length)
      this.receiver.receiveNow(frame, this.devices.shift()!)
    }
    if (this.frames.length > 0) {
      this.isHandling = false
      core.resume(this)
      return false
    }
    for (const callback of this.callbacks.splice(0)) callback()
    this.isHandling = false
    this.isRaised = false
    return false
  }

  heldFrames(): number {
    return this.frames.length
  }
}
