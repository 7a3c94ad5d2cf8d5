/**
 * One real stack, 10.0.0.1, on a cable, and at its other end a peer, 10.0.0.2, that does what the test
 * says: it sends exact segments at exact times, and states which segments it must get, and when.
 */
import { expect, onTestFinished } from 'vitest'
import { Nic } from '../../src/host/nic.ts'
import { Port } from '../../src/link/port.ts'
import { Ledger } from '../../src/measure/ledger.ts'
import { Simulator } from '../../src/sim/simulator.ts'
import { MILLISECOND } from '../../src/sim/units.ts'
import type { DeviceFeatures } from '../../src/stack/device-features.ts'
import { Kernel } from '../../src/stack/kernel.ts'
import { KERNEL_PROFILES } from '../../src/stack/kernel-profile.ts'
import { NetNamespace } from '../../src/stack/namespace.ts'
import type { TcpSocketOptions } from '../../src/stack/sockets.ts'
import { withSysctls } from '../../src/stack/sysctl.ts'
import type { TcpListener } from '../../src/stack/tcp/tcp-listener.ts'
import type { TcpSocket } from '../../src/stack/tcp/tcp-socket.ts'
import {
  ETHERTYPE_IPV4,
  Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
} from '../../src/wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, IcmpMessage } from '../../src/wire/icmp.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { TCP_RST, TCP_SYN, TcpHeader } from '../../src/wire/tcp.ts'
import { emitTcpOptions, parseTcpOptions, TcpOptions } from '../../src/wire/tcp-options.ts'
import { compared, optionsOf, parseSegment, type Segment, textOf } from './segment.ts'

export type { Segment } from './segment.ts'

const HOST = ipv4('10.0.0.1')
const PEER = ipv4('10.0.0.2')
const HOST_PORT = 5201
export const PEER_PORT = 40000
const HOST_MAC = 0x020000000001
const PEER_MAC = 0x020000000002
/** Close to the end of the sequence space, so that every longer conversation passes it. */
const PEER_ISN = 0xfffff800 | 0
/** 100 Gb/s and no delay: what the wire takes is nothing beside a millisecond. */
const CABLE = { rate: 100e9, delay: 0 }
/** How long `receive` waits unless told otherwise, milliseconds. */
const PATIENCE = 2

export interface ConversationOptions {
  /** Default 6.18. */
  readonly kernel?: '4.15' | '5.15' | '6.18'
  readonly sysctls?: Readonly<Record<string, number>>
  readonly mtu?: number
  /** Of the NIC, where it lacks some. */
  readonly features?: Partial<DeviceFeatures>
  readonly seed?: string
}

/** What the peer offers in the handshake; null leaves the option out. */
export interface Offer extends TcpSocketOptions {
  readonly mss?: number | null
  readonly wscale?: number | null
  readonly sack?: boolean
  readonly timestamps?: boolean
  /** Of the peer's SYN or SYN-ACK, not scaled. */
  readonly window?: number
  /** Milliseconds that the peer takes to answer a SYN. */
  readonly rtt?: number
}

/** What an application has read. */
export interface Reading {
  readonly bytes: number
  readonly isAtEnd: boolean
}

export class Conversation {
  readonly simulator: Simulator
  readonly ledger = new Ledger()
  readonly namespace: NetNamespace
  readonly nic: Nic
  /** Raw window of the peer's segments where the text has none. */
  window = 65535
  private readonly port: Port
  private readonly got: Segment[] = []
  private hostIsn = 0
  private hostPort = HOST_PORT
  private peerPort = PEER_PORT
  private hostScale = 0
  private usesTimestamps = false
  private isDamaging = false
  /** Latest timestamp of the host, which the peer echoes. */
  private echo = 0

  constructor(options: ConversationOptions = {}) {
    this.simulator = new Simulator(options.seed ?? '1')
    const { simulator, ledger } = this
    const settings = Object.entries(options.sysctls ?? {}).map(
      ([name, value]) => [`net.ipv4.${name}`, String(value)] as const,
    )
    const profile = withSysctls(KERNEL_PROFILES[options.kernel ?? '6.18']!, new Map(settings))
    const kernel = new Kernel(simulator, ledger, 'host', profile)
    this.namespace = new NetNamespace(kernel, 'host')
    this.nic = new Nic(this.namespace, 'eth0', options.mtu ?? 1500, HOST_MAC, {
      features: options.features ?? {},
    })
    this.nic.up = true
    this.namespace.addDevice(this.nic)
    this.namespace.addAddress(this.nic, { address: HOST, length: 24 })
    this.namespace.neighbours.lookupOrCreate(this.nic, PEER)!.update(PEER_MAC, 'PERMANENT', true)
    const owner = { name: 'peer', receive: (frame: Frame) => this.take(frame) }
    this.port = new Port(simulator, ledger, owner, 0, 'port')
    this.port.mtu = 65535
    Port.connect(this.nic.port, this.port, CABLE)
    onTestFinished(() => expect(ledger.imbalance(), 'balance of the books').toBe(0))
  }

