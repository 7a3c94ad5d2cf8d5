import type { Schedulable } from '../cpu/task.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { TcpListener } from '../stack/tcp/tcp-listener.ts'
import type { TcpSocket } from '../stack/tcp/tcp-socket.ts'
import { listenTcp } from './tcp-ends.ts'
import type { TcpTransactions } from './tcp-transactions.ts'

/** The server of one namespace: as many workers as clients, which take connections as they become free. */
export class TransactionServer {
  readonly port: number
  /** How many there are. */
  clients = 0
  readonly listener: TcpListener | null
  private readonly workload: TcpTransactions
  private readonly namespace: NetNamespace
  /** Workers that wait for a connection. */
  private readonly idle: Worker[] = []

  constructor(workload: TcpTransactions, namespace: NetNamespace) {
    this.workload = workload
    this.namespace = namespace
    const { port, options } = workload
    const { outstanding = 1, pairs } = options
    this.listener = listenTcp(namespace, port, outstanding * pairs.length, options)
    this.port = this.listener?.port ?? port
  }

  begin(): void {
    const { listener, workload, namespace, idle } = this
    if (listener === null) return
    const { kernel, name } = namespace
    const { options, threads } = workload
    for (let i = 0; i < this.clients; i++) {
      const title = `${options.name} server ${name} ${i}`
      const worker = new Worker(this, workload)
      const step = (): boolean => worker.step(listener)
      worker.thread = threads.receiver(kernel, title, step, options.receiverCore)
      idle.push(worker)
    }
    listener.onAccept = () => idle.pop()?.wake()
  }

  /** A worker goes to sleep until there is a connection. */
  wait(worker: Worker): void {
    this.idle.push(worker)
  }
}

/** Serves one connection after the other; each step is about a system call. */
class Worker {
  thread: Schedulable | null = null
  private readonly server: TransactionServer
  private readonly workload: TcpTransactions
  private socket: TcpSocket | null = null
  /** The server knows that it is free. */
  private isIdle = true
  /** Bytes of the request that are not read, of the reply that are not written. */
  private unread: number
  private unwritten = 0

  constructor(server: TransactionServer, workload: TcpTransactions) {
    this.server = server
    this.workload = workload
    this.unread = workload.size
  }

  /** There may be a connection. */
  wake(): void {
    this.isIdle = false
    this.thread!.wake()
  }

  step(listener: TcpListener): boolean {
    const { socket } = this
    if (socket === null) return this.accept(listener)
    if (this.unwritten > 0) return this.reply(socket)
    if (socket.readable > 0) return this.read(socket)
    return socket.atEnd ? this.hangUp(socket) : false
  }

  private accept(listener: TcpListener): boolean {
    const socket = listener.accept()
    if (socket === null) return this.wait()
    const wake = (): void => this.thread!.wake()
    socket.onReadable = wake
    socket.onWritable = wake
    socket.onClose = (error) => {
      if (error !== null && socket === this.socket) this.lose()
    }
    this.socket = socket
    this.unread = this.workload.size
    this.unwritten = 0
    return true
  }

  private wait(): boolean {
    if (!this.isIdle) this.server.wait(this)
    this.isIdle = true
    return false
  }

  private read(socket: TcpSocket): boolean {
    this.unread -= socket.read(this.unread)
    if (this.unread === 0) this.unwritten = this.workload.replySize
    return true
  }

  private reply(socket: TcpSocket): boolean {
    const taken = socket.write(this.unwritten)
    this.unwritten -= taken
    if (this.unwritten > 0) return taken > 0
    this.unread = this.workload.size
    return true
  }

  private hangUp(socket: TcpSocket): boolean {
    this.socket = null
    socket.close()
    return true
  }

  /** The connection has broken: on to the next. */
  private lose(): void {
    this.socket = null
    this.thread!.wake()
  }
}
