/** A TCP stream as the lab's `nb tcpsrv` and `nb tcpcli` make it. */
import type { Schedulable } from '../../src/cpu/task.ts'
import type { TcpListener } from '../../src/stack/tcp/tcp-listener.ts'
import type { TcpError, TcpSocket } from '../../src/stack/tcp/tcp-socket.ts'
import { type Ipv4Address, ipv4 } from '../../src/wire/ipv4-address.ts'
import type { Lab } from './lab.ts'

/** What `nb` reads at once, and what the lab's probes write at once, bytes. */
const READ_BYTES = 1 << 18
const WRITE_BYTES = 16384

/** `nb tcpsrv PORT`: takes one connection, reads it to its end and closes it. */
export class TcpServer {
  bytes = 0
  private readonly listener: TcpListener
  private readonly task: Schedulable
  private socket: TcpSocket | null = null

  constructor(lab: Lab, node: string, port: number) {
    const { sockets, kernel } = lab.namespace(node)
    const listener = sockets.listenTcp(port, { backlog: 4, noDelay: true, congestion: 'cubic' })
    if (listener === null) throw new Error(`${node}: port ${port} is taken`)
    this.listener = listener
    this.task = kernel.task('nb tcpsrv', () => this.step())
    listener.onAccept = () => this.task.wake()
  }

  private step(): boolean {
    if (this.socket === null) return this.accept()
    const count = this.socket.read(READ_BYTES)
    this.bytes += count
    if (count > 0) return true
    if (this.socket.atEnd) this.socket.close()
    return false
  }

  private accept(): boolean {
    const socket = this.listener.accept()
    if (socket === null) return false
    this.listener.close()
    socket.onReadable = () => this.task.wake()
    this.socket = socket
    return true
  }

  line(): string {
    return JSON.stringify({ bytes: this.bytes })
  }
}

/** `nb tcpcli IP PORT 0 16384 BYTES`: writes, shuts its direction down, and reads to the end. */
export class TcpClient {
  readonly socket: TcpSocket
  /** Bytes that the kernel took. */
  written = 0
  error: TcpError | null = null
  private readonly limit: number
  private readonly destination: Ipv4Address
  private readonly port: number
  private readonly task: Schedulable
  private hasBegun = false
  private isConnected = false
  private isShut = false
  private isClosed = false
  private info: object | null = null

  constructor(lab: Lab, node: string, destination: string, port: number, bytes: number) {
    const { sockets, kernel } = lab.namespace(node)
    this.limit = bytes
    this.destination = ipv4(destination)
    this.port = port
    this.socket = sockets.openTcp({ noDelay: true, congestion: 'cubic' })
    this.task = kernel.task('nb tcpcli', () => this.step())
    const wake = () => this.task.wake()
    const { socket } = this
    socket.onConnect = () => {
      this.isConnected = true
      wake()
    }
    socket.onWritable = wake
    socket.onReadable = wake
    socket.onClose = (error) => {
      this.error = error
      wake()
    }
    wake()
  }

  /** As a blocking write: what is left of 16384 bytes goes first when there is room again. */
  private step(): boolean {
    const { socket, limit } = this
    if (!this.hasBegun) return this.connect()
    if (this.isClosed || !this.isConnected || this.error !== null) return false
    if (this.written < limit) {
      const rest = WRITE_BYTES - (this.written % WRITE_BYTES)
      const count = socket.write(Math.min(rest, limit - this.written))
      this.written += count
      return count > 0
    }
    if (!this.isShut) {
      this.info = this.readInfo()
      socket.shutdown()
      this.isShut = true
      return true
    }
    if (socket.read(READ_BYTES) > 0) return true
    if (socket.atEnd) this.kill()
    return false
  }

  private connect(): boolean {
    this.hasBegun = true
    const error = this.socket.connect(this.destination, this.port)
    if (error !== null) throw new Error(`nb: connect: ${error}`)
    return false
  }

  /** What `timeout` does when it has waited long enough, and the program itself at its end. */
  kill(): void {
    this.isClosed = true
    this.socket.close()
  }

  private readInfo(): object {
    const { sndMss, pmtu, retransmits } = this.socket.info
    return { bytes: this.written, mss: sndMss, pmtu, retrans: retransmits }
  }

  line(): string {
    return JSON.stringify(this.info ?? this.readInfo())
  }
}
