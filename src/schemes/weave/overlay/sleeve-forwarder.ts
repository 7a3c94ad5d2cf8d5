import { Condition } from '../../../control/program/condition.ts'
import { STAGE_SECRETBOX } from '../../../cpu/stage.ts'
import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import { fragmentDatagram } from '../../../stack/fragment.ts'
import type { SendError } from '../../../stack/ipv4.ts'
import { ETHERNET_HEADER_BYTES, ETHERTYPE_IPV4, Frame } from '../../../wire/frame.ts'
import { formatIpv4 } from '../../../wire/ipv4-address.ts'
import type { OverlayConnectionParams } from '../mesh/overlay.ts'
import { DataThread } from './data-thread.ts'
import { type FlowOp, type Forwarder, type ForwardKey, packetOf } from './flow-op.ts'
import { FAST_HEARTBEAT, HEARTBEAT_TIMEOUT, SLOW_HEARTBEAT } from './heartbeat.ts'
import type { Sleeve, UdpAddress } from './sleeve.ts'
import { SleeveChannel } from './sleeve-channel.ts'
import {
  ReplayWindow,
  type SleeveContent,
  type SleeveFrame,
  SleevePacket,
} from './sleeve-packet.ts'
import { SleevePmtu } from './sleeve-pmtu.ts'
import type { ForwarderEvents } from './switch-connection.ts'
import { fragmentationNeeded } from './too-big.ts'

const TAG_ESTABLISHED = 1
const TAG_FRAGMENTS_RECEIVED = 2
const TAG_PMTU_VERIFIED = 3
/** Longer than any path takes: one that is cut on its way, and one that may not be. */
const FRAGMENT_TEST_BYTES = 60001
const PMTU_TEST_BYTES = 60000
const FRAGMENT_TEST_INTERVAL = 300 * SECOND
const HEARTBEAT_BYTES = ETHERNET_HEADER_BYTES + 8
const LONGEST_PAYLOAD = 65535 - 28
/** Frames of one burst. */
const BURST = 100

/** The sleeve to one peer: weaveworks/weave, router/sleeve.go, sleeveForwarder. */
export class SleeveForwarder implements Forwarder {
  readonly name = 'sleeve'
  private readonly sleeve: Sleeve
  private readonly params: OverlayConnectionParams
  private readonly events: ForwarderEvents
  private readonly changed: Condition
  private readonly thread: DataThread
  private readonly pmtu: SleevePmtu
  private readonly df = new SleeveChannel()
  private readonly cuttable = new SleeveChannel()
  private readonly windows = { df: new ReplayWindow(), cuttable: new ReplayWindow() }
  /** Sealed so far, with DF and without. */
  private readonly sequences = { df: 0, cuttable: 0 }
  /** Where to send to: at an inbound connection not known before the first heartbeat. */
  private remote: UdpAddress | null = null
  private interval = FAST_HEARTBEAT
  private heartbeatAt = Infinity
  private timeoutAt = Infinity
  private fragmentTestAt = Infinity
  /** Whether fragments of ours arrive. */
  private isCutOnItsWay = false
  private isConfirmed = false
  private isStopped = false
  private isEstablished = false
  private hasAcked = false
  private unsent: { packet: SleevePacket; isDf: boolean } | null = null

  constructor(
    sleeve: Sleeve,
    params: OverlayConnectionParams,
    events: ForwarderEvents,
    port: number,
  ) {
    const { threads } = sleeve
    this.sleeve = sleeve
    this.params = params
    this.events = events
    this.changed = new Condition(threads.program)
    this.thread = new DataThread(threads, `weaver sleeve ${params.remotePeer}`, () => this.work())
    this.pmtu = new SleevePmtu(this.isEncrypted, {
      now: () => threads.program.now,
      sendTest: (mtu) => this.sendSpecial(mtu + ETHERNET_HEADER_BYTES, null, true),
      verified: (mtu) => this.print(`Effective MTU verified at ${mtu}`),
    })
    if (params.isOutbound) this.remote = { address: params.remoteAddress, port }
  }

  get mtu(): number {
    return this.pmtu.mtu
  }

  private get isEncrypted(): boolean {
    return this.params.sessionKey !== null
  }

  private get now(): number {
    return this.sleeve.threads.program.now
  }

  private print(text: string): void {
    const { remote } = this
    const at = remote === null ? '<nil>' : `${formatIpv4(remote.address)}:${remote.port}`
    this.sleeve.threads.program.log.push(`sleeve ->[${at}|${this.params.remotePeer}]: ${text}`)
  }

  confirm(): void {
    if (this.isConfirmed) return
    this.isConfirmed = true
    this.sleeve.addForwarder(this.params.remotePeer.name, this)
    if (this.remote !== null) this.heartbeatAt = this.now
    this.timeoutAt = this.now + HEARTBEAT_TIMEOUT
    this.sleeve.threads.program.spawn(this.run())
  }