  /** Milliseconds since the start. */
  get now(): number {
    return this.simulator.now / MILLISECOND
  }

  /** Lets time pass; what the host sends meanwhile waits for `receive`. */
  wait(milliseconds: number): void {
    const until = this.simulator.now + milliseconds * MILLISECOND
    while (!this.simulator.run(until) || this.simulator.now < until) {
      // A segment for the peer stops the clock.
    }
  }

  /** Lets time pass in which the host must not send anything. */
  quiet(milliseconds: number): void {
    this.wait(milliseconds)
    expect(this.got.map((segment) => textOf(segment, PEER_ISN))).toEqual([])
  }

  /** Takes note of what the host has sent, whatever it is, and forgets it. */
  drain(): Segment[] {
    return this.got.splice(0)
  }

  /** The next segment of the host, whatever it is. */
  drainOne(): Segment {
    return this.next(PATIENCE, 'anything')
  }

  /**
   * Sends a segment now. Timestamps are added where the connection uses them, unless the text has some.
   * @param content of its data; zeros without.
   */
  send(text: string, content: Uint8Array | null = null): void {
    const said = parseSegment(text)
    const words = said.options ?? []
    const options = optionsOf(words, this.hostIsn)
    const hasOwn = words.some((word) => /^TS \d/.test(word.trim()))
    if ((this.usesTimestamps || options.hasTimestamps) && !hasOwn && (said.flags & TCP_RST) === 0) {
      options.hasTimestamps = true
      options.tsValue = this.clock
      options.tsEcho = this.echo
    }
    const header = new TcpHeader(
      (PEER_ISN + said.sequence) | 0,
      said.acknowledgement === null ? 0 : (this.hostIsn + said.acknowledgement) | 0,
      said.flags,
      said.window ?? this.window,
      emitTcpOptions(options),
    )
    const frame = this.frame(PROTOCOL_TCP, header.bytes + said.length)
    frame.sourcePort = this.peerPort
    frame.destinationPort = this.hostPort
    frame.header = header
    frame.payload = content
    this.transmit(frame)
  }

  /** The peer's timestamp clock, milliseconds. */
  get clock(): number {
    return 1000 + Math.floor(this.now)
  }

  /** "Fragmentation needed" from a router on the way, quoting `segment`. */
  sendFragmentationNeeded(segment: Segment, mtu: number): void {
    const frame = this.frame(PROTOCOL_ICMP, 8 + IPV4_HEADER_BYTES + 8)
    frame.header = new IcmpMessage(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 0, mtu)
    frame.inner = segment.frame.clone()
    this.transmit(frame)
  }

  private frame(protocol: number, bytes: number): Frame {
    const frame = new Frame()
    frame.dstHi = this.nic.hi
    frame.dstLo = this.nic.lo
    frame.srcHi = Math.floor(PEER_MAC / 2 ** 24)
    frame.srcLo = PEER_MAC % 2 ** 24
    frame.etherType = ETHERTYPE_IPV4
    frame.l3Length = IPV4_HEADER_BYTES + bytes
    frame.ipSrc = PEER
    frame.ipDst = HOST
    frame.protocol = protocol
    frame.ttl = 64
    frame.dontFragment = true
    return frame
  }

  /** The next frame of the peer is damaged on its way, unseen by the FCS. */
  damageNext(): void {
    this.isDamaging = true
  }

  private transmit(frame: Frame): void {
    this.ledger.originated++
    frame.badChecksum = this.isDamaging
    this.isDamaging = false
    this.port.send(frame)
    // What the host does at once is done before the test goes on.
    this.wait(0.01)
  }

  /**
   * The next segment of the host must be this one; what the text leaves out may be anything, and PSH
   * is looked at only where the text has it. @param within milliseconds from now.
   */
  receive(text: string, within = PATIENCE): Segment {
    return this.check(text, this.next(within, text))
  }

