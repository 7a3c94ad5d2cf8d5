import { STAGE_SECRETBOX, STAGE_USER_FORWARD } from '../../../cpu/stage.ts'
import type { SendError } from '../../../stack/ipv4.ts'
import type { UdpSocket } from '../../../stack/udp-socket.ts'
import type { Frame } from '../../../wire/frame.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import type { OverlayConnectionParams } from '../mesh/overlay.ts'
import type { PeerName } from '../mesh/peer.ts'
import { DataThread, type DataThreads } from './data-thread.ts'
import { type Forwarder, packetOf } from './flow-op.ts'
import type { NetworkRouter } from './network-router.ts'
import { SleeveForwarder } from './sleeve-forwarder.ts'
import { decodeSleeve, type SleeveFrame, type SleevePacket } from './sleeve-packet.ts'
import type { ForwarderEvents, NetworkOverlay } from './switch-connection.ts'

/** Where a peer's datagrams come from; NAT may have changed both. */
export interface UdpAddress {
  readonly address: Ipv4Address
  readonly port: number
}

const IP_AND_UDP_BYTES = 28

/** Weave's own encapsulation, in user space and UDP: weaveworks/weave, router/sleeve.go. */
export class Sleeve implements NetworkOverlay {
  readonly name = 'sleeve'
  readonly threads: DataThreads
  readonly router: NetworkRouter
  private readonly socket: UdpSocket
  private readonly forwarders = new Map<PeerName, SleeveForwarder>()
  /** Where work takes no time the socket keeps nothing. */
  private readonly arrived: Frame[] = []
  private waiting: SleeveForwarder[] = []

  private constructor(threads: DataThreads, router: NetworkRouter, socket: UdpSocket) {
    this.threads = threads
    this.router = router
    this.socket = socket
    const thread = new DataThread(threads, 'weaver udp', () => this.readUdp())
    socket.onReadable = () => thread.wake()
    socket.onReceive = (frame) => {
      this.arrived.push(frame)
      thread.wake()
    }
    socket.onWritable = () => this.writable()
    threads.program.own(socket)
  }

  /** @returns why not. */
  static start(threads: DataThreads, port: number, router: NetworkRouter): Sleeve | string {
    const socket = threads.program.namespace.sockets.openUdp(port)
    if (socket === null) return `listen udp4 :${port}: bind: address already in use`
    return new Sleeve(threads, router, socket)
  }

  prepare(params: OverlayConnectionParams, events: ForwarderEvents): Forwarder {
    return new SleeveForwarder(this, params, events, this.socket.port)
  }

  /** Nothing is kept that could be wrong. */
  invalidate(): void {}

  stop(): void {}

  addForwarder(peer: PeerName, forwarder: SleeveForwarder): void {
    this.forwarders.set(peer, forwarder)
  }

  removeForwarder(peer: PeerName, forwarder: SleeveForwarder): void {
    if (this.forwarders.get(peer) === forwarder) this.forwarders.delete(peer)
  }

  /** MTU of the way to a peer, as the kernel knows it. */
  pathMtu(to: UdpAddress): number {
    return this.socket.mtu(to.address)
  }

  /**
   * Sends a datagram. With DF it goes by a raw socket, without a checksum (IP_PMTUDISC_DO), else by the
   * UDP socket, which never sets DF (IP_PMTUDISC_DONT).
   * @returns EAGAIN when the send buffer is full: `resume` of the forwarder is called when it is not.
   */
  send(
    from: SleeveForwarder,
    to: UdpAddress,
    packet: SleevePacket,
    isDf: boolean,
  ): SendError | null {
    const { socket } = this
    if (isDf && packet.bytes + IP_AND_UDP_BYTES > this.pathMtu(to)) return 'EMSGSIZE'
    socket.pmtuDiscovery = isDf ? 'do' : 'dont'
    socket.trace = packet.frames.find(({ frame }) => frame.trace !== 0)?.frame.trace ?? 0
    const carried = packet.onlyPacket
    const options = carried === null ? {} : { carried }
    const error = socket.sendContent(to.address, to.port, packet.encode(), {
      checksum: !isDf,
      ...options,
    })
    socket.trace = 0
    if (error === 'EAGAIN') this.waiting.push(from)
    return error
  }

  private writable(): void {
    const { waiting } = this
    this.waiting = []
    for (const forwarder of waiting) forwarder.resume()
  }

  private readUdp(): boolean {
    const datagram = this.arrived.shift() ?? this.socket.receive()
    if (datagram === null) return false
    const content = datagram.payload === null ? null : decodeSleeve(datagram.payload)
    const forwarder = content === null ? undefined : this.forwarders.get(content.sender)
    if (content === null || forwarder === undefined) return true
    const { namespace } = this.threads.program
    if (content.sealed !== null) {
      namespace.kernel.spend(STAGE_SECRETBOX, 1, datagram.l3Length - IP_AND_UDP_BYTES)
      if (!forwarder.opens(content.sealed)) return true
    }
    const from = { address: datagram.ipSrc, port: datagram.sourcePort }
    for (const entry of content.frames) this.handle(entry, forwarder, from)
    return true
  }

  private handle(
    { from, to, frame }: SleeveFrame,
    forwarder: SleeveForwarder,
    at: UdpAddress,
  ): void {
    if (isSpecial(frame)) return forwarder.receiveSpecial(frame, at)
    const { mesh } = this.router
    const source = mesh?.peers.byName(from) ?? null
    const destination = mesh?.peers.byName(to) ?? null
    const { namespace } = this.threads.program
    namespace.spend(STAGE_USER_FORWARD, frame)
    const copy = frame.clone()
    if (copy.trace !== 0) namespace.charge('user_forward', copy, 'weaver, out of a sleeve')
    if (source === null || destination === null) return this.router.drop(copy, true)
    this.router.process(
      copy,
      this.router.forwarded({ from: source, to: destination, packet: packetOf(copy) }),
    )
  }
}

/** Frames of the routers themselves have no addresses. */
function isSpecial(frame: Frame): boolean {
  return (frame.srcHi | frame.srcLo | frame.dstHi | frame.dstLo | frame.etherType) === 0
}
