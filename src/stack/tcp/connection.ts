import { KernelTimer } from '../../sim/jiffies.ts'
import type { Simulator } from '../../sim/simulator.ts'
import { MICROSECOND, SECOND } from '../../sim/units.ts'
import type { FrameOwner, Transmitter } from '../../wire/frame.ts'
import type { Kernel } from '../kernel.ts'
import type { NetNamespace } from '../namespace.ts'
import type { Route } from '../route-table.ts'
import { type CongestionName, congestionControl } from './congestion/algorithms.ts'
import {
  type CongestionControl,
  type CongestionState,
  INFINITE_SSTHRESH,
} from './congestion/congestion-control.ts'
import { Prr } from './congestion/prr.ts'
import {
  CA_OPEN,
  INITIAL_CWND,
  MSS_DEFAULT,
  TCP_HEADER_BYTES,
  type TcpError,
  type TcpState,
  UNIT_HEADER_ROOM,
} from './constants.ts'
import { Endpoint } from './endpoint.ts'
import type { Keepalive, KeepaliveOptions } from './keepalive.ts'
import type { TcpParameters } from './parameters.ts'
import { Rack } from './rack-state.ts'
import { ReceiveMemory } from './receive-memory.ts'
import { ReceiveWindow } from './receive-window.ts'
import { RttEstimator } from './rtt.ts'
import { SackBlocks } from './sack-blocks.ts'
import type { Segment } from './segment.ts'
import { SendQueue } from './send-queue.ts'
import { StreamContent } from './stream-content.ts'
import { Chronograph } from './tcp-info.ts'

/** Which of its meanings the retransmission timer has now (icsk_pending). */
export const TIMER_NONE = 0
export const TIMER_RETRANSMIT = 1
export const TIMER_WINDOW_PROBE = 2
export const TIMER_LOSS_PROBE = 3
export const TIMER_REORDERING = 4

/**
 * All state of one connection (struct tcp_sock), on which the functions of this folder work. Stream
 * offsets count from the SYN, which is 0, and do not wrap; `iss` and `irs` turn them into sequence
 * numbers. Times are microseconds, where nothing else is said.
 */
export abstract class Connection extends Endpoint implements CongestionState, FrameOwner {
  readonly namespace: NetNamespace
  readonly kernel: Kernel
  readonly simulator: Simulator
  readonly parameters: TcpParameters
  /** Shared with what is left of the connection in TIME-WAIT. */
  readonly status: { state: TcpState } = { state: 'CLOSED' }
  /** Trace id given to what is sent; 0 for none. */
  trace = 0
  /** Why it broke, and what an ICMP error has said that did not break it. */
  error: TcpError | null = null
  softError: TcpError | null = null
  /** Nothing of it is left in the table. */
  isGone = false
  /** Nobody holds the socket any more (SOCK_DEAD). */
  isOrphan = false
  /** The application will not send (SEND_SHUTDOWN), or read, again (RCV_SHUTDOWN). */
  isSendShut = false
  isReceiveShut = false
  /** The peer has sent its FIN. */
  hasPeerFinished = false

  onConnect: (() => void) | null = null
  onReadable: (() => void) | null = null
  onWritable: (() => void) | null = null
  onClose: ((error: TcpError | null) => void) | null = null

  // The clock, as of the latest `refreshClock`.
  mstamp = 0
  jiffies = 0
  /** Added to the timestamp clock of this connection. */
  readonly timestampOffset: number

  // The way to the peer.
  route: Route | null = null
  routeGeneration = -1
  ipId: number
  txHash: number

  // What was agreed on.
  usesTimestamps = false
  usesSack = false
  sendScale = 0
  receiveScale = 0
  /** The peer's MSS option, and what our own said less the options of every segment. */
  mssClamp = MSS_DEFAULT
  advMss = MSS_DEFAULT
  /** Of a segment without SACK blocks (tcp_header_len). */
  headerBytes = TCP_HEADER_BYTES
  /** TCP_MAXSEG; 0 = not set. */
  userMss = 0

  // Sending.
  iss: number
  sndUna = 0
  sndNxt = 0
  writeSeq = 0
  /** Up to here a segment has been marked PSH (pushed_seq). */
  pushedSeq = 0
  sndWnd = 0
  /** Offset of the segment that last changed the window. */
  sndWl1 = 0
  /** Largest window that the peer has ever offered. */
  maxWindow = 0
  /** End of the latest segment that was not full, for Minshall's variant of Nagle (snd_sml). */
  sndSmall = 0
  noDelay = false
  readonly queue = new SendQueue()
  readonly sendContent = new StreamContent()
  mss = MSS_DEFAULT
  /** MTU from which `mss` was made (icsk_pmtu_cookie). */
  pmtu = 0
  sendBuffer: number
  isSendBufferFixed = false
  receiveBufferFixed = false
  /** The application waits for room (SOCK_NOSPACE). */
  isNoSpace = false
  /** Bytes of frames that are still on this host (sk_wmem_alloc). */
  wmemAlloc = 0
  /** TSQ_THROTTLED. */
  isThrottled = false
  transmitter: Transmitter | null = null
  /** When data was last sent: microseconds, jiffies (lsndtime). */
  sentStamp = 0
  sentJiffy = 0

