import { Frame, IPV4_HEADER_BYTES, PROTOCOL_ICMP } from '../wire/frame.ts'
import { ICMP_ECHO, ICMP_HEADER_BYTES, IcmpMessage } from '../wire/icmp.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { DatagramSender } from './datagram.ts'
import type { SendError } from './ipv4.ts'
import type { NetNamespace } from './namespace.ts'
import type { SocketError } from './sockets.ts'

/** Sends echo requests and takes the replies and errors that belong to its identifier. */
export class EchoSocket extends DatagramSender {
  readonly identifier: number
  onReply: ((frame: Frame, sequence: number) => void) | null = null
  onError: ((error: SocketError) => void) | null = null
  trace = 0
  private readonly simulator
  private readonly release: () => void

  constructor(namespace: NetNamespace, identifier: number, release: () => void) {
    super(namespace)
    this.identifier = identifier
    this.simulator = namespace.kernel.simulator
    this.release = release
  }

  /** @param bytes payload, as `ping -s` counts it. */
  request(destination: Ipv4Address, sequence: number, bytes: number): SendError | null {
    const frame = new Frame()
    frame.protocol = PROTOCOL_ICMP
    frame.l3Length = IPV4_HEADER_BYTES + ICMP_HEADER_BYTES + bytes
    frame.header = new IcmpMessage(ICMP_ECHO, 0, this.identifier, sequence & 0xffff)
    frame.payload = echoPattern(bytes)
    frame.sequence = sequence
    frame.sentAt = this.simulator.now
    frame.trace = this.trace
    return this.send(frame, destination)
  }

  deliver(frame: Frame, message: IcmpMessage): void {
    this.onReply?.(frame, message.sequence)
  }

  fail(error: SocketError): void {
    this.onError?.(error)
  }

  close(): void {
    this.release()
  }
}

const patterns = new Map<number, Uint8Array>()

/** Counting bytes, as ping fills its payload after the time stamp (which stays zero here). */
function echoPattern(bytes: number): Uint8Array {
  let pattern = patterns.get(bytes)
  if (pattern === undefined) {
    pattern = Uint8Array.from({ length: bytes }, (_, i) => (i < 16 ? 0 : i & 0xff))
    patterns.set(bytes, pattern)
  }
  return pattern
}
