import type { EventTarget } from '../sim/event-queue.ts'
import type { TcpSocket } from '../stack/tcp/tcp-socket.ts'
import { LEAST_TURNAROUND } from './pace.ts'
import type { TcpBulkOptions } from './tcp.ts'
import { BULK_BYTES } from './tcp-ends.ts'
import type { TcpFlow } from './tcp-flow.ts'

/** One end of a flow at work. */
export interface Half {
  /** About a system call. @returns whether it goes on; false = it waits for its socket. */
  step(): boolean
}

/** Writes as long as the flow lasts, then closes. */
export class BulkWriter implements Half, EventTarget {
  private readonly flow: TcpFlow
  private readonly socket: TcpSocket
  private readonly options: TcpBulkOptions
  private readonly wake: () => void
  /** What is left of a call that blocks. */
  private rest = 0
  private isClosed = false
  private readonly isInstant: boolean
  /** When a whole call was taken last, where work takes no time; -1 = never. */
  private latest = -1

  constructor(flow: TcpFlow, socket: TcpSocket, options: TcpBulkOptions, wake: () => void) {
    this.flow = flow
    this.socket = socket
    this.options = options
    this.wake = wake
    this.isInstant = socket.namespace.kernel.machine === null
    flow.sender = socket
    flow.wakeWriter = wake
    socket.onWritable = wake
  }

  step(): boolean {
    if (this.isClosed) return false
    const { flow, options, socket } = this
    const { now } = options.simulator
    if (flow.isWritten(now)) {
      this.isClosed = true
      socket.close()
      return false
    }
    if (this.latest === now) {
      options.simulator.at(now + LEAST_TURNAROUND, this)
      return false
    }
    if (this.rest === 0) {
      this.rest = Math.min(options.writeSize ?? BULK_BYTES, flow.bytes - flow.written)
    }
    const taken = socket.write(this.rest)
    this.rest -= taken
    flow.written += taken
    if (this.rest > 0) return taken > 0
    if (this.isInstant) this.latest = now
    return true
  }

  fire(): void {
    this.wake()
  }
}

/** Reads until the other end closes, then closes too. */
export class BulkReader implements Half {
  private readonly flow: TcpFlow
  private readonly socket: TcpSocket
  private isClosed = false

  constructor(flow: TcpFlow, socket: TcpSocket, wake: () => void) {
    this.flow = flow
    this.socket = socket
    socket.onReadable = wake
  }

  step(): boolean {
    const { flow, socket } = this
    if (socket.readable > 0) {
      flow.noteRead(socket.read(BULK_BYTES))
      return true
    }
    if (!socket.atEnd || this.isClosed) return false
    this.isClosed = true
    socket.close()
    return false
  }
}