  // Congestion control and loss recovery; counts are segments.
  readonly control: CongestionControl
  readonly prr = new Prr()
  readonly rack = new Rack()
  readonly rtt: RttEstimator
  caState = CA_OPEN
  cwnd = INITIAL_CWND
  cwndCount = 0
  readonly cwndClamp = 0xffffffff
  ssthresh = INFINITE_SSTHRESH
  priorCwnd = 0
  priorSsthresh = 0
  /** Bytes per second. */
  pacingRate = 0
  wasCwndLimited = false
  maxPacketsOut = 0
  /** `wasCwndLimited` is of the window that ends here. */
  cwndUsageSeq = 0
  cwndUsed = 0
  cwndStamp = 0
  packetsOut = 0
  sackedOut = 0
  lostOut = 0
  retransOut = 0
  /** Where the next retransmission is looked for; null = at the head. */
  retransmitHint: Segment | null = null
  /** The first segment beyond what is selectively acknowledged; null = nothing was sent beyond. */
  highestSacked: Segment | null = null
  /** Where the latest SACK block was found. */
  sackHint: Segment | null = null
  /** `sndNxt` when the present congestion state began. */
  highSeq = 0
  /** `sndUna` when what may be taken back began; -1 = nothing to take back. */
  undoMarker = -1
  /** Retransmissions of which no D-SACK has come; -1 = none made. */
  undoRetrans = 0
  /** Timestamp clock of the first retransmission, NaN = none. */
  retransStamp = Number.NaN
  isFrto = false
  isReneging = false
  /** `sndNxt` at the tail loss probe in flight, 0 = none; whether it was a retransmission. */
  probeHighSeq = 0
  isProbeRetransmission = false
  reordering: number
  reorderingSeen = 0
  /** Timeouts in a row (icsk_retransmits), and by how much the timer is doubled (icsk_backoff). */
  retransmits = 0
  backoff = 0
  /** The timeout with its back-off. */
  rto: number
  /** Window probes without an answer, and since when. */
  probesOut = 0
  probeSince = 0
  /** Jiffy of the latest ACK that was accepted (rcv_tstamp). */
  heardJiffy = 0
  timerKind = TIMER_NONE
  userTimeout = 0
  // MTU probing (icsk_mtup): MTUs, 0 = no probe.
  isMtuProbing = false
  searchLow = 0
  searchHigh = 0
  probeSize = 0
  probeStart = 0
  probeEnd = 0
  probeStamp = 0

  // Receiving.
  irs = 0
  /** What the latest segment echoed of our timestamps; null = it had none. */
  latestEcho: number | null = null
  /** The one from which the receiver's round trip was taken last. */
  measuredEcho = 0
  rcvNxt = 0
  copiedSeq = 0
  readonly window: ReceiveWindow
  readonly received = new ReceiveMemory()
  readonly receivedContent = new StreamContent()
  readonly sacks = new SackBlocks()
  /** Latest timestamp of the peer that is to be echoed, and when it came (seconds; NaN = never). */
  tsRecent = 0
  tsRecentStamp = Number.NaN
  /** Offset of the peer's FIN, -1 before it came. */
  finSeq = -1
  // Delayed ACKs: jiffies. An ACK is owed; its timer runs; it is owed at once; what was pushed.
  isAckOwed = false
  isAckTimed = false
  isAckNow = false
  pushes = 0
  ackTimeout = 0
  ato = 0
  quickAcks = 0
  pingpong = 0
  receivedJiffy = 0
  receiveMss = 88
  lastSegmentSize = 0
  compressedAcks = 0
  compressedRcvNxt = 0
  duplicateAcksSent = 0
  isCompressing = false
  challengeStamp = -Infinity

  // The option bytes of the latest segments, which mostly serve for the next as well.
  sentOptions: Uint8Array = new Uint8Array(0)
  sentOptionsValue = 0
  sentOptionsEcho = 0

  // Counters of `TcpInfo`.
  delivered = 0
  lost = 0
  bytesSent = 0
  bytesReceived = 0
  bytesRetransmitted = 0
  segsOut = 0
  segsIn = 0
  dataSegsOut = 0
  dataSegsIn = 0
  totalRetrans = 0
  dsackDups = 0
  outOfOrder = 0
  timeouts = 0
  undone = 0
  readonly chrono = new Chronograph()
  /** A write has taken less than it was given: the next one goes on with it. */
  isWriting = false

  /** SO_KEEPALIVE; null = off. */
  keepalive: Keepalive | null = null

  readonly retransmitTimer: KernelTimer
  readonly delayedAckTimer: KernelTimer

