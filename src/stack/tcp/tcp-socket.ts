import type { Schedulable } from '../../cpu/task.ts'
import { MICROSECOND } from '../../sim/units.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { SendError } from '../ipv4.ts'
import { abortConnection, breakConnection, closeSocket, shutdownSending } from './close.ts'
import type { CongestionName } from './congestion/algorithms.ts'
import { Connection } from './connection.ts'
import { delayedAckTimeout } from './delayed-ack.ts'
import type { Verdict } from './endpoint.ts'
import { beginConnect } from './handshake.ts'
import type { Incoming } from './incoming.ts'
import { receiveSegment } from './input.ts'
import { keepaliveTimeout } from './keepalive.ts'
import { currentMss } from './mss.ts'
import { nagleOf, PUSH_ALL, writeXmit } from './output.ts'
import { consume, readableBytes } from './receive.ts'
import { retransmitQueue } from './retransmit.ts'
import { onSendTimer } from './retransmit-timer.ts'
import { isWritable, memoryQueued, writeData } from './send-buffer.ts'
import { SocketLock } from './socket-lock.ts'
import type { Tcp } from './tcp.ts'
import { CHRONO_BUSY, CHRONO_RWND, CHRONO_SNDBUF, type TcpInfo } from './tcp-info.ts'
import { TimeWait } from './time-wait.ts'

export type { TcpError } from './constants.ts'

/** What an application sets before it connects or listens. */
export interface TcpSocketOptions {
  readonly localPort?: number
  /** SO_SNDBUF and SO_RCVBUF, bytes: doubled, as Linux does, and no longer sized automatically. */
  readonly sendBuffer?: number
  readonly receiveBuffer?: number
  readonly congestion?: CongestionName
  /** TCP_NODELAY. */
  readonly noDelay?: boolean
  /** TCP_USER_TIMEOUT, picoseconds. */
  readonly userTimeout?: number
  /** TCP_MAXSEG, bytes. */
  readonly maxSegment?: number
}

/** SOCK_MIN_SNDBUF and SOCK_MIN_RCVBUF. */
const SEND_BUFFER_MIN = 4608
const RECEIVE_BUFFER_MIN = 2304

/**
 * A TCP socket. Its callbacks run in kernel context: who has something to do there wakes a task. What an
 * application calls is one system call each, and charged as such.
 */
export class TcpSocket extends Connection {
  private readonly tcp: Tcp
  /** Runs what waits for memory below TCP, after what is being done; for kernels without cores. */
  private spaceTask: Schedulable | null = null
  private isSpaceAwaited = false

  constructor(tcp: Tcp, options: TcpSocketOptions) {
    super(tcp.namespace, options.congestion)
    this.tcp = tcp
    this.noDelay = options.noDelay ?? false
    this.userTimeout = options.userTimeout ?? 0
    this.userMss = options.maxSegment ?? 0
    if (options.sendBuffer !== undefined) {
      this.sendBuffer = Math.max(options.sendBuffer * 2, SEND_BUFFER_MIN)
      this.isSendBufferFixed = true
    }
    if (options.receiveBuffer !== undefined) {
      this.window.buffer = Math.max(options.receiveBuffer * 2, RECEIVE_BUFFER_MIN)
      this.receiveBufferFixed = true
    }
    this.localPort = options.localPort ?? 0
  }

  /** Begins to connect: `onConnect` or `onClose` tell how it ends. @returns the system call's error. */
  connect(destination: Ipv4Address, port: number): SendError | 'EADDRNOTAVAIL' | null {
    this.begin()
    const error = this.tcp.bind(this, destination, port)
    if (error === null) beginConnect(this)
    this.kernel.leave()
    return error
  }

  /**
   * Writes `length` bytes, of `content`, which nobody may change afterwards, or else zeros.
   * @returns bytes taken; 0 = it would block, or the connection takes none any more: see `state`.
   */
  write(length: number, content?: Uint8Array): number {
    const { state } = this
    if (this.isSendShut || length <= 0) return 0
    if (state !== 'ESTABLISHED' && state !== 'CLOSE-WAIT') {
      this.isNoSpace = state === 'SYN-SENT'
      return 0
    }
    this.begin()
    const taken = writeData(this, length, content)
    this.kernel.leave()
    return taken
  }

  /** Reads and forgets up to `most` bytes. @returns how many; 0 = none there, or the end. */
  read(most: number): number {
    const bytes = Math.min(most, readableBytes(this))
    this.begin()
    consume(this, bytes)
    this.kernel.leave()
    return bytes
  }

  /** As `read`, with the content, which nobody may change: it may be the writer's own. */
  readContent(most: number): Uint8Array {
    const bytes = Math.min(most, readableBytes(this))
    const start = this.copiedSeq
    const content = this.receivedContent.slice(start, start + bytes)
    this.read(bytes)
    return content ?? new Uint8Array(bytes)
  }

  /** Bytes that can be read now. */
  get readable(): number {
    return readableBytes(this)
  }

  /** The peer has closed its side and all of it has been read, or the connection is gone. */
  get atEnd(): boolean {
    return (this.hasPeerFinished || this.isGone) && readableBytes(this) === 0
  }

