import type { Schedulable } from '../cpu/task.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import { MILLISECOND } from '../sim/units.ts'
import type { TcpError } from '../stack/tcp/constants.ts'
import type { TcpSocket } from '../stack/tcp/tcp-socket.ts'
import type { Errno } from './errors.ts'
import { LEAST_TURNAROUND } from './pace.ts'
import type { Pair } from './pairs.ts'
import { socketOptions } from './tcp-ends.ts'
import type { TcpTransactions } from './tcp-transactions.ts'

/** After a connection that failed, before the next is tried. */
const RETRY_PAUSE = MILLISECOND

/** What a client does next. */
type State = 'connect' | 'connecting' | 'request' | 'await' | 'answered' | 'over'

/** One client with one transaction under way; each step is about a system call. */
export class TransactionClient implements EventTarget {
  readonly pair: Pair
  sent = 0
  sentInWindow = 0
  completed = 0
  completedInWindow = 0
  firstReplyAfter: number | null = null
  /** A transaction has begun, and neither ended nor failed. */
  isWaiting = false
  private readonly workload: TcpTransactions
  private readonly number: number
  private readonly isReconnecting: boolean
  private state: State = 'connect'
  private thread: Schedulable | null = null
  private socket: TcpSocket | null = null
  private port = 0
  private isConnected = false
  private connectsAt = 0
  private beganAt = 0
  /** Bytes of the request that are not written, of the reply that are not read. */
  private unwritten = 0
  private unread = 0
  /** Does nothing before. */
  private pausesUntil = 0

  constructor(workload: TcpTransactions, pair: Pair, number: number, isReconnecting: boolean) {
    this.workload = workload
    this.pair = pair
    this.number = number
    this.isReconnecting = isReconnecting
  }

  /** Segments that its connection sent again. */
  get retransmits(): number {
    return this.socket?.info.retransmits ?? 0
  }

  begin(port: number): void {
    const { workload, number } = this
    const { kernel, name } = this.pair.from
    this.port = port
    const { options, threads } = workload
    const title = `${options.name} client ${name} ${number}`
    this.thread = threads.sender(kernel, title, () => this.step(), options.senderCore)
    this.thread.wake()
  }

  /** A pause is over. */
  fire(): void {
    this.thread!.wake()
  }

  private step(): boolean {
    const { now } = this.workload.options.simulator
    if (now < this.pausesUntil) return false
    switch (this.state) {
      case 'connect':
        return this.connect(now)
      case 'connecting':
        return this.finishConnect(now)
      case 'request':
        return this.request(now)
      case 'await':
        return this.read()
      case 'answered':
        return this.complete(now)
      case 'over':
        return false
      default:
        return this.state satisfies never
    }
  }

  private connect(now: number): boolean {
    const { workload, pair, thread } = this
    if (now >= workload.window.end) return this.finish()
    const { options } = workload
    const socket = pair.from.sockets.openTcp(socketOptions(options))
    const wake = (): void => thread!.wake()
    this.socket = socket
    this.isConnected = false
    this.connectsAt = now
    this.state = 'connecting'
    if (this.isReconnecting) this.noteBegin(now)
    socket.onReadable = wake
    socket.onWritable = wake
    socket.onConnect = () => {
      if (socket === this.socket) this.isConnected = true
      wake()
    }
    socket.onClose = (error) => this.fail(socket, error)
    const error = socket.connect(pair.destination, this.port)
    if (error !== null) this.fail(socket, error)
    return true
  }

  private finishConnect(now: number): boolean {
    if (!this.isConnected) return false
    this.workload.connectTimes.record(now - this.connectsAt)
    this.state = 'request'
    this.unwritten = this.workload.size
    return true
  }

  private noteBegin(now: number): void {
    const { window } = this.workload
    this.isWaiting = true
    this.beganAt = now
    this.sent++
    if (now >= window.start && now < window.end) this.sentInWindow++
  }

  private request(now: number): boolean {
    const { workload, socket } = this
    if (this.unwritten === workload.size && !this.isReconnecting) {
      if (now >= workload.window.end) return this.finish()
      this.noteBegin(now)
    }
    const taken = socket!.write(this.unwritten)
    this.unwritten -= taken
    if (this.unwritten > 0) return taken > 0
    this.unread = workload.replySize
    this.state = 'await'
    return true
  }

  private read(): boolean {
    const { socket } = this
    if (socket!.readable === 0) return false
    this.unread -= socket!.read(this.unread)
    if (this.unread === 0) this.state = 'answered'
    return true
  }

  /** The call that read the last of the reply is over. */
  private complete(now: number): boolean {
    const { workload } = this
    const { start, end } = workload.window
    this.firstReplyAfter ??= now - workload.options.at
    this.isWaiting = false
    this.completed++
    if (now >= start && now < end) {
      this.completedInWindow++
      workload.times.record(now - this.beganAt)
    }
    this.unwritten = workload.size
    this.state = 'request'
    if (this.isReconnecting) this.hangUp()
    return now > this.beganAt || this.pause(LEAST_TURNAROUND)
  }

  private hangUp(): void {
    this.socket!.close()
    this.state = 'connect'
  }

  private finish(): boolean {
    this.state = 'over'
    if (!this.isReconnecting) this.socket?.close()
    return false
  }

  /** @returns false, as a step that has to wait. */
  private pause(time: number): boolean {
    const { simulator } = this.workload.options
    this.pausesUntil = simulator.now + time
    simulator.at(this.pausesUntil, this)
    return false
  }

  /** The connection could not be made or has broken. @param error null when it was closed in order. */
  private fail(socket: TcpSocket, error: TcpError | Errno | null): void {
    const { state } = this
    if (error === null || socket !== this.socket || state === 'connect' || state === 'over') return
    this.workload.tally.refuse(error)
    this.isWaiting = false
    this.state = this.isReconnecting ? 'connect' : 'over'
    if (this.isReconnecting) this.pause(RETRY_PAUSE)
  }
}
