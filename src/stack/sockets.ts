import { STAGE_UDP_RECEIVE } from '../cpu/stage.ts'
import type { Holder } from '../measure/ledger.ts'
import { type Frame, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, IcmpMessage } from '../wire/icmp.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { NetDevice } from './device.ts'
import { EchoSocket } from './echo-socket.ts'
import type { NetNamespace } from './namespace.ts'
import { Tcp } from './tcp/tcp.ts'
import type { TcpListener } from './tcp/tcp-listener.ts'
import type { TcpSocket, TcpSocketOptions } from './tcp/tcp-socket.ts'
import { UdpSocket } from './udp-socket.ts'

export type { TcpSocketOptions } from './tcp/tcp-socket.ts'

/** What an ICMP error tells a socket. */
export interface SocketError {
  readonly type: number
  readonly code: number
  /** Who reported it. */
  readonly from: Ipv4Address
  /** Next-hop MTU of "fragmentation needed". */
  readonly mtu: number
  /** Sequence number of the quoted echo request, or of the generator's datagram. */
  readonly sequence: number
}

type KernelHandler = (frame: Frame, device: NetDevice) => void

const NO_PORT = -1

/** Sockets of one namespace by port and echo identifier. */
export class Sockets implements Holder {
  private readonly namespace: NetNamespace
  private readonly udp = new Map<number, UdpSocket>()
  private readonly kernelUdp = new Map<number, KernelHandler>()
  private readonly echo = new Map<number, EchoSocket>()
  private tcpLayer: Tcp | null = null
  /** Whose the port of the last datagram is: many follow one another. Void when a port changes hands. */
  private latestPort = NO_PORT
  private latestHandler: KernelHandler | null = null
  private latestSocket: UdpSocket | null = null
  /** Between `abort` and `revive`. */
  isKilled = false

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    const { machine, ledger } = namespace.kernel
    // Elsewhere nothing ever waits for a reader.
    if (machine !== null) ledger.addHolder(this)
  }

  /** A UDP socket on `port`, or on a free ephemeral one. @returns null when the port is taken. */
  openUdp(port?: number): UdpSocket | null {
    const chosen = port ?? this.freePort()
    if (chosen === null || this.udp.has(chosen) || this.kernelUdp.has(chosen)) return null
    const socket = new UdpSocket(this.namespace, chosen, () => this.closeUdp(chosen))
    this.udp.set(chosen, socket)
    this.latestPort = NO_PORT
    return socket
  }

  private closeUdp(port: number): void {
    this.udp.delete(port)
    this.latestPort = NO_PORT
  }

  private freePort(): number | null {
    const { random, profile } = this.namespace.kernel
    const [low, high] = profile.localPorts
    const start = random.integer(low, high)
    for (let i = 0; i <= high - low; i++) {
      const port = low + ((start - low + i) % (high - low + 1))
      if (!this.udp.has(port) && !this.kernelUdp.has(port)) return port
    }
    return null
  }

  /** A tunnel's socket in the kernel: it gets the frame whole and books its end. */
  bindKernelUdp(port: number, handler: KernelHandler): void {
    this.kernelUdp.set(port, handler)
    this.latestPort = NO_PORT
  }

  releaseKernelUdp(port: number): void {
    this.kernelUdp.delete(port)
    this.latestPort = NO_PORT
  }

  /** A raw ICMP socket as ping opens it, with an identifier of its own. */
  openEcho(): EchoSocket {
    const { random } = this.namespace.kernel
    let identifier = random.integer(1, 0xffff)
    while (this.echo.has(identifier)) identifier = (identifier % 0xffff) + 1
    const socket = new EchoSocket(this.namespace, identifier, () => this.echo.delete(identifier))
    this.echo.set(identifier, socket)
    return socket
  }

  /**
   * The host has lost its power: connections and what waited for readers are gone. Sockets stay bound,
   * for whoever held them opens them again when the host is back.
   */
  powerOff(): void {
    for (const socket of this.udp.values()) socket.discard('host_down')
    for (const socket of this.echo.values()) socket.discard('host_down')
    this.tcpLayer?.abandon()
  }

  /**
   * Who held the sockets is killed: as `powerOff`, but peers of TCP are told. Nothing is sent until `revive`,
   * though devices and addresses may be there for a while yet.
   */
  abort(): void {
    this.setKilled(true)
    for (const socket of this.udp.values()) socket.discard('no_socket')
    for (const socket of this.echo.values()) socket.discard('no_socket')
    this.tcpLayer?.abort()
  }

  /** Who was killed has begun again. */
  revive(): void {
    if (this.isKilled) this.setKilled(false)
  }

  private setKilled(isKilled: boolean): void {
    this.isKilled = isKilled
    // Senders look for their routes anew, and there is where they ask.
    this.namespace.routes.generation++
  }

  /** TCP of the namespace, made at its first use. */
  get tcp(): Tcp {
    this.tcpLayer ??= new Tcp(this.namespace)
    return this.tcpLayer
  }

  /** A TCP socket that is not connected yet. */
  openTcp(options: TcpSocketOptions = {}): TcpSocket {
    return this.tcp.open(options)
  }

  /** Takes connections on `port`, or on a free one. @returns null when the port is taken. */
  listenTcp(
    port?: number,
    options: TcpSocketOptions & { readonly backlog?: number } = {},
  ): TcpListener | null {
    return this.tcp.listen(port, options)
  }

  receiveUdp(frame: Frame, device: NetDevice): void {
    const { namespace } = this
    namespace.spend(STAGE_UDP_RECEIVE, frame)
    if (frame.badChecksum && frame.udpChecksum) return namespace.drop(frame, 'udp_checksum', device)
    const port = frame.destinationPort
    if (port !== this.latestPort) this.find(port)
    if (this.latestHandler !== null) return this.latestHandler(frame, device)
    const socket = this.latestSocket
    if (socket === null) {
      namespace.icmp.sendError(frame, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0)
      return namespace.drop(frame, 'no_socket', device)
    }
    if (namespace.kernel.machine !== null) return socket.enqueue(frame, device)
    namespace.kernel.ledger.delivered++
    if (frame.trace !== 0) namespace.charge('socket_receive', frame, `udp port ${port}`, device)
    socket.deliver(frame)
  }

  private find(port: number): void {
    this.latestPort = port
    this.latestHandler = this.kernelUdp.get(port) ?? null
    this.latestSocket = this.udp.get(port) ?? null
  }

  receiveEcho(frame: Frame, message: IcmpMessage, device: NetDevice): void {
    const socket = this.echo.get(message.identifier)
    if (socket === undefined) return this.namespace.drop(frame, 'icmp_ignored', device)
    if (this.namespace.kernel.machine !== null) return socket.enqueue(frame, device)
    this.namespace.kernel.ledger.delivered++
    this.namespace.charge('socket_receive', frame, `icmp echo id ${message.identifier}`, device)
    socket.deliver(frame, message)
  }

  heldFrames(): number {
    let held = 0
    for (const socket of this.udp.values()) held += socket.queued
    for (const socket of this.echo.values()) held += socket.queued
    return held
  }

  /** Hands an ICMP error to the socket whose packet it quotes. */
  receiveError(frame: Frame, quoted: Frame, message: IcmpMessage, device: NetDevice): void {
    const { namespace } = this
    if (quoted.protocol === PROTOCOL_TCP)
      return this.receiveTcpError(frame, quoted, message, device)
    const { header, sequence } = quoted.fragmentOf ?? quoted
    const error: SocketError = {
      type: message.type,
      code: message.code,
      from: frame.ipSrc,
      mtu: message.sequence,
      sequence: header instanceof IcmpMessage ? header.sequence : sequence,
    }
    const taken = this.ownerOf(quoted)
    if (taken === undefined) return namespace.drop(frame, 'icmp_ignored', device)
    namespace.kernel.ledger.consumed++
    namespace.charge('socket_receive', frame, 'error to the socket', device)
    taken.fail(error)
  }

  private receiveTcpError(
    frame: Frame,
    quoted: Frame,
    message: IcmpMessage,
    device: NetDevice,
  ): void {
    if (this.tcpLayer === null || !this.tcpLayer.receiveError(quoted, message)) {
      return this.namespace.drop(frame, 'icmp_ignored', device)
    }
    this.namespace.kernel.ledger.consumed++
    this.namespace.charge('socket_receive', frame, 'error to the socket', device)
  }

  private ownerOf(quoted: Frame): UdpSocket | EchoSocket | undefined {
    if (quoted.protocol === PROTOCOL_UDP)
      return this.udp.get((quoted.fragmentOf ?? quoted).sourcePort)
    if (quoted.protocol !== PROTOCOL_ICMP) return undefined
    const { header } = quoted.fragmentOf ?? quoted
    return header instanceof IcmpMessage ? this.echo.get(header.identifier) : undefined
  }
}
