import { STAGE_TCP_SEND } from '../../cpu/stage.ts'
import { KernelTimer } from '../../sim/jiffies.ts'
import { MICROSECOND } from '../../sim/units.ts'
import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES, PROTOCOL_TCP } from '../../wire/frame.ts'
import { TCP_ACK, TCP_SYN, TcpHeader } from '../../wire/tcp.ts'
import { TcpOptions } from '../../wire/tcp-options.ts'
import { RTO_INITIAL, RTO_MAX, TIMESTAMP_BYTES } from './constants.ts'
import { Endpoint, type Verdict } from './endpoint.ts'
import { agree, establish, initializeReceiveMss, offeredMss } from './handshake.ts'
import type { Incoming } from './incoming.ts'
import { syncMss } from './mss.ts'
import { initialWindow } from './offered-window.ts'
import { handshakeOptions, timestampOptions } from './options.ts'
import { pathMtu } from './path.ts'
import { reply, replyReset } from './reply.ts'
import type { Tcp } from './tcp.ts'
import type { TcpListener } from './tcp-listener.ts'
import { TcpSocket } from './tcp-socket.ts'

/** A handshake that the peer has begun (SYN-RECEIVED, tcp_request_sock): the connection is not made yet. */
export class TcpRequest extends Endpoint {
  private readonly tcp: Tcp
  private readonly listener: TcpListener
  /** The connection to be: it keeps what was agreed on, and has no place in the table. */
  private readonly socket: TcpSocket
  private readonly peer: TcpOptions
  private readonly mss: number
  /** Of the first SYN-ACK, microseconds. */
  private readonly sentAt: number
  private retransmits = 0
  private timeout = RTO_INITIAL
  private trace: number
  /** The handshake is complete, but there was no room in the accept queue. */
  private isAcked = false
  private readonly timer = new KernelTimer(() => this.expire())

  constructor(tcp: Tcp, listener: TcpListener, syn: Incoming) {
    super()
    const { frame } = syn
    this.tcp = tcp
    this.listener = listener
    this.localAddress = frame.ipDst
    this.localPort = frame.destinationPort
    this.remoteAddress = frame.ipSrc
    this.remotePort = frame.sourcePort
    this.trace = frame.trace
    this.peer = copyOf(syn.parsed())
    this.socket = new TcpSocket(tcp, listener.options)
    this.prepare(syn)
    this.mss = this.socket.advMss
    this.chooseWindow()
    this.sentAt = this.socket.mstamp
    tcp.add(this)
    this.sendSynAck()
    tcp.namespace.kernel.timers.arm(this.timer, this.timeout * MICROSECOND)
  }

  private prepare(syn: Incoming): void {
    const { socket } = this
    socket.localAddress = this.localAddress
    socket.localPort = this.localPort
    socket.remoteAddress = this.remoteAddress
    socket.remotePort = this.remotePort
    socket.trace = this.trace
    socket.irs = syn.header.sequence
    socket.refreshClock()
    socket.pmtu = pathMtu(socket)
    socket.advMss = offeredMss(socket.pmtu, socket.userMss)
    socket.sndWnd = syn.window
  }

  /** tcp_openreq_init_rwin. */
  private chooseWindow(): void {
    const { socket, peer } = this
    const { parameters, window } = socket
    const isScaled = parameters.windowScaling && peer.windowScale >= 0
    const hasTimestamps = parameters.timestamps && peer.hasTimestamps
    const space = window.contentOf(window.buffer)
    const { offered, scale } = initialWindow(
      space,
      this.mss - (hasTimestamps ? TIMESTAMP_BYTES : 0),
      socket.receiveBufferFixed ? space : parameters.rmem[2],
      parameters.initialReceiveSegments,
      isScaled,
    )
    window.offered = offered
    window.ssthresh = offered
    window.clamp = 65535 * 2 ** scale
    socket.receiveScale = scale
  }

  /** tcp_make_synack. */
  private sendSynAck(): void {
    const { socket, peer, tcp } = this
    const { parameters, window } = socket
    const { kernel } = tcp.namespace
    socket.refreshClock()
    const options = handshakeOptions({
      mss: this.mss,
      sackPermitted: parameters.sack && peer.sackPermitted,
      hasTimestamps: parameters.timestamps && peer.hasTimestamps,
      tsValue: socket.timestamp,
      tsEcho: peer.tsValue,
      windowScale: parameters.windowScaling && peer.windowScale >= 0 ? socket.receiveScale : -1,
    })
    const frame = new Frame()
    const offered = Math.min(window.offered, 65535)
    frame.header = new TcpHeader(
      socket.iss,
      (socket.irs + 1) | 0,
      TCP_SYN | TCP_ACK,
      offered,
      options,
    )
    frame.etherType = ETHERTYPE_IPV4
    frame.protocol = PROTOCOL_TCP
    frame.ipSrc = this.localAddress
    frame.ipDst = this.remoteAddress
    frame.sourcePort = this.localPort
    frame.destinationPort = this.remotePort
    frame.ttl = kernel.profile.defaultTtl
    frame.l3Length = IPV4_HEADER_BYTES + frame.header.bytes
    // Not to be cut, hence without identification (ip_build_and_send_pkt).
    frame.dontFragment = !tcp.namespace.ipv4.isMtuLocked(this.remoteAddress)
    frame.ipId = frame.dontFragment ? 0 : tcp.namespace.ipv4.nextId()
    frame.trace = this.trace
    frame.flowHash = socket.txHash
    kernel.spend(STAGE_TCP_SEND, 1, 0)
    tcp.namespace.ipv4.sendLocal(frame)
  }