  private take(frame: Frame): void {
    this.ledger.delivered++
    const { header } = frame
    if (!(header instanceof TcpHeader)) return
    expect(frame.gsoSize, 'a unit on the wire').toBe(0)
    const options = new TcpOptions()
    parseTcpOptions(header.options, options)
    const isSyn = (header.flags & TCP_SYN) !== 0
    if (isSyn) {
      this.hostIsn = header.sequence
      this.hostScale = Math.max(options.windowScale, 0)
    }
    if (options.hasTimestamps) this.echo = options.tsValue
    this.got.push({
      time: this.now,
      flags: header.flags,
      sequence: (header.sequence - this.hostIsn) | 0,
      length: frame.l3Length - IPV4_HEADER_BYTES - header.bytes,
      acknowledgement: (header.acknowledgement - PEER_ISN) | 0,
      window: header.window,
      windowBytes: isSyn ? header.window : header.window * 2 ** this.hostScale,
      options,
      frame,
    })
    this.simulator.stop()
  }

  private next(within: number, wanted: string): Segment {
    const deadline = this.simulator.now + within * MILLISECOND
    while (this.got.length === 0 && this.simulator.now < deadline) this.simulator.run(deadline)
    const segment = this.got.shift()
    if (segment === undefined) throw new Error(`nothing in ${within} ms, wanted ${wanted}`)
    return segment
  }

  private check(wanted: string, segment: Segment): Segment {
    const full = textOf(segment, PEER_ISN)
    const { got, said } = compared(wanted, segment, PEER_ISN)
    expect(got, `at ${this.now} ms, in full ${full}`).toBe(said)
    return segment
  }

  /** The host listens on its port. */
  listen(options: TcpSocketOptions & { readonly backlog?: number } = {}): TcpListener {
    const listener = this.namespace.sockets.listenTcp(HOST_PORT, options)
    if (listener === null) throw new Error('the port is taken')
    return listener
  }

  /** A socket of the host that has begun to connect to the peer: its SYN waits for `receive`. */
  open(options: TcpSocketOptions = {}): TcpSocket {
    const socket = this.namespace.sockets.openTcp(options)
    const error = socket.connect(PEER, PEER_PORT)
    if (error !== null) throw new Error(error)
    this.hostPort = socket.localPort
    return socket
  }

  /** From here on the peer speaks from another port. */
  usePort(port: number): void {
    this.peerPort = port
  }

  /** A connection that the host opened. */
  connect(offer: Offer = {}): TcpSocket {
    const socket = this.open(offer)
    this.receive('S 0:0(0)')
    this.wait(offer.rtt ?? 0)
    this.send(`S. 0:0(0) ack 1 win ${offer.window ?? 65535}${bracket(offer)}`)
    this.usesTimestamps = offer.timestamps ?? true
    this.receive('. 1:1(0) ack 1')
    return socket
  }

  /** A connection that the peer opened. */
  accept(offer: Offer & { readonly backlog?: number } = {}): TcpSocket {
    const listener = this.listen(offer)
    this.send(`S 0:0(0) win ${offer.window ?? 65535}${bracket(offer)}`)
    this.receive('S. 0:0(0) ack 1')
    this.wait(offer.rtt ?? 0)
    this.usesTimestamps = offer.timestamps ?? true
    this.send('. 1:1(0) ack 1')
    const socket = listener.accept()
    if (socket === null) throw new Error('nothing to accept')
    return socket
  }

  /** The application of `socket` reads all that comes, at once. */
  readAll(socket: TcpSocket): Reading {
    const reading = { bytes: 0, isAtEnd: false }
    const task = this.namespace.kernel.task('reader', () => {
      reading.bytes += socket.read(65536)
      reading.isAtEnd = socket.atEnd
      return socket.readable > 0
    })
    socket.onReadable = () => task.wake()
    return reading
  }
}

/** The options of the peer's SYN. */
function bracket(offer: Offer): string {
  const { mss = 1460, wscale = 7, sack = true, timestamps = true } = offer
  const words: string[] = []
  if (mss !== null) words.push(`mss ${mss}`)
  if (sack) words.push('sackOK')
  if (timestamps) words.push('TS')
  if (wscale !== null) words.push(`wscale ${wscale}`)
  return ` <${words.join(',')}>`
}
