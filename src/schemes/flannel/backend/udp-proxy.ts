import type { Descriptor, Program } from '../../../control/program/program.ts'
import { Ring } from '../../../cpu/ring.ts'
import { STAGE_SYSCALL_RECEIVE } from '../../../cpu/stage.ts'
import type { Schedulable } from '../../../cpu/task.ts'
import type { Tun } from '../../../host/tun.ts'
import type { DropReason } from '../../../measure/drop-reason.ts'
import type { Holder } from '../../../measure/ledger.ts'
import { quoteOf } from '../../../stack/icmp.ts'
import type { Kernel } from '../../../stack/kernel.ts'
import type { UdpSocket } from '../../../stack/udp-socket.ts'
import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES, PROTOCOL_ICMP } from '../../../wire/frame.ts'
import {
  ICMP_DEST_UNREACH,
  ICMP_HEADER_BYTES,
  ICMP_NET_UNREACH,
  IcmpMessage,
} from '../../../wire/icmp.ts'
import {
  contains,
  formatIpv4,
  type Ipv4Address,
  type Ipv4Prefix,
} from '../../../wire/ipv4-address.ts'

interface NextHop {
  readonly address: Ipv4Address
  readonly port: number
}

interface ProxyRoute {
  readonly subnet: Ipv4Prefix
  readonly nextHop: NextHop
}

/** Written to the control socket. A route without a next hop goes. */
interface Command {
  readonly subnet: Ipv4Prefix
  readonly nextHop: NextHop | null
}

interface Ends {
  readonly tun: Tun
  readonly socket: UdpSocket
  /** Of the TUN device. */
  readonly address: Ipv4Address
}

/** What the thread does next: wait for whatever comes, or look at one side without waiting. */
type Turn = 'poll' | 'tun' | 'socket'

/** TTL of the errors that the proxy itself writes. */
const ICMP_TTL = 8
/** Of the packet that an error quotes: its IP header and what follows. */
const QUOTED_BYTES = IPV4_HEADER_BYTES + 8

/**
 * pkg/backend/udp/proxy_amd64.c: one thread that carries packet after packet between a TUN device and
 * a UDP socket. As long as one of them has something it asks both in turn, and what was written to the
 * control socket waits.
 */
export class UdpProxy implements Descriptor, Holder {
  private readonly ends: Ends
  private readonly kernel: Kernel
  private readonly thread: Schedulable
  private readonly routes: ProxyRoute[] = []
  private readonly commands: Command[] = []
  /** Where work takes no time the socket keeps nothing. */
  private readonly arrived = new Ring<Frame>()
  private turn: Turn = 'poll'
  /** Whether the device had something in this round. */
  private isActive = false
  /** In sendto, which waits for room in the send buffer. */
  private sending: { readonly packet: Frame; readonly nextHop: NextHop } | null = null
  private isClosed = false

  constructor(program: Program, ends: Ends) {
    this.ends = ends
    this.kernel = program.namespace.kernel
    const { tun, socket } = ends
    this.thread = this.kernel.task(`${program.name} proxy`, () => this.step())
    tun.onReadable = () => this.thread.wake()
    socket.onReadable = () => this.thread.wake()
    socket.onWritable = () => this.thread.wake()
    socket.onReceive = (frame) => {
      this.arrived.push(frame)
      this.thread.wake()
    }
    this.kernel.ledger.addHolder(this)
    program.own(this)
  }

  setRoute(subnet: Ipv4Prefix, nextHop: NextHop): void {
    this.command({ subnet, nextHop })
  }

  removeRoute(subnet: Ipv4Prefix): void {
    this.command({ subnet, nextHop: null })
  }

  private command(command: Command): void {
    this.commands.push(command)
    this.thread.wake()
  }

  /** @returns whether the thread goes on. */
  private step(): boolean {
    if (this.isClosed) return false
    if (this.sending !== null) return this.send()
    switch (this.turn) {
      case 'poll':
        return this.poll()
      case 'tun':
        return this.tunToUdp()
      case 'socket':
        return this.udpToTun()
    }
  }

  private poll(): boolean {
    const { tun, socket } = this.ends
    const isReadable = tun.heldFrames() > 0 || socket.queued > 0 || this.arrived.length > 0
    const command = this.commands.shift()
    if (command === undefined && !isReadable) return false
    this.kernel.spend(STAGE_SYSCALL_RECEIVE)
    if (command !== undefined) this.process(command)
    if (isReadable) this.turn = 'tun'
    return true
  }

  private process({ subnet, nextHop }: Command): void {
    const { routes } = this
    const at = routes.findIndex(
      (route) => route.subnet.base === subnet.base && route.subnet.length === subnet.length,
    )
    if (nextHop !== null) routes[at < 0 ? routes.length : at] = { subnet, nextHop }
    else if (at >= 0) {
      routes[at] = routes[routes.length - 1]!
      routes.length--
    }
  }

