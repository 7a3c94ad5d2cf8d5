import { MICROSECOND } from '../../sim/units.ts'
import { IPV4_HEADER_BYTES } from '../../wire/frame.ts'
import { TCP_SYN } from '../../wire/tcp.ts'
import type { TcpOptions } from '../../wire/tcp-options.ts'
import { receiveAck } from './ack.ts'
import { SLOW_PATH } from './ack-work.ts'
import { breakConnection } from './close.ts'
import { INFINITE_SSTHRESH } from './congestion/congestion-control.ts'
import { type Connection, TIMER_RETRANSMIT } from './connection.ts'
import {
  CA_OPEN,
  INITIAL_CWND,
  MSS_DEFAULT,
  RTO_FALLBACK,
  RTO_INITIAL,
  RTO_MAX,
  TCP_HEADER_BYTES,
  TIMEOUT_MIN,
  TIMESTAMP_BYTES,
} from './constants.ts'
import { setCaState, updatePacingRate } from './cwnd.ts'
import type { Verdict } from './endpoint.ts'
import type { Incoming } from './incoming.ts'
import { initializeMtuProbing, syncMss } from './mss.ts'
import { initializeReceiveWindow, initialWindow } from './offered-window.ts'
import { handshakeOptions, plainHeaderBytes } from './options.ts'
import { currentRoute, pathMtu } from './path.ts'
import { replyReset } from './reply.ts'
import { EVER_RETRANSMITTED, Segment } from './segment.ts'
import { expandSendBuffer } from './send-buffer.ts'
import { rearmRetransmit, setTimer } from './timers.ts'
import { sendAck, sendSyn } from './transmit.ts'

/** TCP_MIN_MSS: what a receiver takes for the smallest full segment. */
const RECEIVE_MSS_MIN = 88

/** MSS that the route lets us offer (ipv4_default_advmss, TCP_MAXSEG), bytes. */
export function offeredMss(mtu: number, userMss: number): number {
  const mss = Math.min(Math.max(mtu - IPV4_HEADER_BYTES - TCP_HEADER_BYTES, 256), 65495)
  return userMss > 0 ? Math.min(mss, userMss) : mss
}

/** Sends the SYN (tcp_connect). Addresses and ports are set, and a route there is. */
export function beginConnect(tcp: Connection): void {
  const { parameters, window } = tcp
  tcp.refreshClock()
  tcp.headerBytes = plainHeaderBytes(parameters.timestamps)
  initializeMtuProbing(tcp)
  syncMss(tcp, pathMtu(tcp))
  tcp.advMss = offeredMss(tcp.pmtu, tcp.userMss)
  initializeReceiveMss(tcp)
  const chosen = initialWindow(
    window.contentOf(window.buffer),
    tcp.advMss,
    tcp.receiveBufferFixed ? window.contentOf(window.buffer) : parameters.rmem[2],
    parameters.initialReceiveSegments,
    parameters.windowScaling,
  )
  window.offered = chosen.offered
  window.ssthresh = chosen.offered
  window.clamp = 65535 * 2 ** 14
  tcp.receiveScale = chosen.scale
  tcp.state = 'SYN-SENT'
  tcp.rto = RTO_INITIAL
  tcp.retransStamp = tcp.timestamp
  const syn = new Segment(0, 1)
  syn.flags = TCP_SYN
  syn.count = 1
  tcp.queue.append(syn)
  tcp.queue.advance()
  tcp.sndNxt = 1
  tcp.writeSeq = 1
  tcp.packetsOut = 1
  sendSyn(tcp, syn, synOptions(tcp))
  rearmRetransmit(tcp)
}

function synOptions(tcp: Connection): Uint8Array {
  const { timestamps, sack, windowScaling } = tcp.parameters
  return handshakeOptions({
    mss: tcp.advMss,
    sackPermitted: sack,
    hasTimestamps: timestamps,
    tsValue: tcp.timestamp,
    tsEcho: 0,
    windowScale: windowScaling ? tcp.receiveScale : -1,
  })
}

/** The SYN was not answered. */
export function synTimeout(tcp: Connection): void {
  const { synRetries, synLinearTimeouts } = tcp.parameters
  tcp.timeouts++
  if (tcp.retransmits >= synRetries + synLinearTimeouts || isUserTimeoutOver(tcp)) {
    return breakConnection(tcp, tcp.softError ?? 'ETIMEDOUT')
  }
  tcp.retransmits++
  tcp.totalRetrans++
  tcp.redrawHash()
  const syn = tcp.queue.head!
  sendSyn(tcp, syn, synOptions(tcp))
  syn.tags |= EVER_RETRANSMITTED
  if (tcp.retransmits > synLinearTimeouts) tcp.rto = Math.min(tcp.rto * 2, RTO_MAX)
  setTimer(tcp, TIMER_RETRANSMIT, tcp.rto)
}

