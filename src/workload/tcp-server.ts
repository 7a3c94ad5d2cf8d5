import type { Schedulable } from '../cpu/task.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { TcpListener } from '../stack/tcp/tcp-listener.ts'
import type { TcpSocket } from '../stack/tcp/tcp-socket.ts'
import type { TcpBulk, TcpBulkOptions } from './tcp.ts'
import { listenTcp } from './tcp-ends.ts'
import { COOKIE_BYTES, type TcpFlow } from './tcp-flow.ts'
import type { Half } from './tcp-halves.ts'

/** A connection whose client has not said yet which flow it is. */
interface Greeting {
  readonly socket: TcpSocket
  readonly cookie: Uint8Array
  length: number
}

/** The server of one namespace: it takes connections, and starts a thread for each flow. */
export class TcpServer {
  /** Null when the namespace had no free port: then nobody listens. */
  readonly port: number | null
  private readonly workload: TcpBulk
  private readonly options: TcpBulkOptions
  private readonly namespace: NetNamespace
  private readonly greetings: Greeting[] = []

  constructor(workload: TcpBulk, options: TcpBulkOptions, namespace: NetNamespace) {
    this.workload = workload
    this.options = options
    this.namespace = namespace
    const listener = listenTcp(namespace, workload.port, workload.flowCount, options)
    this.port = listener?.port ?? null
    if (listener === null) return
    const { kernel, name } = namespace
    const title = `${options.name} server ${name}`
    const step = (): boolean => this.step(listener, thread)
    const thread = kernel.task(title, step, options.receiverCore)
    listener.onAccept = () => thread.wake()
  }

  /** A system call: a connection is taken, or read from to learn its flow. */
  private step(listener: TcpListener, thread: Schedulable): boolean {
    const greeting = this.greetings.find(({ socket }) => socket.readable > 0 || socket.atEnd)
    if (greeting !== undefined) {
      this.readCookie(greeting)
      return true
    }
    const socket = listener.accept()
    if (socket === null) return false
    this.greetings.push({ socket, cookie: new Uint8Array(COOKIE_BYTES), length: 0 })
    socket.onReadable = () => thread.wake()
    socket.onClose = () => thread.wake()
    return true
  }

  private readCookie(greeting: Greeting): void {
    const { socket, cookie } = greeting
    if (socket.readable === 0) return this.turnAway(greeting)
    const content = socket.readContent(COOKIE_BYTES - greeting.length)
    cookie.set(content, greeting.length)
    greeting.length += content.length
    if (greeting.length < COOKIE_BYTES) return
    const flow = this.workload.flowOf(cookie)
    // Two ends may have one address: then it may be meant for the other.
    if (flow === undefined || flow.server !== this.namespace) return this.turnAway(greeting)
    this.forget(greeting)
    this.serve(socket, flow)
  }

  private turnAway(greeting: Greeting): void {
    this.forget(greeting)
    greeting.socket.abort()
  }

  private forget(greeting: Greeting): void {
    this.greetings.splice(this.greetings.indexOf(greeting), 1)
  }

  private serve(socket: TcpSocket, flow: TcpFlow): void {
    const isWriter = flow.direction === 'reverse'
    const { kernel, name } = this.namespace
    const title = `${this.options.name} server ${name} flow ${flow.number}`
    const thread = this.workload.thread(isWriter, kernel, title, () => half.step())
    const half: Half = flow.halfOf(isWriter, socket, thread)
    socket.onClose = (error) => flow.fail(error)
    thread.wake()
  }
}
