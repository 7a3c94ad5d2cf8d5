import { STAGE_COPY_IN, STAGE_SYSCALL_SEND, STAGE_UDP_SEND } from '../cpu/stage.ts'
import {
  ETHERNET_HEADER_BYTES,
  Frame,
  type FrameOwner,
  IPV4_HEADER_BYTES,
  PROTOCOL_UDP,
  type Transmitter,
  UDP_HEADER_BYTES,
} from '../wire/frame.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { DatagramSocket } from './datagram-socket.ts'
import type { SendError } from './ipv4.ts'
import type { NetNamespace } from './namespace.ts'
import { skbTruesize } from './skb.ts'

const HEADER_BYTES = IPV4_HEADER_BYTES + UDP_HEADER_BYTES

/** A UDP socket. Its datagrams are charged to it until they have left the host (SO_SNDBUF). */
export class UdpSocket extends DatagramSocket implements FrameOwner {
  readonly port: number
  /** Where work takes no time: what arrives, at once. */
  onReceive: ((frame: Frame) => void) | null = null
  /** After EAGAIN: half of the send buffer is free. Called in the kernel: to wake the sender's task. */
  onWritable: (() => void) | null = null
  /** Bytes of truesize that are charged now. */
  sendBufferUsed = 0
  /** Whether the sender was told EAGAIN and not yet that it may go on. */
  isBlocked = false
  transmitter: Transmitter | null = null
  protected readonly headerBytes = HEADER_BYTES
  private latestBytes = -1
  private latestTruesize = 0
  private readonly sendBuffer: number
  private readonly simulator

  constructor(namespace: NetNamespace, port: number, release: () => void) {
    super(namespace, release)
    this.port = port
    this.simulator = namespace.kernel.simulator
    this.sendBuffer = namespace.kernel.profile.wmemDefault
  }

  protected get label(): string {
    return `udp port ${this.port}`
  }

  /**
   * Sends `bytes` of payload. EAGAIN costs nothing: it stands for a call that blocks, and goes on when
   * `onWritable` is called. @param sequence what the generator writes into the payload, beside the time.
   * @returns the system call's error, or null.
   */
  sendTo(
    destination: Ipv4Address,
    port: number,
    bytes: number,
    sequence = 0,
    sentAt = this.simulator.now,
  ): SendError | null {
    if (this.sendBufferUsed >= this.sendBuffer && !this.makeRoom()) return 'EAGAIN'
    const frame = new Frame()
    frame.sequence = sequence
    frame.sentAt = sentAt
    return this.sendFrame(frame, destination, port, bytes)
  }

  /**
   * Sends a datagram with this content.
   * @param options.checksum default true. @param options.carried a packet that `content` has in it.
   * @returns as `sendTo`.
   */
  sendContent(
    destination: Ipv4Address,
    port: number,
    content: Uint8Array,
    options: { readonly checksum?: boolean; readonly carried?: Frame } = {},
  ): SendError | null {
    if (this.sendBufferUsed >= this.sendBuffer && !this.makeRoom()) return 'EAGAIN'
    const frame = new Frame()
    frame.payload = content
    frame.udpChecksum = options.checksum ?? true
    if (options.carried !== undefined) {
      frame.inner = options.carried
      frame.bareInner = true
    }
    return this.sendFrame(frame, destination, port, content.length)
  }

  /** Sends a datagram whose content is an IP packet, as a tunnel in user space does. @returns as `sendTo`. */
  sendPacket(destination: Ipv4Address, port: number, packet: Frame): SendError | null {
    if (this.sendBufferUsed >= this.sendBuffer && !this.makeRoom()) return 'EAGAIN'
    const frame = new Frame()
    frame.inner = packet
    frame.bareInner = true
    this.trace = packet.trace
    return this.sendFrame(frame, destination, port, packet.l3Length)
  }

  private sendFrame(
    frame: Frame,
    destination: Ipv4Address,
    port: number,
    bytes: number,
  ): SendError | null {
    frame.protocol = PROTOCOL_UDP
    frame.l3Length = HEADER_BYTES + bytes
    frame.sourcePort = this.port
    frame.destinationPort = port
    frame.trace = this.trace
    const { kernel } = this.namespace
    if (kernel.machine !== null) {
      kernel.spend(STAGE_SYSCALL_SEND)
      kernel.spend(STAGE_COPY_IN, 1, bytes)
      this.namespace.spend(STAGE_UDP_SEND, frame)
    }
    frame.owner = this
    frame.truesize = this.truesizeOf(bytes)
    this.sendBufferUsed += frame.truesize
    const error = this.send(frame, destination)
    if (error !== null) frame.orphan()
    return error
  }

  /** Of a datagram. Most are as long as the one before. */
  private truesizeOf(bytes: number): number {
    if (bytes !== this.latestBytes) {
      this.latestBytes = bytes
      this.latestTruesize = skbTruesize(ETHERNET_HEADER_BYTES + HEADER_BYTES + bytes)
    }
    return this.latestTruesize
  }

  /** Whether what has left meanwhile gave the buffer room; if not, the socket waits for that. */
  private makeRoom(): boolean {
    this.transmitter?.reap()
    if (this.sendBufferUsed < this.sendBuffer) return true
    this.isBlocked = true
    this.transmitter?.requestCompletion()
    return false
  }

  /** sock_wfree and sock_def_write_space. */
  frameFreed(truesize: number): void {
    this.sendBufferUsed -= truesize
    if (!this.isBlocked || this.sendBufferUsed * 2 > this.sendBuffer) return
    this.isBlocked = false
    this.onWritable?.()
  }

  deliver(frame: Frame): void {
    this.onReceive?.(frame)
  }
}
