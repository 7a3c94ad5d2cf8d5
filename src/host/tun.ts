import type { Core } from '../cpu/core.ts'
import { Ring } from '../cpu/ring.ts'
import {
  STAGE_COPY_IN,
  STAGE_COPY_OUT,
  STAGE_CROSS_CORE,
  STAGE_SYSCALL_RECEIVE,
  STAGE_SYSCALL_SEND,
  STAGE_TUN,
} from '../cpu/stage.ts'
import type { Holder } from '../measure/ledger.ts'
import { ALL_OFFLOADS, withFeatures } from '../stack/device-features.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ETHERTYPE_IPV4, type Frame } from '../wire/frame.ts'
import { HostDevice } from './host-device.ts'

/** tx_queue_len of a TUN device: what waits at most for the program to read it. */
export const TUN_QUEUE_LENGTH = 500

/** Without TUNSETOFFLOAD and IFF_VNET_HDR the program gets finished packets, one at a time. */
const TUN_FEATURES = withFeatures(ALL_OFFLOADS, { tso: false, txChecksum: false, tunnelTso: false })

/**
 * A TUN device (drivers/net/tun.c, IFF_TUN | IFF_NO_PI): its other side is a file descriptor of a
 * program, which reads the IP packets that are sent to the device and writes those that come in on it.
 * It goes with the descriptor.
 */
export class Tun extends HostDevice implements Holder {
  readonly kind = 'tun'
  /** A packet waits that the program may not know of: to wake its task. */
  onReadable: (() => void) | null = null
  private readonly queue = new Ring<Frame>()
  /** Who has filled the queue last, in whose caches its packets are. */
  private filledBy: Core | null = null

  constructor(namespace: NetNamespace, name: string, mtu: number) {
    super(namespace, name, mtu, 0)
    this.noArp = true
    this.features = TUN_FEATURES
    namespace.kernel.ledger.addHolder(this)
  }

  /** There is no link layer: what is written to the device is meant for this host. */
  override isOwn(_frame: Frame): boolean {
    return true
  }

  /** tun_net_xmit. The sender is told that its packet has gone, however long it waits here. */
  protected transmit(frame: Frame): void {
    const { namespace } = this
    if (frame.etherType !== ETHERTYPE_IPV4) {
      return namespace.drop(frame, 'unhandled_protocol', this)
    }
    if (this.queue.length >= TUN_QUEUE_LENGTH) {
      return namespace.drop(frame, 'tun_ring_full', this, `${TUN_QUEUE_LENGTH} packets wait`)
    }
    namespace.spend(STAGE_TUN, frame)
    frame.orphan()
    if (frame.trace !== 0) namespace.charge('queue', frame, 'for the program', this)
    this.queue.push(frame)
    this.filledBy = namespace.kernel.machine?.current ?? null
    this.onReadable?.()
  }

  /**
   * read(2), which does not block. The packet is the caller's from now on, who books its end.
   * @returns null when none waits (EAGAIN), which costs a system call too.
   */
  read(): Frame | null {
    const { kernel } = this.namespace
    const frame = this.queue.shift() ?? null
    kernel.spend(STAGE_SYSCALL_RECEIVE)
    if (frame === null || kernel.machine === null) return frame
    if (kernel.machine.current !== this.filledBy) kernel.spend(STAGE_CROSS_CORE)
    kernel.spend(STAGE_COPY_OUT, 1, frame.l3Length)
    return frame
  }

  /** write(2): a packet comes in on the device. It is in the books already. */
  write(packet: Frame): void {
    const { kernel } = this.namespace
    kernel.spend(STAGE_SYSCALL_SEND)
    kernel.spend(STAGE_COPY_IN, 1, packet.l3Length)
    this.namespace.spend(STAGE_TUN, packet)
    kernel.netifRx(packet, this)
  }

  heldFrames(): number {
    return this.queue.length
  }

  protected override release(): void {
    this.onReadable = null
    for (let frame = this.queue.shift(); frame !== undefined; frame = this.queue.shift()) {
      this.namespace.drop(frame, 'device_down', this)
    }
  }

  override details(): Record<string, unknown> {
    return { type: 'tun', pi: false, vnet_hdr: false, persist: false }
  }
}
