import type { Holder } from '../../measure/ledger.ts'
import type { Frame } from '../../wire/frame.ts'
import {
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_PORT_UNREACH,
  type IcmpMessage,
} from '../../wire/icmp.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { TcpHeader } from '../../wire/tcp.ts'
import type { NetDevice } from '../device.ts'
import type { SendError } from '../ipv4.ts'
import type { NetNamespace } from '../namespace.ts'
import { breakConnection } from './close.ts'
import { Connection } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import type { TcpError } from './constants.ts'
import type { Endpoint, Verdict } from './endpoint.ts'
import { Incoming } from './incoming.ts'
import { syncMss } from './mss.ts'
import { currentRoute, pathMtu, routeError } from './path.ts'
import { replyReset } from './reply.ts'
import { retransmitLonger } from './retransmit.ts'
import type { SegmentReceiver, SocketLock } from './socket-lock.ts'
import { TcpListener } from './tcp-listener.ts'
import { TcpSocket, type TcpSocketOptions } from './tcp-socket.ts'

/** Backlog of a listener that names none (SOMAXCONN). */
const BACKLOG = 4096

/** TCP of one namespace: its connections and listeners, and what belongs to neither (net/ipv4/tcp_ipv4.c). */
export class Tcp implements Holder, SegmentReceiver {
  /** Locks of sockets whose segments may wait. */
  readonly locks = new Set<SocketLock>()
  readonly namespace: NetNamespace
  private readonly table = new ConnectionTable()
  private readonly listeners = new Map<number, TcpListener>()
  /** Connections of each local port. */
  private readonly ports = new Map<number, number>()
  private readonly incoming = new Incoming()

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    if (namespace.kernel.machine !== null) namespace.kernel.ledger.addHolder(this)
  }

  heldFrames(): number {
    let held = 0
    for (const lock of this.locks) held += lock.heldFrames()
    return held
  }

  /** Connections in whatever state, TIME-WAIT included. */
  get connections(): number {
    return this.table.size
  }

  open(options: TcpSocketOptions): TcpSocket {
    return new TcpSocket(this, options)
  }

  /** @param port undefined takes a free one. @returns null when the port is taken. */
  listen(
    port: number | undefined,
    options: TcpSocketOptions & { readonly backlog?: number },
  ): TcpListener | null {
    const chosen = port ?? this.freePort((each) => !this.isUsed(each))
    if (chosen === null || this.listeners.has(chosen)) return null
    const listener = new TcpListener(this, chosen, options.backlog ?? BACKLOG, options)
    this.listeners.set(chosen, listener)
    return listener
  }

  stopListening(listener: TcpListener): void {
    if (this.listeners.get(listener.port) === listener) this.listeners.delete(listener.port)
  }

  private isUsed(port: number): boolean {
    return this.listeners.has(port) || this.ports.has(port)
  }

  private freePort(isFree: (port: number) => boolean): number | null {
    const { random, profile } = this.namespace.kernel
    const [low, high] = profile.localPorts
    const start = random.integer(low, high)
    for (let i = 0; i <= high - low; i++) {
      const port = low + ((start - low + i) % (high - low + 1))
      if (isFree(port)) return port
    }
    return null
  }

  /** Gives a socket its addresses and a port, and a place in the table (inet_hash_connect). */
  bind(
    socket: TcpSocket,
    destination: Ipv4Address,
    port: number,
  ): SendError | 'EADDRNOTAVAIL' | null {
    socket.remoteAddress = destination
    socket.remotePort = port
    const route = currentRoute(socket)
    const error = routeError(socket, route)
    if (error !== null || route === null) return error ?? 'ENETUNREACH'
    const { ipv4 } = this.namespace
    const source =
      route.type === 'local'
        ? destination
        : (route.source ?? ipv4.selectSource(route.device!, route.via ?? destination))
    if (source === null) return 'EADDRNOTAVAIL'
    socket.localAddress = source
    const isFree = (each: number) =>
      !this.listeners.has(each) && this.table.find(source, each, destination, port) === null
    const local = socket.localPort === 0 ? this.freePort(isFree) : socket.localPort
    if (local === null || this.table.find(source, local, destination, port) !== null) {
      return 'EADDRNOTAVAIL'
    }
    socket.localPort = local
    // The path may depend on the ports.
    socket.routeGeneration = -1
    this.add(socket)
    return null
  }

  add(entry: Endpoint): void {
    this.table.add(entry)
    this.ports.set(entry.localPort, (this.ports.get(entry.localPort) ?? 0) + 1)
  }

  forget(entry: Endpoint): void {
    const before = this.table.size
    this.table.remove(entry)
    if (this.table.size === before) return
    if (entry.lock?.heldFrames() === 0) this.locks.delete(entry.lock)
    const users = this.ports.get(entry.localPort)! - 1
    if (users > 0) this.ports.set(entry.localPort, users)
    else this.ports.delete(entry.localPort)
  }

  replace(entry: Endpoint, successor: Endpoint): void {
    this.forget(entry)
    this.add(successor)
  }

  /** The host has lost its power: connections are gone, listeners are there when it is back. */
  abandon(): void {
    for (const entry of [...this.table.entries()]) entry.abandon()
  }

  /** Those who held the sockets were killed: peers are told by a reset. */
  abort(): void {
    for (const entry of [...this.table.entries()]) {
      if (entry instanceof TcpSocket) entry.abort()
      else entry.abandon()
    }
  }

  /** A segment for this host (tcp_v4_rcv): it ends here, or waits for a system call to end. */
  receive(frame: Frame, device: NetDevice): void {
    const { namespace } = this
    if (frame.badChecksum) return namespace.drop(frame, 'tcp_checksum', device)
    const entry = this.find(frame)
    const lock = entry === null ? null : entry.lock
    if (lock?.mustWait(namespace.kernel.machine!.current)) {
      if (lock.postpone(frame, device)) return
      return namespace.drop(frame, 'socket_backlog', device)
    }
    this.handle(frame, device, entry)
  }

  /** A segment that has waited. */
  receiveNow(frame: Frame, device: NetDevice): void {
    this.handle(frame, device, this.find(frame))
  }

  private find(frame: Frame): Endpoint | null {
    return this.table.find(frame.ipDst, frame.destinationPort, frame.ipSrc, frame.sourcePort)
  }

  private handle(frame: Frame, device: NetDevice, entry: Endpoint | null): void {
    const { namespace, incoming } = this
    const { header } = frame
    if (!(header instanceof TcpHeader)) return namespace.drop(frame, 'ip_header', device)
    incoming.read(frame, header, device)
    const verdict = this.dispatch(frame, entry)
    const { ledger } = namespace.kernel
    if (verdict === 'delivered') ledger.delivered++
    else if (verdict === 'consumed') ledger.consumed++
    else if (verdict !== 'retry') return namespace.drop(frame, verdict, device)
    if (frame.trace !== 0) {
      namespace.charge('socket_receive', frame, `tcp port ${frame.destinationPort}`, device)
    }
  }

  private dispatch(frame: Frame, entry: Endpoint | null): Verdict {
    const { incoming } = this
    if (entry !== null) {
      const verdict = entry.receive(incoming)
      if (verdict !== 'retry') return verdict
    }
    const listener = this.listeners.get(frame.destinationPort)
    if (listener !== undefined) return listener.receive(incoming)
    replyReset(this.namespace, incoming)
    return 'no_socket'
  }

  /**
   * An ICMP error about a segment of ours (tcp_v4_err).
   * @returns whether a connection was concerned.
   */
  receiveError(quoted: Frame, message: IcmpMessage): boolean {
    const { ipSrc, ipDst } = quoted
    const { sourcePort, destinationPort, header } = quoted.fragmentOf ?? quoted
    const entry = this.table.find(ipSrc, sourcePort, ipDst, destinationPort)
    if (!(entry instanceof Connection) || !(header instanceof TcpHeader)) return false
    const offset = entry.sndUna + ((header.sequence - ((entry.iss + entry.sndUna) | 0)) | 0)
    // What was acknowledged, or never sent, nobody can have complained of.
    if (offset < entry.sndUna || offset > entry.sndNxt) return false
    entry.refreshClock()
    if (message.type === ICMP_DEST_UNREACH && message.code === ICMP_FRAG_NEEDED) {
      const { lock } = entry
      if (!lock?.mustWait(this.namespace.kernel.machine!.current)) this.shrinkPath(entry)
      else lock.postponeCall(() => this.shrinkPath(entry))
      return true
    }
    const error = errorOf(message)
    if (entry.state === 'SYN-SENT') breakConnection(entry, error)
    else entry.softError = error
    return true
  }

  /** tcp_v4_mtu_reduced. */
  private shrinkPath(tcp: Connection): void {
    const mtu = pathMtu(tcp)
    if (tcp.pmtu <= mtu || tcp.state === 'SYN-SENT') return
    syncMss(tcp, mtu)
    retransmitLonger(tcp)
  }
}

function errorOf(message: IcmpMessage): TcpError {
  if (message.type !== ICMP_DEST_UNREACH) return 'EHOSTUNREACH'
  if (message.code === ICMP_PORT_UNREACH) return 'ECONNREFUSED'
  return message.code === 0 ? 'ENETUNREACH' : 'EHOSTUNREACH'
}
