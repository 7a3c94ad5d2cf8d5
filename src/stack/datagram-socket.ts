import type { Core } from '../cpu/core.ts'
import { STAGE_COPY_OUT, STAGE_CROSS_CORE, STAGE_SYSCALL_RECEIVE } from '../cpu/stage.ts'
import type { DropReason } from '../measure/drop-reason.ts'
import type { Frame } from '../wire/frame.ts'
import { DatagramSender } from './datagram.ts'
import type { NetDevice } from './device.ts'
import type { NetNamespace } from './namespace.ts'
import { ReceiveQueue } from './receive-queue.ts'
import type { SocketError } from './sockets.ts'

/**
 * What UDP and raw sockets share beside sending. Where work takes no time, what arrives is handed over at
 * once; on a machine with cores it waits for a reader, who is a task and calls `receive`.
 */
export abstract class DatagramSocket extends DatagramSender {
  /** On a machine: a datagram has been queued, so that a reader may be woken. */
  onReadable: (() => void) | null = null
  onError: ((error: SocketError) => void) | null = null
  /** Trace id given to what is sent; 0 for none. */
  trace = 0
  /** Made at the first datagram that waits. */
  private queue: ReceiveQueue | null = null
  /** Who has filled the queue last, in whose caches its datagrams are. */
  private filledBy: Core | null = null
  private readonly release: () => void

  constructor(namespace: NetNamespace, release: () => void) {
    super(namespace)
    this.release = release
  }

  /** As traces name the socket. */
  protected abstract readonly label: string
  /** Bytes of IP and transport headers, which are not copied to the reader. */
  protected abstract readonly headerBytes: number

  get queued(): number {
    return this.queue === null ? 0 : this.queue.length
  }

  /** Keeps a datagram for the reader; drops it when more than the receive buffer waits. */
  enqueue(frame: Frame, device: NetDevice): void {
    const { namespace } = this
    this.queue ??= new ReceiveQueue(namespace.kernel.profile.rmemDefault)
    if (!this.queue.push(frame)) return namespace.drop(frame, 'socket_buffer', device)
    if (frame.trace !== 0) namespace.charge('queue', frame, this.label, device)
    this.filledBy = namespace.kernel.machine!.current
    this.onReadable?.()
  }

  /**
   * recvmsg: takes a datagram, or null when none is there. The call blocks then, and its cost is that of
   * the call that returns with one. Always null where work takes no time.
   */
  receive(): Frame | null {
    const frame = this.queue === null ? null : this.queue.shift()
    if (frame === null) return null
    const { kernel } = this.namespace
    kernel.spend(STAGE_SYSCALL_RECEIVE)
    if (kernel.machine!.current !== this.filledBy) kernel.spend(STAGE_CROSS_CORE)
    kernel.spend(STAGE_COPY_OUT, 1, frame.l3Length - this.headerBytes)
    kernel.ledger.delivered++
    if (frame.trace !== 0) this.namespace.charge('socket_receive', frame, this.label)
    return frame
  }

  fail(error: SocketError): void {
    this.onError?.(error)
  }

  /** What waits for the reader is dropped. */
  close(): void {
    this.release()
    this.discard('no_socket')
  }

  /** Nobody will read what waits. */
  discard(reason: DropReason): void {
    if (this.queue === null) return
    for (let frame = this.queue.shift(); frame !== null; frame = this.queue.shift()) {
      this.namespace.drop(frame, reason, null, this.label)
    }
  }
}