  /** The SYN-ACK was not answered (reqsk_timer_handler). */
  private expire(): void {
    const { kernel } = this.tcp.namespace
    kernel.enter()
    if (this.retransmits >= kernel.profile.tcp.synackRetries) this.end()
    else {
      this.retransmits++
      this.socket.redrawHash()
      if (!this.isAcked) this.sendSynAck()
      this.timeout = Math.min(this.timeout * 2, RTO_MAX)
      kernel.timers.arm(this.timer, this.timeout * MICROSECOND)
    }
    kernel.leave()
  }

  /** The handshake has come to nothing. */
  end(): void {
    this.leave()
    this.listener.abandon(this)
  }

  abandon(): void {
    this.end()
  }

  private leave(): void {
    this.tcp.namespace.kernel.timers.cancel(this.timer)
    this.tcp.forget(this)
  }

  /** tcp_check_req. */
  receive(segment: Incoming): Verdict {
    const { socket, tcp } = this
    segment.locate(socket.irs, 1, socket.iss, 0)
    if (segment.isSyn && !segment.hasAck && !segment.isReset && segment.start === 0) {
      // The SYN-ACK was lost.
      this.sendSynAck()
      return 'consumed'
    }
    const isInWindow = segment.end >= 1 && segment.start <= 1 + socket.window.offered
    if (!isInWindow || this.isOld(segment)) {
      if (!segment.isReset) this.acknowledge(segment)
      return 'tcp_invalid_sequence'
    }
    if (segment.isReset) {
      if (segment.start !== 1) return 'tcp_invalid_sequence'
      this.end()
      return 'consumed'
    }
    if (segment.isSyn) {
      replyReset(tcp.namespace, segment)
      this.end()
      return 'consumed'
    }
    if (!segment.hasAck) return 'tcp_invalid_sequence'
    if (segment.ack !== 1) {
      replyReset(tcp.namespace, segment)
      return 'tcp_invalid_ack'
    }
    if (this.listener.isFull) {
      this.isAcked = true
      return 'tcp_listen_overflow'
    }
    return this.complete(segment)
  }

  private isOld(segment: Incoming): boolean {
    const { peer } = this
    return peer.hasTimestamps && segment.hasTimestamps && ((peer.tsValue - segment.tsValue) | 0) > 1
  }

  private acknowledge(segment: Incoming): void {
    const { socket, peer } = this
    if (this.isAnswerLimited(segment, this.tcp.namespace.kernel)) return
    const header = new TcpHeader(
      (socket.iss + 1) | 0,
      (socket.irs + 1) | 0,
      TCP_ACK,
      Math.floor(socket.window.offered / 2 ** socket.receiveScale),
      peer.hasTimestamps ? timestampOptions(socket.timestamp, peer.tsValue) : undefined,
    )
    reply(this.tcp.namespace, segment.frame, header, socket.txHash)
  }

  /** The connection is there (tcp_v4_syn_recv_sock); this segment is its first. */
  private complete(segment: Incoming): Verdict {
    const { socket, peer, tcp, listener } = this
    this.leave()
    tcp.add(socket)
    socket.refreshClock()
    socket.sndUna = 1
    socket.sndNxt = 1
    socket.writeSeq = 1
    socket.rcvNxt = 1
    socket.copiedSeq = 1
    socket.window.offeredAt = 1
    agree(socket, peer)
    if (socket.usesTimestamps) {
      socket.tsRecent = peer.tsValue
      socket.tsRecentStamp = socket.mstamp / 1e6
    }
    socket.totalRetrans = this.retransmits
    syncMss(socket, pathMtu(socket))
    if (this.retransmits === 0) this.sampleRtt()
    // The window of the SYN is not scaled, that of this segment is.
    socket.sndWnd = segment.window * 2 ** socket.sendScale
    socket.maxWindow = socket.sndWnd
    socket.sndWl1 = segment.start
    syncMss(socket, socket.pmtu)
    initializeReceiveMss(socket)
    establish(socket)
    listener.complete(this, socket)
    return socket.receive(segment)
  }

  private sampleRtt(): void {
    const { socket } = this
    const rtt = socket.mstamp - this.sentAt
    socket.rtt.sampleMinimum(socket.mstamp, rtt)
    socket.rtt.sample(rtt, 0, 1)
    socket.rto = socket.rtt.rto
  }
}

function copyOf(options: TcpOptions): TcpOptions {
  const copy = new TcpOptions()
  copy.mss = options.mss
  copy.windowScale = options.windowScale
  copy.sackPermitted = options.sackPermitted
  copy.hasTimestamps = options.hasTimestamps
  copy.tsValue = options.tsValue
  return copy
}
