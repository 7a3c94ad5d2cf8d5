import type { PmtuDiscovery } from '../../src/stack/datagram.ts'
import type { EchoSocket } from '../../src/stack/echo-socket.ts'
import { type Frame, IPV4_HEADER_BYTES, UDP_HEADER_BYTES } from '../../src/wire/frame.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { type PingEvent, pingLines } from '../../src/workload/ping-text.ts'
import type { Lab } from './lab.ts'

export interface PingCommand {
  readonly destination: string
  /** Payload bytes, `-s`. */
  readonly size?: number
  /** `-M`. */
  readonly pmtu?: PmtuDiscovery
  /** When the requests leave, picoseconds. */
  readonly times: readonly number[]
  /** One more request at the first answer: ping looks whether one is due whenever it wakes. */
  readonly oneMoreAtAnswer?: boolean
  /** When it stops waiting for answers, picoseconds. */
  readonly until?: number
}

/** ping(8) with the times of its requests given; `lines` is what it printed, without times. */
export class PingRun {
  replies = 0
  private readonly lab: Lab
  private readonly node: string
  private readonly command: PingCommand
  private readonly events: PingEvent[] = []
  private socket: EchoSocket | null = null
  private sent = 0
  private errors = 0
  private left: number

  constructor(lab: Lab, node: string, command: PingCommand) {
    this.lab = lab
    this.node = node
    this.command = command
    this.left = command.oneMoreAtAnswer === true ? 1 : 0
    for (const time of command.times) lab.simulator.callAt(time, () => this.send())
    if (command.until !== undefined) {
      lab.simulator.callAt(command.until, () => this.socket?.close())
    }
  }

  send(): void {
    const { size = 56, destination } = this.command
    this.socket ??= this.open()
    const address = ipv4(destination)
    const errno = this.socket.request(address, ++this.sent, size)
    if (errno === null) return
    if (errno === 'EMSGSIZE') this.errors++
    this.events.push({ kind: 'refused', errno, mtu: this.socket.mtu(address) })
  }

  private open(): EchoSocket {
    const socket = this.lab.namespace(this.node).sockets.openEcho()
    socket.pmtuDiscovery = this.command.pmtu ?? 'want'
    socket.onReply = (frame, sequence) => this.reply(frame, sequence)
    socket.onError = (error) => {
      this.errors++
      this.events.push({ kind: 'icmp', ...error })
      this.wake()
    }
    return socket
  }

  private reply(frame: Frame, sequence: number): void {
    this.replies++
    const { ipSrc: from, ttl, l3Length } = frame
    const bytes = l3Length - IPV4_HEADER_BYTES
    this.events.push({ kind: 'reply', sequence, from, bytes, ttl, rtt: 0, isDuplicate: false })
    this.wake()
  }

  private wake(): void {
    if (this.left === 0) return
    this.left--
    // After the kernel has done with the answer: the process runs next.
    this.lab.simulator.callAt(this.lab.simulator.now, () => this.send())
  }

  lines(): string[] {
    const { command, events, sent, replies: delivered, errors } = this
    const [first] = events
    // Before its first request ping asks for the source address by a connect, and gives up there.
    if (first?.kind === 'refused' && first.errno === 'ENETUNREACH') {
      return ['ping: connect: Network is unreachable']
    }
    return pingLines({
      destination: ipv4(command.destination),
      size: command.size ?? 56,
      events,
      sent,
      delivered,
      duplicates: 0,
      errors,
      duration: 0,
      rtt: null,
      pipe: 0,
    })
      .filter((line) => /^\d+ bytes from|^From |error|transmitted/.test(line))
      .map((line) => line.replace(/,? time[= ].*$/, ''))
  }
}

/** Whether one ping arrives and its answer comes back within a second. */
export function canPing(lab: Lab, node: string, destination: string): boolean {
  const run = new PingRun(lab, node, { destination, times: [lab.simulator.now] })
  lab.run(1e12)
  return run.replies === 1
}

/** What a UDP server got. */
export interface UdpCount {
  packets: number
  bytes: number
  /** Sequence numbers of the datagrams, in the order of arrival. */
  readonly sequences: number[]
  readonly close: () => void
}

/** A server that counts datagrams. */
export function udpServer(lab: Lab, node: string, port: number): UdpCount {
  const socket = lab.namespace(node).sockets.openUdp(port)
  if (socket === null) throw new Error(`${node}: port ${port} is taken`)
  const count: UdpCount = { packets: 0, bytes: 0, sequences: [], close: () => socket.close() }
  socket.onReceive = (frame) => {
    count.packets++
    count.bytes += frame.l3Length - IPV4_HEADER_BYTES - UDP_HEADER_BYTES
    count.sequences.push(frame.sequence)
  }
  return count
}

/** One datagram of `bytes` from `sourcePort`; the socket is closed at once, as `nb udpsend` does. */
export function udpSend(
  lab: Lab,
  node: string,
  destination: string,
  port: number,
  bytes: number,
  sourcePort: number,
): string | null {
  const socket = lab.namespace(node).sockets.openUdp(sourcePort)
  if (socket === null) throw new Error(`${node}: port ${sourcePort} is taken`)
  const error = socket.sendTo(ipv4(destination), port, bytes)
  socket.close()
  return error
}