  private *run(): Process {
    while (!this.isStopped) {
      const { now, pmtu } = this
      if (now >= this.heartbeatAt) this.sendHeartbeat()
      else if (now >= this.timeoutAt) this.fail('timed out waiting for UDP heartbeat')
      else if (now >= this.fragmentTestAt) this.testFragments()
      else if (now >= pmtu.deadline) pmtu.expired()
      else {
        const next = Math.min(this.heartbeatAt, this.timeoutAt, this.fragmentTestAt, pmtu.deadline)
        yield* this.changed.wait(next - now)
      }
    }
  }

  private fail(error: string): void {
    if (!this.isStopped) this.events.failed(error)
  }

  forward(key: ForwardKey): FlowOp {
    return {
      type: 'process',
      process: (frame, isBroadcast) => this.forwardFrame(key, frame, isBroadcast),
    }
  }

  private forwardFrame(key: ForwardKey, frame: Frame, isBroadcast: boolean): void {
    const { router } = this.sleeve
    if (this.remote === null || this.isStopped) {
      this.print('Cannot forward frame yet - awaiting contact')
      return router.drop(frame, true)
    }
    const isIp = frame.etherType === ETHERTYPE_IPV4
    const isTooBig = frame.length > this.pmtu.mtu + ETHERNET_HEADER_BYTES
    if (isIp && frame.dontFragment) {
      if (isTooBig) this.refuse(key, frame, isBroadcast)
      else this.aggregate(this.df, key, frame)
    } else if (this.isCutOnItsWay || !isIp) this.aggregate(this.cuttable, key, frame)
    else if (!isTooBig) this.aggregate(this.df, key, frame)
    // Fragments are not to be relied on here: so the packet is cut before it is put into datagrams.
    else for (const piece of this.cut(frame)) this.aggregate(this.df, key, piece)
  }

  private cut(frame: Frame): Frame[] {
    const pieces = fragmentDatagram(frame, this.pmtu.mtu)
    const { ledger } = this.sleeve.threads.program.namespace.kernel
    // The frame has ended as `consumed` here, and each piece begins anew where it is unpacked.
    for (const piece of pieces)
      if (piece.trace !== 0) ledger.tracer?.stage(piece, 'fragment', this.name)
    return pieces
  }

  /** A packet that may not be cut does not fit: its sender is told. */
  private refuse(key: ForwardKey, frame: Frame, isBroadcast: boolean): void {
    const { router } = this.sleeve
    router.drop(frame, true)
    if (isBroadcast) {
      this.print(`dropping too big DF broadcast frame: len ${frame.length}: MTU=${this.pmtu.mtu}`)
      return
    }
    const answer = fragmentationNeeded(frame, this.pmtu.mtu)
    const packet = packetOf(answer)
    router.process(answer, router.forwarded({ from: key.to, to: key.from, packet }))
  }

  private aggregate(channel: SleeveChannel, { from, to }: ForwardKey, frame: Frame): void {
    const { current } = this.sleeve.threads
    channel.put({ from: from.name, to: to.name, frame }, current)
    this.thread.wake()
  }

  /** The send buffer has room again. */
  resume(): void {
    this.thread.resume()
  }

  /** Sends a datagram of what waits. */
  private work(): boolean {
    if (this.isStopped) {
      this.discardAll()
      return false
    }
    const next = this.unsent ?? this.gather()
    if (next === null) return false
    this.unsent = null
    if (next.packet.frames.length === 0) return true
    const error = this.sendPacket(next.packet, next.isDf)
    if (error === 'EAGAIN') {
      this.unsent = next
      this.thread.block()
      return false
    }
    if (error !== null) this.lose(next.packet.frames)
    return true
  }

  /** As many frames as have come and fit; none when the first one is too long. */
  private gather(): { packet: SleevePacket; isDf: boolean } | null {
    const isDf = this.df.length > 0
    const channel = isDf ? this.df : this.cuttable
    const first = channel.take()
    if (first === null) return null
    const packet = this.newPacket(isDf)
    const limit = isDf ? this.pmtu.maxPayload : LONGEST_PAYLOAD
    if (!packet.fits(first, limit)) {
      this.print(`Dropping too big frame during forwarding: frame len ${first.frame.length}`)
      this.lose([first])
      return { packet, isDf }
    }
    packet.add(first)
    for (let count = 1; count < BURST; count++) {
      const head = channel.head
      if (head === null || !packet.fits(head, this.pmtu.maxPayload)) break
      packet.add(channel.take()!)
    }
    return { packet, isDf }
  }

  private lose(frames: readonly SleeveFrame[]): void {
    for (const { frame } of frames) this.sleeve.router.drop(frame, true)
  }

  private discardAll(): void {
    this.lose(this.unsent?.packet.frames ?? [])
    this.unsent = null
    this.lose(this.df.clear())
    this.lose(this.cuttable.clear())
  }