  constructor(namespace: NetNamespace, congestion?: CongestionName) {
    super()
    const { kernel } = namespace
    this.namespace = namespace
    this.kernel = kernel
    this.simulator = kernel.simulator
    this.parameters = kernel.profile.tcp
    this.iss = kernel.random.int32()
    this.timestampOffset = kernel.random.int32()
    this.txHash = (kernel.random.int32() >>> 0) | 1
    this.ipId = kernel.random.integer(0, 0xffff)
    this.sendBuffer = this.parameters.wmem[1]
    this.window = new ReceiveWindow(this.parameters.rmem[1])
    this.reordering = this.parameters.reordering
    this.rtt = new RttEstimator(SECOND / kernel.profile.hz / MICROSECOND)
    this.rto = this.rtt.rto
    this.control = congestionControl(congestion ?? this.parameters.congestion, this)
    this.retransmitTimer = new KernelTimer(() =>
      this.inKernel(this.retransmitTimer, this.onRetransmitTimer),
    )
    this.delayedAckTimer = new KernelTimer(() =>
      this.inKernel(this.delayedAckTimer, this.onDelayedAckTimer),
    )
  }

  /** setsockopt SO_KEEPALIVE and its times, on a connection that is established. */
  setKeepalive(options: KeepaliveOptions): void {
    const timer: KernelTimer = new KernelTimer(() => this.inKernel(timer, this.onKeepaliveTimer))
    this.keepalive = { options, timer }
    this.kernel.timers.arm(timer, options.idle)
  }

  /** Takes it out of the table of connections. */
  abstract release(): void
  /** Puts what remains of it in its place there. */
  abstract leaveTimeWait(isHalfOpen: boolean): void
  protected abstract onRetransmitTimer(): void
  protected abstract onDelayedAckTimer(): void
  protected abstract onKeepaliveTimer(): void
  /** Memory below TCP has become free for a sender that waited for it. */
  protected abstract onSpaceBelow(): void

  private inKernel(timer: KernelTimer, handler: () => void): void {
    if (this.lock?.mustWait(this.kernel.machine!.current)) {
      this.lock.postponeCall(() => {
        // Whoever held the socket may have armed it anew.
        if (!timer.isArmed) this.inKernel(timer, handler)
      })
      return
    }
    this.kernel.enter()
    this.refreshClock()
    handler.call(this)
    this.kernel.leave()
  }

  /** Another hash of the flow, so that it may take another path (sk_rethink_txhash). */
  redrawHash(): void {
    this.txHash = (this.kernel.random.int32() >>> 0) | 1
  }

  /** tcp_mstamp_refresh. */
  refreshClock(): void {
    this.mstamp = Math.floor(this.simulator.now / MICROSECOND)
    this.jiffies = this.kernel.timers.jiffies
  }

  get state(): TcpState {
    return this.status.state
  }

  set state(state: TcpState) {
    this.status.state = state
  }

  /** The timestamp clock: milliseconds, 32 bits. */
  get timestamp(): number {
    return (Math.floor(this.mstamp / 1000) + this.timestampOffset) | 0
  }

  get hz(): number {
    return this.kernel.profile.hz
  }

  get now(): number {
    return this.simulator.now
  }

  get srtt(): number {
    return (this.rtt.srtt8 / 8) * MICROSECOND
  }

  get minRtt(): number {
    const { min } = this.rtt
    return min === Infinity ? 0 : min * MICROSECOND
  }

  get lastSent(): number {
    return this.sentStamp * MICROSECOND
  }

  /** Largest unit, bytes of content and TCP header (sk_gso_max_size). */
  get gsoMaxSize(): number {
    const size = this.route?.device?.features.gsoMaxSize ?? 65536
    return size - UNIT_HEADER_ROOM
  }

  get gsoMaxSegments(): number {
    return this.route?.device?.features.gsoMaxSegments ?? 65535
  }

  /** tcp_is_cwnd_limited. */
  get isCwndLimited(): boolean {
    if (this.wasCwndLimited) return true
    // In slow start the window may grow to twice what was used of it.
    return this.cwnd < this.ssthresh && this.cwnd < 2 * this.maxPacketsOut
  }

  /** Segments that are taken to be in the network (tcp_packets_in_flight). */
  get inFlight(): number {
    return this.packetsOut - this.sackedOut - this.lostOut + this.retransOut
  }

  /** The first offset that the peer does not take. */
  get windowEnd(): number {
    return this.sndUna + this.sndWnd
  }

  /** tcp_receive_window: what is left of the window that was offered last. */
  get receiveWindow(): number {
    const left = this.window.offeredAt + this.window.offered - this.rcvNxt
    return left < 0 ? 0 : left
  }

  /** Smaller than the memory that waits below TCP needs: a transmitter then says when it has left. */
  get isBlocked(): boolean {
    return this.isThrottled
  }

  frameFreed(truesize: number): void {
    this.wmemAlloc -= truesize
    if (this.isThrottled) this.onSpaceBelow()
  }
}