  /** Bytes of memory that are free for writing; 0 while a writer would wait. */
  get writableBytes(): number {
    const isOpen = this.state === 'ESTABLISHED' || this.state === 'CLOSE-WAIT'
    if (!isOpen || this.isSendShut || !isWritable(this)) return 0
    return this.sendBuffer - memoryQueued(this)
  }

  /** Ends the sending side: FIN follows what was written. */
  shutdown(): void {
    this.begin()
    shutdownSending(this)
    this.kernel.leave()
  }

  /** Lets go of the socket: what was written is still sent; no callback comes any more. */
  close(): void {
    this.begin()
    closeSocket(this)
    this.kernel.leave()
  }

  /** Ends with a reset. */
  abort(): void {
    this.begin()
    abortConnection(this)
    this.kernel.leave()
  }

  abandon(): void {
    this.isOrphan = true
    breakConnection(this, 'ECONNABORTED')
  }

  /** A system call begins: on a core it is at work on the socket until the step ends. */
  private begin(): void {
    this.kernel.enter()
    const core = this.kernel.machine?.current
    if (core?.isStepping !== true) return
    if (this.lock === null) {
      this.lock = new SocketLock(this.tcp, () => this.window.buffer + this.sendBuffer)
      this.tcp.locks.add(this.lock)
    }
    this.lock.hold(core)
  }

  receive(segment: Incoming): Verdict {
    return receiveSegment(this, segment)
  }

  release(): void {
    this.tcp.forget(this)
  }

  leaveTimeWait(isHalfOpen: boolean): void {
    this.tcp.replace(this, new TimeWait(this.tcp, this, isHalfOpen))
  }

  protected onRetransmitTimer(): void {
    onSendTimer(this)
  }

  protected onDelayedAckTimer(): void {
    delayedAckTimeout(this)
  }

  protected onKeepaliveTimer(): void {
    keepaliveTimeout(this)
  }

  protected onSpaceBelow(): void {
    if (this.isSpaceAwaited) return
    this.isSpaceAwaited = true
    // Not at once: whoever frees memory may be in the middle of sending for this socket.
    const { machine } = this.kernel
    if (machine !== null) return machine.softirq(this.sendMore)
    this.spaceTask ??= this.kernel.task('tcp', () => {
      this.sendMore()
      return false
    })
    this.spaceTask.wake()
  }

  /** tcp_tsq_handler. */
  private readonly sendMore = (): void => {
    if (this.lock?.mustWait(this.kernel.machine!.current)) {
      return this.lock.postponeCall(this.sendMore)
    }
    this.isSpaceAwaited = false
    if (!this.isThrottled) return
    this.isThrottled = false
    if (this.isGone) return
    this.refreshClock()
    if (this.lostOut > this.retransOut && this.cwnd > this.inFlight) retransmitQueue(this)
    writeXmit(this, currentMss(this), nagleOf(this), PUSH_ALL)
  }

  /** What it has counted and measured by now. */
  get info(): TcpInfo {
    const { chrono, rtt, window, now } = this
    const rwndLimited = chrono.total(CHRONO_RWND, now)
    const sndbufLimited = chrono.total(CHRONO_SNDBUF, now)
    const cwndLimited = chrono.total(CHRONO_BUSY, now)
    return {
      congestion: this.control.name,
      caState: this.caState,
      cwnd: this.cwnd,
      ssthresh: this.ssthresh,
      srtt: this.srtt,
      rttvar: (rtt.rttvar / 4) * MICROSECOND,
      minRtt: this.minRtt,
      rto: this.rto * MICROSECOND,
      backoff: this.backoff,
      pmtu: this.pmtu,
      sndMss: this.mss,
      advMss: this.advMss,
      rcvMss: this.receiveMss,
      rcvSpace: window.space,
      rcvBuffer: window.buffer,
      sndBuffer: this.sendBuffer,
      sndWindow: this.sndWnd,
      rcvWindow: this.receiveWindow,
      rcvSsthresh: window.ssthresh,
      reordering: this.reordering,
      reorderingSeen: this.reorderingSeen,
      bytesSent: this.bytesSent,
      bytesAcked: Math.max(this.sndUna - 1, 0),
      bytesReceived: this.bytesReceived,
      bytesRetransmitted: this.bytesRetransmitted,
      segsOut: this.segsOut,
      segsIn: this.segsIn,
      dataSegsOut: this.dataSegsOut,
      dataSegsIn: this.dataSegsIn,
      retransmits: this.totalRetrans,
      unacked: this.packetsOut,
      sacked: this.sackedOut,
      lostOut: this.lostOut,
      retransOut: this.retransOut,
      delivered: this.delivered,
      lost: this.lost,
      dsackDups: this.dsackDups,
      outOfOrder: this.outOfOrder,
      timeouts: this.timeouts,
      undone: this.undone,
      busyTime: rwndLimited + sndbufLimited + cwndLimited,
      rwndLimited,
      sndbufLimited,
      cwndLimited,
    }
  }
}
