import { STAGE_CLONE, STAGE_COPY_IN, STAGE_SYSCALL_SEND } from '../cpu/stage.ts'
import type { Holder } from '../measure/ledger.ts'
import type { NetDevice, RxHandler } from '../stack/device.ts'
import type { Frame } from '../wire/frame.ts'

/**
 * A packet socket on one device with a ring that it shares with its reader (AF_PACKET, PACKET_RX_RING):
 * takes all that the device receives, and sends by it. Nothing else of the host reads the device.
 */
export class PacketRing implements Holder, RxHandler {
  /** Called in the kernel when a frame has come: to wake the reader. */
  onReadable: (() => void) | null = null
  private readonly device: NetDevice
  private readonly capacity: number
  private queue: Frame[] = []
  private head = 0
  private used = 0

  /** @param capacity bytes. */
  constructor(device: NetDevice, capacity: number) {
    this.device = device
    this.capacity = capacity
    device.rxHandler = this
    device.namespace.kernel.ledger.addHolder(this)
  }

  /** tpacket_rcv: a copy into the ring. */
  handleFrame(frame: Frame): null {
    const { namespace } = this.device
    namespace.spend(STAGE_CLONE, frame)
    if (this.used + frame.length > this.capacity) {
      namespace.drop(frame, 'socket_buffer', this.device)
      return null
    }
    frame.orphan()
    this.used += frame.length
    this.queue.push(frame)
    this.onReadable?.()
    return null
  }

  /** Takes a frame out of the ring, without a system call. @returns null when none waits. */
  receive(): Frame | null {
    const frame = this.queue[this.head]
    if (frame === undefined) return null
    this.head++
    if (this.head === this.queue.length) {
      this.queue = []
      this.head = 0
    }
    this.used -= frame.length
    this.device.namespace.kernel.ledger.consumed++
    return frame
  }

  /** Sends a frame by the device. */
  send(frame: Frame): void {
    const { kernel } = this.device.namespace
    kernel.enter()
    kernel.spend(STAGE_SYSCALL_SEND)
    kernel.spend(STAGE_COPY_IN, 1, frame.length)
    kernel.ledger.originated++
    this.device.send(frame)
    kernel.leave()
  }

  /** What waits is dropped. */
  close(): void {
    if (this.device.rxHandler === this) this.device.rxHandler = null
    for (const frame of this.queue.slice(this.head)) {
      this.device.namespace.drop(frame, 'no_socket', this.device)
    }
    this.queue = []
    this.head = 0
    this.used = 0
  }

  heldFrames(): number {
    return this.queue.length - this.head
  }
}
