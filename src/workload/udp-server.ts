import { Ring } from '../cpu/ring.ts'
import type { Schedulable } from '../cpu/task.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { UdpSocket } from '../stack/udp-socket.ts'
import type { Frame } from '../wire/frame.ts'
import { Inbox } from './inbox.ts'
import { listen } from './pairs.ts'
import type { UdpRequestResponse, UdpRequestResponseOptions } from './udp-rr.ts'

/** Answers the requests that reach one namespace. */
export class UdpServer implements EventTarget {
  readonly port: number
  /** Received, copies included. */
  requests = 0
  private readonly options: UdpRequestResponseOptions
  private readonly workload: UdpRequestResponse
  private socket: UdpSocket | null = null
  private thread: Schedulable | null = null
  private inbox: Inbox | null = null
  /** Its reply found the send buffer full. */
  private pending: Frame | null = null
  /** Requests after that one: only without a machine, where they are not queued in the socket. */
  private readonly later = new Ring<Frame>()

  constructor(
    options: UdpRequestResponseOptions,
    namespace: NetNamespace,
    workload: UdpRequestResponse,
  ) {
    this.options = options
    this.workload = workload
    this.port = this.listen(namespace, options.port)
  }

  /** Started again elsewhere, on the same port. */
  relocate(namespace: NetNamespace): void {
    if (this.socket === null) return
    this.pending = null
    this.later.clear()
    this.listen(namespace, this.port)
  }

  private listen(namespace: NetNamespace, wanted: number): number {
    const socket = listen(namespace, wanted)
    this.socket = socket
    if (socket === null) return wanted
    this.read(socket, namespace)
    return socket.port
  }

  private read(socket: UdpSocket, namespace: NetNamespace): void {
    const { options, workload } = this
    socket.onError = workload.tally.report
    socket.onWritable = () => this.unblock()
    if (namespace.kernel.machine === null) {
      socket.onReceive = (request) => this.receive(request)
      return
    }
    const { kernel, name } = namespace
    const title = `${options.name} server ${name}`
    const step = (): boolean => this.step()
    const thread = workload.threads.receiver(kernel, title, step, options.receiverCore)
    this.thread = thread
    this.inbox = new Inbox(socket)
    socket.onReadable = () => thread.wake()
  }

  private receive(request: Frame): void {
    this.requests++
    if (this.pending !== null) this.later.push(request)
    else if (!this.reply(request)) this.pending = request
  }

  /** A system call: a request is read, or answered. */
  private step(): boolean {
    const inbox = this.inbox!
    if (this.pending !== null) return this.replyAgain()
    const request = inbox.take()
    if (request === null) return inbox.read()
    this.receive(request)
    return this.pending === null
  }

  /** @returns whether the socket took it; if it did not, `unblock` follows. */
  private reply(request: Frame): boolean {
    const { ipSrc, sourcePort, sequence, sentAt } = request
    const socket = this.socket!
    const error = socket.sendTo(ipSrc, sourcePort, this.options.replySize, sequence, sentAt)
    if (error === null) return true
    if (socket.isBlocked) return false
    this.workload.tally.refuse(error)
    return true
  }

  /** @returns whether it is done. */
  private replyAgain(): boolean {
    if (this.socket!.isBlocked || !this.reply(this.pending!)) return false
    this.pending = null
    return true
  }

  private unblock(): void {
    const { thread } = this
    const { simulator } = this.options
    // The buffer is being given back by whoever sends: its work is not to be mixed with ours.
    if (thread === null) simulator.at(simulator.now, this)
    else thread.wake()
  }

  /** There is room again, and no thread to use it. */
  fire(): void {
    while (this.pending !== null && this.replyAgain()) this.pending = this.later.shift() ?? null
  }
}
