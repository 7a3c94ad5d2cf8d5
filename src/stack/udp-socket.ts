import { Frame, IPV4_HEADER_BYTES, PROTOCOL_UDP, UDP_HEADER_BYTES } from '../wire/frame.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { DatagramSender } from './datagram.ts'
import type { SendError } from './ipv4.ts'
import type { NetNamespace } from './namespace.ts'
import type { SocketError } from './sockets.ts'

/** A UDP socket. What arrives is handed to `onReceive` at once. */
export class UdpSocket extends DatagramSender {
  readonly port: number
  onReceive: ((frame: Frame) => void) | null = null
  onError: ((error: SocketError) => void) | null = null
  /** Trace id given to what is sent; 0 for none. */
  trace = 0
  private readonly simulator
  private readonly release: () => void

  constructor(namespace: NetNamespace, port: number, release: () => void) {
    super(namespace)
    this.port = port
    this.simulator = namespace.kernel.simulator
    this.release = release
  }

  /**
   * Sends `bytes` of payload. @param sequence what the generator writes into the payload, beside the
   * time. @returns the system call's error, or null.
   */
  sendTo(
    destination: Ipv4Address,
    port: number,
    bytes: number,
    sequence = 0,
    sentAt = this.simulator.now,
  ): SendError | null {
    const frame = new Frame()
    frame.protocol = PROTOCOL_UDP
    frame.l3Length = IPV4_HEADER_BYTES + UDP_HEADER_BYTES + bytes
    frame.sourcePort = this.port
    frame.destinationPort = port
    frame.sequence = sequence
    frame.sentAt = sentAt
    frame.trace = this.trace
    return this.send(frame, destination)
  }

  deliver(frame: Frame): void {
    this.onReceive?.(frame)
  }

  fail(error: SocketError): void {
    this.onError?.(error)
  }

  close(): void {
    this.release()
  }
}
