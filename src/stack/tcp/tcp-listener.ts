import type { Verdict } from './endpoint.ts'
import type { Incoming } from './incoming.ts'
import { replyReset } from './reply.ts'
import type { Tcp } from './tcp.ts'
import { TcpRequest } from './tcp-request.ts'
import type { TcpSocket, TcpSocketOptions } from './tcp-socket.ts'

/** A socket that takes connections. */
export class TcpListener {
  readonly port: number
  /** A connection can be accepted; called in kernel context. */
  onAccept: (() => void) | null = null
  readonly options: TcpSocketOptions
  private readonly tcp: Tcp
  private readonly backlog: number
  private readonly accepted: TcpSocket[] = []
  /** Handshakes that are not finished. */
  private readonly requests = new Set<TcpRequest>()
  private isClosed = false

  constructor(tcp: Tcp, port: number, backlog: number, options: TcpSocketOptions) {
    this.tcp = tcp
    this.port = port
    this.options = options
    this.backlog = Math.min(backlog, tcp.namespace.kernel.profile.tcp.somaxconn)
  }

  /** The connection that has waited longest; null when there is none. */
  accept(): TcpSocket | null {
    return this.accepted.shift() ?? null
  }

  /** sk_acceptq_is_full. */
  get isFull(): boolean {
    return this.accepted.length > this.backlog
  }

  /** A segment for the port that belongs to no connection. */
  receive(segment: Incoming): Verdict {
    if (segment.isReset) return 'consumed'
    if (segment.hasAck) {
      replyReset(this.tcp.namespace, segment)
      return 'no_socket'
    }
    if (!segment.isSyn || segment.isFin) return 'tcp_invalid_sequence'
    if (this.isFull || this.requests.size >= this.backlog) return 'tcp_listen_overflow'
    this.requests.add(new TcpRequest(this.tcp, this, segment))
    return 'consumed'
  }

  /** A handshake is finished: the connection waits to be accepted. */
  complete(request: TcpRequest, socket: TcpSocket): void {
    this.requests.delete(request)
    this.accepted.push(socket)
    this.onAccept?.()
  }

  /** A handshake has come to nothing. */
  abandon(request: TcpRequest): void {
    this.requests.delete(request)
  }

  /** Stops listening; what was not accepted is reset. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.tcp.stopListening(this)
    for (const request of [...this.requests]) request.end()
    for (const socket of this.accepted.splice(0)) socket.abort()
  }
}
