import type { Schedulable } from '../../cpu/task.ts'
import type { SendError } from '../../stack/ipv4.ts'
import type { TcpListener } from '../../stack/tcp/tcp-listener.ts'
import type { TcpError, TcpSocket } from '../../stack/tcp/tcp-socket.ts'
import type { ProbeRequest } from './request.ts'
import type { ProbeEnds } from './send-probe.ts'

/** Bytes of a read call. */
const READ_SIZE = 131072

/** What became of a probe's connection, as its two programs know it. Times are picoseconds. */
export interface ConnectionOutcome {
  /** When the handshake was finished for the client; null when it was not. */
  readonly establishedAt: number | null
  /** Bytes that the client wrote, and that the peer acknowledged. */
  readonly written: number
  readonly acknowledged: number
  /** Bytes that the server read; null where a program of the scenario has the port. */
  readonly read: number | null
  /** Segments that the client sent again, and its timeouts. */
  readonly retransmissions: number
  readonly timeouts: number
  /** Largest segment that the client sends, bytes. */
  readonly mss: number
  readonly state: string
  readonly error: TcpError | null
}

/** One connection: the client writes so many bytes and closes, the server reads to the end and closes. */
export class TcpProbe {
  /** What connect() said at once; null when a SYN was sent. */
  connectError: SendError | 'EADDRNOTAVAIL' | null = null
  /** When the server had read all and the client knew that both sides are closed. */
  endedAt: number | null = null
  private readonly ends: ProbeEnds
  private readonly request: ProbeRequest
  private readonly client: TcpSocket
  private readonly program: Schedulable
  private readonly listener: TcpListener | null
  private server: TcpSocket | null = null
  private establishedAt: number | null = null
  private written = 0
  private bytesRead = 0
  private hasBegun = false
  private error: TcpError | null = null

  constructor(ends: ProbeEnds, request: ProbeRequest, trace: number) {
    const { sender, receiver } = ends
    this.ends = ends
    this.request = request
    this.client = sender.sockets.tcp.open({})
    this.client.trace = trace
    this.program = sender.kernel.task('probe', () => this.step())
    const wake = () => this.program.wake()
    this.client.onConnect = () => {
      this.establishedAt = this.now
      wake()
    }
    this.client.onWritable = wake
    this.client.onReadable = wake
    this.client.onClose = (error) => {
      this.error = error
      wake()
    }
    this.listener = receiver?.sockets.listenTcp(request.port, {}) ?? null
    if (receiver !== null && this.listener !== null) this.serve(receiver.kernel, this.listener)
  }

  start(): void {
    this.program.wake()
  }

  outcome(): ConnectionOutcome {
    const { client } = this
    const { info } = client
    return {
      establishedAt: this.establishedAt,
      written: this.written,
      acknowledged: Math.min(info.bytesAcked, this.written),
      read: this.listener === null ? null : this.bytesRead,
      retransmissions: info.retransmits,
      timeouts: info.timeouts,
      mss: info.sndMss,
      state: client.state,
      error: this.error ?? client.error,
    }
  }

  private get now(): number {
    return this.ends.sender.kernel.simulator.now
  }

  /** One system call of the client. */
  private step(): boolean {
    const { client, request, ends } = this
    if (!this.hasBegun) {
      this.hasBegun = true
      this.connectError = client.connect(ends.destination, request.port)
      return false
    }
    if (this.establishedAt === null) return false
    if (client.readable > 0) return client.read(READ_SIZE) > 0
    if (this.written < request.size) {
      const taken = client.write(request.size - this.written)
      this.written += taken
      if (this.written < request.size) return taken > 0
    }
    if (!client.isSendShut) {
      client.shutdown()
      return true
    }
    this.noteEnd()
    return false
  }

  /** The server closes when it has read all: its FIN is the end, and says that all has arrived. */
  private noteEnd(): void {
    const isWhole = this.listener === null || this.bytesRead === this.request.size
    if (this.endedAt === null && this.client.atEnd && this.error === null && isWhole) {
      this.endedAt = this.now
    }
  }

  private serve(kernel: ProbeEnds['sender']['kernel'], listener: TcpListener): void {
    const program = kernel.task('probe server', () => this.serverStep(listener, program))
    listener.onAccept = () => program.wake()
  }

  private serverStep(listener: TcpListener, program: Schedulable): boolean {
    if (this.server === null) {
      this.server = listener.accept()
      if (this.server === null) return false
      this.server.onReadable = () => program.wake()
      this.server.onClose = () => program.wake()
      return true
    }
    const { server } = this
    if (server.readable > 0) {
      this.bytesRead += server.read(READ_SIZE)
      return true
    }
    if (server.atEnd && !server.isSendShut) server.shutdown()
    return false
  }
}
