import type { Schedulable } from '../../src/cpu/task.ts'
import type { TcpSocketOptions } from '../../src/stack/sockets.ts'
import type { TcpListener } from '../../src/stack/tcp/tcp-listener.ts'
import type { TcpSocket } from '../../src/stack/tcp/tcp-socket.ts'
import type { Wan, WanHost } from './wan.ts'

const WRITE_BYTES = 65536

/** Byte of the stream at an offset: no two near places look alike. */
const byteAt = (offset: number): number => (offset ^ (offset >>> 8) ^ (offset >>> 16)) & 0xff

/** One connection that carries bytes one way, and then closes. */
export class Bulk {
  readonly sender: TcpSocket
  receiver: TcpSocket | null = null
  /** Bytes that the reading application got. */
  received = 0
  /** Picoseconds at which it last got some. */
  progressAt: number
  /** First offset at which content was not what was written, -1 = none. */
  wrongAt = -1
  /** Why either end broke off. */
  error: string | null = null
  /** Ends that have closed in order. */
  closed = 0
  /** Bytes to carry. */
  readonly size: number
  private readonly wan: Wan
  private readonly isChecked: boolean
  private written = 0
  private isAccepted = false

  /**
   * @param size bytes; Infinity sends on and on. @param isChecked whether content is written and
   *   compared, else zeros.
   */
  constructor(
    wan: Wan,
    from: WanHost,
    to: WanHost,
    port: number,
    size: number,
    options: TcpSocketOptions = {},
    isChecked = false,
  ) {
    this.wan = wan
    this.size = size
    this.isChecked = isChecked
    this.progressAt = wan.simulator.now
    const listener = to.namespace.sockets.listenTcp(port, options)
    if (listener === null) throw new Error(`port ${port} is taken`)
    listener.onAccept = () => this.accept(listener, to)
    this.sender = from.namespace.sockets.openTcp(options)
    const writer = from.namespace.kernel.task(`writer ${port}`, () => this.write())
    this.sender.onConnect = () => writer.wake()
    this.sender.onWritable = () => writer.wake()
    this.sender.onClose = (error) => this.end(error)
    const opener = from.namespace.kernel.task('opener', () => {
      this.error = this.sender.connect(to.address, port)
      return false
    })
    opener.wake()
  }

  get isDone(): boolean {
    return this.error !== null || this.closed === 2
  }

  private end(error: string | null): void {
    if (error === null) this.closed++
    else this.error ??= error
  }

  private write(): boolean {
    if (this.written === this.size) return false
    const left = Math.min(this.size - this.written, WRITE_BYTES)
    const taken = this.isChecked
      ? this.sender.write(left, contentOf(this.written, left))
      : this.sender.write(left)
    this.written += taken
    if (this.written < this.size) return taken > 0
    this.sender.close()
    return false
  }

  private accept(listener: TcpListener, to: WanHost): void {
    const socket = listener.accept()
    if (socket === null || this.isAccepted)
      throw new Error('accepted without a connection, or twice')
    this.isAccepted = true
    this.receiver = socket
    listener.close()
    const reader: Schedulable = to.namespace.kernel.task('reader', () => this.read(socket))
    socket.onReadable = () => reader.wake()
    socket.onClose = (error) => this.end(error)
    reader.wake()
  }

  private read(socket: TcpSocket): boolean {
    const before = this.received
    if (this.isChecked) this.compare(socket.readContent(WRITE_BYTES))
    else this.received += socket.read(WRITE_BYTES)
    if (this.received > before) this.progressAt = this.wan.simulator.now
    if (socket.atEnd) {
      socket.close()
      return false
    }
    return socket.readable > 0
  }

  private compare(content: Uint8Array): void {
    for (let i = 0; i < content.length; i++) {
      if (content[i] === byteAt(this.received + i) || this.wrongAt >= 0) continue
      this.wrongAt = this.received + i
    }
    this.received += content.length
  }
}

function contentOf(from: number, length: number): Uint8Array {
  const content = new Uint8Array(length)
  for (let i = 0; i < length; i++) content[i] = byteAt(from + i)
  return content
}
