import type { Schedulable } from '../cpu/task.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { TcpError } from '../stack/tcp/constants.ts'
import type { TcpSocket } from '../stack/tcp/tcp-socket.ts'
import { formatIpv4 } from '../wire/ipv4-address.ts'
import type { Errno } from './errors.ts'
import type { Pair } from './pairs.ts'
import type { TcpBulk, TcpBulkOptions } from './tcp.ts'
import { socketOptions } from './tcp-ends.ts'
import { BulkReader, BulkWriter, type Half } from './tcp-halves.ts'
import { TcpMeter } from './tcp-meter.ts'
import type { TcpFlowResult } from './tcp-results.ts'
import { perSecond, type Window } from './window.ts'

/** As long as what iperf3 writes first on each of its streams, so that the server knows whose it is. */
export const COOKIE_BYTES = 37

/** One TCP connection of a bulk workload: what it has carried, and the client's end. */
export class TcpFlow {
  readonly pair: Pair
  readonly direction: 'forward' | 'reverse'
  /** What the client says first: addresses may not tell a flow (NAT). */
  readonly cookie: Uint8Array
  /** How many it is to carry; Infinity = as many as it can. */
  readonly bytes: number
  /** By the sending application, and by the receiving one; without the cookie. */
  written = 0
  read = 0
  /** The sending side's, once it is connected. */
  sender: TcpSocket | null = null
  wakeWriter: (() => void) | null = null
  connectTime: number | null = null
  /** When the last of its bytes was read. */
  completedAt: number | null = null
  readonly meter = new TcpMeter(this)
  private error: Errno | null = null
  private readonly workload: TcpBulk
  private readonly options: TcpBulkOptions
  /** Among all of its workload. */
  readonly number: number
  private port: number | null = null
  private thread: Schedulable | null = null
  private socket: TcpSocket | null = null
  private half: Half | null = null
  private connectsAt = 0
  private isConnected = false
  private longestStall = 0
  private progressAt = -1

  constructor(
    workload: TcpBulk,
    options: TcpBulkOptions,
    pair: Pair,
    direction: 'forward' | 'reverse',
    number: number,
  ) {
    this.workload = workload
    this.options = options
    this.pair = pair
    this.direction = direction
    this.number = number
    this.bytes = options.bytes ?? Infinity
    this.cookie = cookieOf(options.name, number)
  }

  /** Who listens; null where nobody does. */
  get server(): NetNamespace | null {
    return this.pair.to
  }

  /** Lets the client go. @param port of the server; null where nobody listens. */
  begin(port: number | null): void {
    const { number, options, workload } = this
    const { kernel, name } = this.pair.from
    this.port = port
    const title = `${options.name} client ${name} flow ${number}`
    const thread = workload.thread(this.direction === 'forward', kernel, title, () => this.step())
    this.thread = thread
    thread.wake()
  }

  /** A system call of the client. */
  private step(): boolean {
    if (this.half !== null) return this.half.step()
    if (this.socket === null) return this.connect()
    return this.isConnected ? this.greet(this.socket) : false
  }

  private connect(): boolean {
    const { options, pair } = this
    this.connectsAt = options.simulator.now
    const socket = pair.from.sockets.openTcp(socketOptions(options))
    this.socket = socket
    socket.onClose = (error) => this.fail(error)
    socket.onConnect = () => {
      this.isConnected = true
      this.thread!.wake()
    }
    const error = socket.connect(pair.destination, this.port ?? this.workload.port)
    if (error !== null) this.fail(error)
    return this.isConnected
  }

  private greet(socket: TcpSocket): boolean {
    const { options, workload } = this
    const { now } = options.simulator
    this.connectTime = now - this.connectsAt
    this.progressAt = now
    workload.connectTimes.record(this.connectTime)
    socket.write(this.cookie.length, this.cookie)
    this.half = this.halfOf(this.direction === 'forward', socket, this.thread!)
    return true
  }

  /** What one end does once the server knows the flow. */
  halfOf(isWriter: boolean, socket: TcpSocket, thread: Schedulable): Half {
    const wake = (): void => thread.wake()
    return isWriter
      ? new BulkWriter(this, socket, this.options, wake)
      : new BulkReader(this, socket, wake)
  }

  /** The connection is over. @param error null when it was closed in order. */
  fail(error: TcpError | Errno | null): void {
    if (error === null || this.error !== null) return
    this.error = error
    this.workload.tally.refuse(error)
  }

  /** Whether everything has been handed over, or the time is up. */
  isWritten(now: number): boolean {
    return this.written >= this.bytes || now >= this.workload.stopsAt
  }

  noteRead(bytes: number): void {
    const { now } = this.options.simulator
    this.noteStall(now)
    this.progressAt = now
    this.read += bytes
    if (this.read < this.bytes) return
    this.completedAt = now
    this.meter.end()
    this.workload.noteCompleted()
  }

  private noteStall(now: number): void {
    if (this.progressAt < 0 || now > this.workload.stopsAt) return
    this.longestStall = Math.max(this.longestStall, now - this.progressAt)
  }

  /** The longest time without progress until now, or until the end of the sending. */
  private stallAt(now: number): number {
    const { progressAt, longestStall, completedAt } = this
    if (progressAt < 0 || completedAt !== null) return longestStall
    return Math.max(longestStall, Math.min(now, this.workload.stopsAt) - progressAt)
  }

  result(window: Window, now: number): TcpFlowResult {
    const { pair, direction, sender, connectTime, completedAt, options } = this
    const { read, written, ...measured } = this.meter.result(window.end - window.start)
    return {
      from: pair.from.name,
      to: formatIpv4(pair.destination),
      port: this.port,
      direction,
      connected: this.isConnected,
      bytes: read,
      goodput: perSecond(read * 8, window),
      offered: perSecond(written * 8, window),
      ...measured,
      congestion: sender?.info.congestion ?? null,
      connectTime,
      completionTime: completedAt === null ? null : completedAt - options.at,
      stall: this.stallAt(now),
      error: this.error,
    }
  }
}

/** The number of the flow and the name of its workload, of fixed length. */
function cookieOf(name: string, number: number): Uint8Array {
  const cookie = new Uint8Array(COOKIE_BYTES)
  new DataView(cookie.buffer).setUint32(0, number)
  for (let i = 0; i < name.length && i + 4 < COOKIE_BYTES; i++) cookie[i + 4] = name.charCodeAt(i)
  return cookie
}