  private tunToUdp(): boolean {
    this.turn = 'socket'
    const frame = this.ends.tun.read()
    this.isActive = frame !== null
    if (frame === null) return true
    const nextHop = this.find(frame.ipDst)
    if (nextHop === null) {
      this.refuse(frame)
      return true
    }
    const packet = inUserSpace(frame, frame.trace)
    if (!this.decrementTtl(packet)) return true
    this.charge(packet, `in UDP to ${formatIpv4(nextHop.address)}:${nextHop.port}`)
    this.sending = { packet, nextHop }
    return this.send()
  }

  /** sendto, which blocks: the thread sleeps until there is room. */
  private send(): boolean {
    const { packet, nextHop } = this.sending!
    const error = this.ends.socket.sendPacket(nextHop.address, nextHop.port, packet)
    if (error === 'EAGAIN') return false
    this.sending = null
    if (error === null) this.kernel.ledger.consumed++
    else this.drop(packet, 'no_route')
    return true
  }

  private udpToTun(): boolean {
    const datagram = this.receive()
    this.turn = this.isActive || datagram !== null ? 'tun' : 'poll'
    if (datagram === null) return true
    const { inner } = datagram
    // What is no packet of another proxy is too small, or the kernel refuses it.
    if (inner === null || !datagram.bareInner) return true
    this.kernel.ledger.originated++
    if (datagram.shared) inner.shared = true
    const packet = inUserSpace(inner, datagram.trace)
    if (!this.decrementTtl(packet)) return true
    this.charge(packet, `out of UDP from ${formatIpv4(datagram.ipSrc)}`)
    this.ends.tun.write(packet)
    return true
  }

  /** recv with MSG_DONTWAIT: to be told that nothing is there is a system call too. */
  private receive(): Frame | null {
    const datagram = this.arrived.shift() ?? this.ends.socket.receive()
    if (datagram === null) this.kernel.spend(STAGE_SYSCALL_RECEIVE)
    return datagram
  }

  /** A hit changes places with the first, for packets to one subnet come in bursts. */
  private find(destination: Ipv4Address): NextHop | null {
    const { routes } = this
    const at = routes.findIndex(({ subnet }) => contains(subnet, destination))
    const found = routes[at]
    if (found === undefined) return null
    routes[at] = routes[0]!
    routes[0] = found
    return found.nextHop
  }

  /** @returns whether the packet goes on: one that has come to its end does so in silence. */
  private decrementTtl(packet: Frame): boolean {
    packet.ttl--
    if (packet.ttl > 0) return true
    this.drop(packet, 'ttl_exceeded')
    return false
  }

  /** Net unreachable, but not for ICMP of any kind, nor for later fragments. */
  private refuse(frame: Frame): void {
    if (frame.protocol !== PROTOCOL_ICMP && frame.fragmentOffset === 0) {
      this.kernel.ledger.originated++
      this.ends.tun.write(this.netUnreachable(frame))
    }
    this.drop(frame, 'no_route')
  }

  private netUnreachable(frame: Frame): Frame {
    const error = new Frame()
    error.etherType = ETHERTYPE_IPV4
    error.ipSrc = this.ends.address
    error.ipDst = frame.ipSrc
    error.protocol = PROTOCOL_ICMP
    error.ttl = ICMP_TTL
    error.header = new IcmpMessage(ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0, 0)
    error.inner = quoteOf(frame)
    error.l3Length = IPV4_HEADER_BYTES + ICMP_HEADER_BYTES + QUOTED_BYTES
    error.isChecksummed = true
    error.trace = frame.trace
    return error
  }

  private charge(packet: Frame, row: string): void {
    const { tun } = this.ends
    if (packet.trace !== 0) tun.namespace.charge('user_forward', packet, row, tun)
  }

  private drop(packet: Frame, reason: DropReason): void {
    const { tun } = this.ends
    tun.namespace.drop(packet, reason, tun, 'in flanneld')
  }

  heldFrames(): number {
    return this.sending === null ? 0 : 1
  }

  /** The end of the program: device and routes go with the descriptor. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    const { tun, socket } = this.ends
    socket.close()
    tun.remove()
    if (this.sending === null) return
    this.drop(this.sending.packet, 'device_down')
    this.sending = null
  }
}

/** What a program has of a packet: its bytes, and nothing that the kernel knew of it. */
function inUserSpace(frame: Frame, trace: number): Frame {
  const packet = frame.writable()
  packet.conntrack = null
  packet.mark = 0
  packet.flowHash = 0
  packet.fragmentMax = 0
  packet.trace = trace
  return packet
}
