import { type Process, sleep, spawn } from '../../../sim/process.ts'
import type { Simulator } from '../../../sim/simulator.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import type { UdpSocket } from '../../../stack/udp-socket.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'

/** Time between two datagrams of a stream. */
const INTERVAL = 200 * MILLISECOND

/** Silence up to which nobody calls a stream broken. */
const TOLERANCE = SECOND

/** Who receives, and where he is reached. */
export interface Receiver {
  readonly namespace: NetNamespace
  readonly address: Ipv4Address
}

export interface StreamOptions {
  /** When somebody began to wait for the first answer; default: when the stream begins. */
  readonly orderedAt?: number
  /** UDP payload of a datagram. */
  readonly bytes?: number
  /** Longest silence of a stream that counts as going on; default: 1 s. */
  readonly tolerance?: number
}

/** A time without an answer; `to` is null while it lasts. Picoseconds. */
export interface Silence {
  readonly from: number
  readonly to: number | null
}

/**
 * Datagrams from one socket to one address at a steady pace, each answered there. The port is the
 * stream's own, so that nobody answers in the place of another who has the same address.
 */
export class Stream {
  readonly name: string
  readonly tolerance: number
  private readonly simulator: Simulator
  private readonly client: UdpSocket
  private readonly server: UdpSocket
  private readonly bytes: number
  private readonly answers: number[]
  private readonly to: Receiver
  private hasEnded = false

  /** @param port that nobody else has at the receiver. */
  constructor(
    simulator: Simulator,
    name: string,
    from: NetNamespace,
    to: Receiver,
    port: number,
    options: StreamOptions = {},
  ) {
    this.simulator = simulator
    this.name = name
    this.to = to
    this.bytes = options.bytes ?? 64
    this.tolerance = options.tolerance ?? TOLERANCE
    this.answers = [options.orderedAt ?? simulator.now]
    const server = to.namespace.sockets.openUdp(port)!
    server.onReceive = (frame) => void server.sendTo(frame.ipSrc, frame.sourcePort, 1)
    this.server = server
    this.client = from.sockets.openUdp()!
    this.client.onReceive = () => this.answers.push(simulator.now)
    spawn(simulator, this.beat(port))
  }

  private *beat(port: number): Process {
    while (!this.hasEnded) {
      this.client.sendTo(this.to.address, port, this.bytes)
      yield* sleep(INTERVAL)
    }
  }

  end(): void {
    this.hasEnded = true
    this.client.close()
    this.server.close()
  }

  get wasAnswered(): boolean {
    return this.answers.length > 1
  }

  /** Whether answers come now. */
  get isAnswered(): boolean {
    return this.wasAnswered && this.simulator.now - this.answers.at(-1)! < TOLERANCE
  }

  /** The longest since `start` that was longer than tolerated; null when none was. */
  silence(start: number): Silence | null {
    const times = this.answers.filter((time) => time >= start)
    const before = this.answers.findLast((time) => time < start) ?? start
    let last = before
    let longest: Silence | null = null
    let most = this.tolerance
    for (const time of [...times, this.simulator.now]) {
      const isOpen = time === this.simulator.now && !this.isAnswered
      if (time - last > most) {
        most = time - last
        longest = { from: last, to: isOpen ? null : time }
      }
      last = time
    }
    return longest
  }
}