function isUserTimeoutOver(tcp: Connection): boolean {
  if (tcp.userTimeout === 0 || tcp.retransmits === 0) return false
  const since = ((tcp.timestamp - tcp.retransStamp) | 0) * 1000 * MICROSECOND
  return since >= tcp.userTimeout
}

/** What answers a SYN (tcp_rcv_synsent_state_process). */
export function receiveInSynSent(tcp: Connection, segment: Incoming): Verdict {
  const options = segment.parsed()
  if (!segment.hasAck) return segment.isReset ? 'consumed' : 'tcp_invalid_sequence'
  if (segment.ack <= tcp.sndUna || segment.ack > tcp.sndNxt || isForeignEcho(tcp, options)) {
    // An answer to an older connection with our ports: that one is told to be gone.
    if (tcp.retransmits === 0) setTimer(tcp, TIMER_RETRANSMIT, TIMEOUT_MIN)
    replyReset(tcp.namespace, segment)
    return 'tcp_invalid_ack'
  }
  if (segment.isReset) {
    breakConnection(tcp, 'ECONNREFUSED')
    return 'consumed'
  }
  if (!segment.isSyn) return 'tcp_invalid_sequence'
  tcp.irs = segment.header.sequence
  tcp.rcvNxt = 0
  segment.locate(tcp.irs, 0, tcp.iss, tcp.sndUna)
  tcp.latestEcho = options.hasTimestamps ? options.tsEcho : null
  agree(tcp, options)
  tcp.sndWl1 = 0
  receiveAck(tcp, segment, SLOW_PATH)
  tcp.rcvNxt = 1
  tcp.window.offeredAt = 1
  tcp.copiedSeq = 1
  if (tcp.usesTimestamps) {
    tcp.tsRecent = options.tsValue
    tcp.tsRecentStamp = tcp.mstamp / 1e6
  }
  syncMss(tcp, tcp.pmtu)
  initializeReceiveMss(tcp)
  establish(tcp)
  tcp.onConnect?.()
  sendAck(tcp)
  return 'consumed'
}

/** A SYN-ACK that echoes a time at which we had not yet sent, or will only send. */
function isForeignEcho(tcp: Connection, options: TcpOptions): boolean {
  if (!options.hasTimestamps || options.tsEcho === 0 || !tcp.parameters.timestamps) return false
  const isBefore = ((options.tsEcho - tcp.retransStamp) | 0) < 0
  return isBefore || ((tcp.timestamp - options.tsEcho) | 0) < 0
}

/** What both sides have said holds for the connection. */
export function agree(tcp: Connection, options: TcpOptions): void {
  const { parameters } = tcp
  const mss = options.mss === 0 ? MSS_DEFAULT : options.mss
  tcp.mssClamp = tcp.userMss > 0 ? Math.min(mss, tcp.userMss) : mss
  tcp.usesSack = parameters.sack && options.sackPermitted
  tcp.usesTimestamps = parameters.timestamps && options.hasTimestamps
  tcp.headerBytes = plainHeaderBytes(tcp.usesTimestamps)
  if (tcp.usesTimestamps) tcp.advMss -= TIMESTAMP_BYTES
  if (parameters.windowScaling && options.windowScale >= 0) {
    tcp.sendScale = Math.min(options.windowScale, 14)
  } else {
    tcp.sendScale = 0
    tcp.receiveScale = 0
    tcp.window.clamp = Math.min(tcp.window.clamp, 65535)
  }
}

/** tcp_initialize_rcv_mss. */
export function initializeReceiveMss(tcp: Connection): void {
  const hint = Math.min(tcp.advMss, tcp.mss, Math.floor(tcp.window.offered / 2), MSS_DEFAULT)
  tcp.receiveMss = Math.max(hint, RECEIVE_MSS_MIN)
}

/** The handshake is done (tcp_init_transfer). */
export function establish(tcp: Connection): void {
  currentRoute(tcp)
  initializeMtuProbing(tcp)
  setCaState(tcp, CA_OPEN)
  tcp.state = 'ESTABLISHED'
  tcp.ssthresh = INFINITE_SSTHRESH
  // RFC 5681, 3.1: a SYN that was lost more than once tells of congestion.
  tcp.cwnd = tcp.totalRetrans > 1 ? 1 : INITIAL_CWND
  tcp.cwndStamp = tcp.jiffies
  tcp.cwndUsageSeq = tcp.sndNxt
  tcp.sndSmall = tcp.sndNxt
  tcp.pushedSeq = tcp.writeSeq
  tcp.retransStamp = Number.NaN
  tcp.retransmits = 0
  tcp.sentJiffy = tcp.jiffies
  tcp.receivedJiffy = tcp.jiffies
  if (tcp.rtt.srtt8 === 0) {
    // RFC 6298, 5.7: without a sample, more time than the SYN had.
    tcp.rto = tcp.totalRetrans > 0 ? RTO_FALLBACK : RTO_INITIAL
  }
  tcp.control.init()
  initializeReceiveWindow(tcp)
  expandSendBuffer(tcp)
  updatePacingRate(tcp)
}