  private newPacket(isDf: boolean): SleevePacket {
    const { ourself } = this.sleeve.router.mesh!
    if (!this.isEncrypted) return new SleevePacket(ourself.name, null)
    const stream = isDf ? 'df' : 'cuttable'
    return new SleevePacket(ourself.name, { sequence: this.sequences[stream]++, isDf })
  }

  private sendPacket(packet: SleevePacket, isDf: boolean): SendError | null {
    const { remote, sleeve } = this
    if (remote === null) return null
    const { kernel } = sleeve.threads.program.namespace
    if (this.isEncrypted) kernel.spend(STAGE_SECRETBOX, 1, packet.bytes)
    const error = sleeve.send(this, remote, packet, isDf)
    if (error === 'EMSGSIZE') this.pmtu.tooBig(sleeve.pathMtu(remote))
    else if (error !== null && error !== 'EAGAIN') this.fail(`sendto: ${error}`)
    this.changed.notify()
    return error
  }

  /** A frame of the router itself. @param bytes its length. */
  private sendSpecial(bytes: number, content: Uint8Array | null, isDf: boolean): void {
    const frame = new Frame()
    frame.l3Length = bytes - ETHERNET_HEADER_BYTES
    frame.payload = content
    const packet = this.newPacket(isDf)
    const from = this.sleeve.router.mesh!.ourself.name
    packet.add({ from, to: this.params.remotePeer.name, frame })
    this.sendPacket(packet, isDf)
  }

  private sendHeartbeat(): void {
    this.heartbeatAt = this.now + this.interval
    const content = new Uint8Array(8)
    new DataView(content.buffer).setBigUint64(0, this.params.connectionUid)
    this.sendSpecial(HEARTBEAT_BYTES, content, true)
  }

  /** Whether a sealed datagram was not here before. */
  opens({ sequence, isDf }: NonNullable<SleeveContent['sealed']>): boolean {
    return (isDf ? this.windows.df : this.windows.cuttable).accept(sequence)
  }

  receiveSpecial(frame: Frame, from: UdpAddress): void {
    if (frame.length === HEARTBEAT_BYTES) this.receiveHeartbeat(frame, from)
    else if (frame.length === FRAGMENT_TEST_BYTES) this.tell(TAG_FRAGMENTS_RECEIVED)
    else {
      const size = new Uint8Array(2)
      new DataView(size.buffer).setUint16(0, frame.l3Length)
      this.tell(TAG_PMTU_VERIFIED, size)
    }
  }

  private tell(tag: number, content = new Uint8Array(0)): void {
    this.events.sendControlMessage(tag, content)
  }

  private receiveHeartbeat({ payload }: Frame, from: UdpAddress): void {
    const uid = payload === null ? null : new DataView(payload.buffer).getBigUint64(0)
    if (uid !== this.params.connectionUid) return
    const { remote } = this
    if (remote === null) {
      this.remote = from
      if (this.isConfirmed) this.heartbeatAt = this.now
    } else if (remote.address !== from.address || remote.port !== from.port) {
      this.print(`Peer UDP address changed to ${formatIpv4(from.address)}:${from.port}`)
      this.remote = from
    }
    if (!this.hasAcked) {
      this.hasAcked = true
      this.tell(TAG_ESTABLISHED)
    }
    if (this.isConfirmed) this.timeoutAt = this.now + HEARTBEAT_TIMEOUT
    this.changed.notify()
  }

  controlMessage(tag: number, content: Uint8Array): void {
    if (tag === TAG_ESTABLISHED) this.acknowledged()
    else if (tag === TAG_FRAGMENTS_RECEIVED) this.isCutOnItsWay = true
    else if (tag === TAG_PMTU_VERIFIED && content.length >= 2) {
      const view = new DataView(content.buffer, content.byteOffset)
      this.pmtu.acknowledged(view.getUint16(0))
    }
    this.changed.notify()
  }

  private acknowledged(): void {
    this.interval = SLOW_HEARTBEAT
    if (this.heartbeatAt !== Infinity) this.heartbeatAt = this.now + SLOW_HEARTBEAT
    if (!this.isEstablished) {
      this.isEstablished = true
      this.events.established()
    }
    this.testFragments()
    // It is refused here, and so the search for the MTU begins.
    this.sendSpecial(PMTU_TEST_BYTES, null, true)
  }

  private testFragments(): void {
    this.isCutOnItsWay = false
    this.fragmentTestAt = this.now + FRAGMENT_TEST_INTERVAL
    this.sendSpecial(FRAGMENT_TEST_BYTES, null, false)
  }

  stop(): void {
    if (this.isStopped) return
    this.isStopped = true
    this.sleeve.removeForwarder(this.params.remotePeer.name, this)
    this.changed.notify()
    this.thread.wake()
  }
}
