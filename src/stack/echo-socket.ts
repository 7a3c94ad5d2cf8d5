import { STAGE_COPY_IN, STAGE_ICMP, STAGE_SYSCALL_SEND } from '../cpu/stage.ts'
import { Frame, IPV4_HEADER_BYTES, PROTOCOL_ICMP } from '../wire/frame.ts'
import { ICMP_ECHO, ICMP_HEADER_BYTES, IcmpMessage } from '../wire/icmp.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { DatagramSocket } from './datagram-socket.ts'
import type { SendError } from './ipv4.ts'
import type { NetNamespace } from './namespace.ts'

const HEADER_BYTES = IPV4_HEADER_BYTES + ICMP_HEADER_BYTES

/**
 * A raw socket as ping opens it: sends echo requests and takes the replies and errors that belong to its
 * identifier. Of what `receive` gives, the header is the reply's IcmpMessage.
 */
export class EchoSocket extends DatagramSocket {
  readonly identifier: number
  /** Where work takes no time: a reply, at once. */
  onReply: ((frame: Frame, sequence: number) => void) | null = null
  protected readonly headerBytes = HEADER_BYTES
  private readonly simulator

  constructor(namespace: NetNamespace, identifier: number, release: () => void) {
    super(namespace, release)
    this.identifier = identifier
    this.simulator = namespace.kernel.simulator
  }

  protected get label(): string {
    return `icmp echo id ${this.identifier}`
  }

  /** @param bytes payload, as `ping -s` counts it. */
  request(destination: Ipv4Address, sequence: number, bytes: number): SendError | null {
    const frame = new Frame()
    frame.protocol = PROTOCOL_ICMP
    frame.l3Length = HEADER_BYTES + bytes
    frame.header = new IcmpMessage(ICMP_ECHO, 0, this.identifier, sequence & 0xffff)
    frame.payload = echoPattern(bytes)
    frame.sequence = sequence
    frame.sentAt = this.simulator.now
    frame.trace = this.trace
    const { kernel } = this.namespace
    if (kernel.machine !== null) {
      kernel.spend(STAGE_SYSCALL_SEND)
      kernel.spend(STAGE_COPY_IN, 1, bytes)
      this.namespace.spend(STAGE_ICMP, frame)
    }
    return this.send(frame, destination)
  }

  deliver(frame: Frame, message: IcmpMessage): void {
    this.onReply?.(frame, message.sequence)
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
