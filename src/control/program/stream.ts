import type { Process } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import type { TcpListener } from '../../stack/tcp/tcp-listener.ts'
import type { TcpSocket } from '../../stack/tcp/tcp-socket.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { Condition } from './condition.ts'
import type { Descriptor, Program } from './program.ts'

/** Bytes that a read asks for: Go's bufio and net/http read about as much at a time. */
const READ_BYTES = 65536

/** What Go's net package sets on every connection (defaultTCPKeepAlive). */
const KEEPALIVE = { idle: 15 * SECOND, interval: 15 * SECOND }

/** What a stream's failure is called: the system call's error, or the program's own time-out. */
export type StreamError = string

/** A TCP connection of a program. Its sockets have TCP_NODELAY, as Go's do. */
export class Stream implements Descriptor {
  readonly program: Program
  /** Why it broke; null while it works, and when the peer has ended it in order. */
  error: StreamError | null = null
  private readonly socket: TcpSocket
  private readonly changed: Condition
  private isClosed = false

  constructor(program: Program, socket: TcpSocket) {
    this.program = program
    this.socket = socket
    this.changed = new Condition(program)
    const notify = (): void => this.changed.notify()
    socket.noDelay = true
    socket.onConnect = notify
    socket.onReadable = notify
    socket.onWritable = notify
    socket.onClose = (error) => {
      this.error ??= error
      notify()
    }
    program.own(this)
  }

  /** Connects. @param timeout picoseconds. @returns the stream, or why there is none. */
  static *connect(
    program: Program,
    address: Ipv4Address,
    port: number,
    timeout = Infinity,
  ): Process<Stream | StreamError> {
    const socket = program.namespace.sockets.openTcp({ noDelay: true })
    const stream = new Stream(program, socket)
    const refusal = socket.connect(address, port)
    if (refusal !== null) return stream.fail(refusal)
    while (socket.state !== 'ESTABLISHED') {
      if (stream.isBroken) return stream.fail(stream.error ?? 'ECONNREFUSED')
      if (!(yield stream.changed.until(timeout))) return stream.fail('timeout')
    }
    socket.setKeepalive(KEEPALIVE)
    return stream
  }

  private fail(error: StreamError): StreamError {
    this.error = error
    this.close()
    return error
  }

  get localAddress(): Ipv4Address {
    return this.socket.localAddress
  }

  get peerAddress(): Ipv4Address {
    return this.socket.remoteAddress
  }

  get peerPort(): number {
    return this.socket.remotePort
  }

  get isBroken(): boolean {
    return this.isClosed || this.error !== null || this.socket.isGone
  }

  /** Whether the peer has ended the connection, or it has broken: nothing more can be read. */
  get atEnd(): boolean {
    return this.isClosed || this.socket.atEnd
  }

  /** Bytes that can be read without waiting. */
  get readable(): number {
    return this.isClosed ? 0 : this.socket.readable
  }

  /**
   * Reads what is there, and waits if there is nothing. @param timeout picoseconds.
   * @returns null at the end: `error` says whether it was in order; after a time-out it is 'timeout'.
   */
  *read(timeout = Infinity): Process<Uint8Array | null> {
    const { socket } = this
    while (this.readable === 0) {
      if (this.atEnd) return null
      if (!(yield this.changed.until(timeout))) {
        this.error ??= 'timeout'
        return null
      }
    }
    return socket.readContent(READ_BYTES)
  }

  /** What is there to be read; null when that is nothing. */
  poll(): Uint8Array | null {
    return this.readable === 0 ? null : this.socket.readContent(READ_BYTES)
  }

  /** Writes from `from` on as much as there is room for. @returns up to where it was taken. */
  offer(content: Uint8Array, from = 0): number {
    const { socket } = this
    let at = from
    while (at < content.length && !this.isBroken) {
      const taken = socket.write(content.length - at, at === 0 ? content : content.subarray(at))
      if (taken === 0) break
      at += taken
    }
    return at
  }

  /** Writes all of it from `from` on, waiting for room. @returns whether it was taken. */
  *write(content: Uint8Array, from = 0): Process<boolean> {
    let at = this.offer(content, from)
    while (at < content.length) {
      if (this.isBroken) return false
      yield this.changed.until(Infinity)
      at = this.offer(content, at)
    }
    return true
  }

  /** Ends in order: what was written is still sent. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.program.disown(this)
    this.socket.close()
    this.changed.notify()
  }

  /** Ends with a reset. */
  abort(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.program.disown(this)
    this.socket.abort()
    this.changed.notify()
  }
}

/** What Go asks for: net.core.somaxconn, which the kernel cuts it to. */
const BACKLOG = 65535

/** A port on which a program takes connections. */
export class StreamListener implements Descriptor {
  readonly port: number
  private readonly program: Program
  private readonly listener: TcpListener
  private readonly arrived: Condition
  private isClosed = false

  private constructor(program: Program, listener: TcpListener) {
    this.program = program
    this.listener = listener
    this.port = listener.port
    this.arrived = new Condition(program)
    listener.onAccept = () => this.arrived.notify()
    program.own(this)
  }

  /** @returns null when the port is taken (EADDRINUSE). */
  static open(program: Program, port: number): StreamListener | null {
    const listener = program.namespace.sockets.listenTcp(port, { backlog: BACKLOG, noDelay: true })
    return listener === null ? null : new StreamListener(program, listener)
  }

  /** @returns the next connection; null when the listener is closed. */
  *accept(): Process<Stream | null> {
    while (!this.isClosed) {
      const socket = this.listener.accept()
      if (socket !== null) {
        socket.setKeepalive(KEEPALIVE)
        return new Stream(this.program, socket)
      }
      yield this.arrived.until(Infinity)
    }
    return null
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.program.disown(this)
    this.listener.close()
    this.arrived.notify()
  }
}
