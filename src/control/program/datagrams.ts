import type { Process } from '../../sim/process.ts'
import type { SendError } from '../../stack/ipv4.ts'
import type { UdpSocket } from '../../stack/udp-socket.ts'
import type { Frame } from '../../wire/frame.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { Condition } from './condition.ts'
import type { Descriptor, Program } from './program.ts'

/** A datagram with its content, as a program receives it. */
export interface Datagram {
  readonly from: Ipv4Address
  readonly port: number
  readonly content: Uint8Array
}

/** A UDP socket of a program. */
export class Datagrams implements Descriptor {
  readonly port: number
  private readonly program: Program
  private readonly socket: UdpSocket
  private readonly arrived: Condition
  /** Where work takes no time the socket keeps nothing. */
  private readonly queue: Datagram[] = []
  private isClosed = false

  private constructor(program: Program, socket: UdpSocket) {
    this.program = program
    this.socket = socket
    this.port = socket.port
    this.arrived = new Condition(program)
    socket.onReadable = () => this.arrived.notify()
    socket.onReceive = (frame) => {
      this.queue.push(datagramOf(frame))
      this.arrived.notify()
    }
    program.own(this)
  }

  /** @returns null when the port is taken (EADDRINUSE). */
  static open(program: Program, port?: number): Datagrams | null {
    const socket = program.namespace.sockets.openUdp(port)
    return socket === null ? null : new Datagrams(program, socket)
  }

  /** @returns the system call's error; EAGAIN = the send buffer is full and the datagram was not sent. */
  send(to: Ipv4Address, port: number, content: Uint8Array): SendError | null {
    return this.socket.sendContent(to, port, content)
  }

  /** Waits for a datagram. @param timeout picoseconds. @returns null when the time is over or it is closed. */
  *receive(timeout = Infinity): Process<Datagram | null> {
    while (!this.isClosed) {
      const datagram = this.take()
      if (datagram !== null) return datagram
      if (!(yield* this.arrived.wait(timeout))) return null
    }
    return null
  }

  private take(): Datagram | null {
    const queued = this.queue.shift()
    if (queued !== undefined) return queued
    const frame = this.socket.receive()
    return frame === null ? null : datagramOf(frame)
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.program.disown(this)
    this.socket.close()
    this.arrived.notify()
  }
}

const UDP_AND_IP_BYTES = 28

function datagramOf(frame: Frame): Datagram {
  const content = frame.payload ?? new Uint8Array(frame.l3Length - UDP_AND_IP_BYTES)
  return { from: frame.ipSrc, port: frame.sourcePort, content }
}
