import { Histogram } from '../measure/histogram.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import { MICROSECOND } from '../sim/units.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { UdpSocket } from '../stack/udp-socket.ts'
import type { Frame } from '../wire/frame.ts'
import { ErrorTally } from './errors.ts'
import { configure, type DatagramOptions, listen, type Pair } from './pairs.ts'
import {
  distributionOf,
  elapsed,
  longest,
  perSecond,
  ratesOf,
  type UdpRequestResponseResult,
  type Window,
  type Workload,
} from './workload.ts'

/**
 * Where neither CPU nor link takes time a reply comes in the instant of its request. The next one
 * then waits this long, or the clock would never move on.
 */
const LEAST_TURNAROUND = MICROSECOND

export interface UdpRequestResponseOptions extends DatagramOptions {
  readonly simulator: Simulator
  readonly name: string
  readonly pairs: readonly Pair[]
  /** Time of the first request, picoseconds. */
  readonly at: number
  /** How long requests are sent, picoseconds. */
  readonly duration: number
  /** Payload bytes of a request and of a reply. */
  readonly size: number
  readonly replySize: number
  /** Requests of each pair that are under way at once. */
  readonly outstanding: number
  /** After which a request is given up, picoseconds; it is not sent again. */
  readonly timeout: number
  /** The servers' port; where it is taken, the next free one. */
  readonly port: number
  /** Cut off the measuring window at its beginning, picoseconds. Default 0. */
  readonly warmup?: number
}

/** Requests of which each waits for the reply to an earlier one, as netperf's UDP_RR. */
export class UdpRequestResponse implements Workload, EventTarget {
  readonly name: string
  readonly endsAt: number
  readonly times = new Histogram()
  readonly window: Window
  readonly tally = new ErrorTally()
  private readonly options: UdpRequestResponseOptions
  private readonly clients: readonly Client[]
  private requests = 0

  constructor(options: UdpRequestResponseOptions) {
    const { name, at, duration, timeout, warmup = 0, pairs } = options
    this.name = name
    this.options = options
    this.window = { start: at + Math.min(warmup, duration), end: at + duration }
    this.endsAt = at + duration + timeout
    this.clients = pairs.map((pair) => new Client(options, pair, this))
  }

  start(): void {
    this.options.simulator.at(this.options.at, this)
  }

  /** Opens the servers, then lets the clients go. */
  fire(): void {
    const ports = new Map<NetNamespace, number>()
    for (const client of this.clients) {
      const { to } = client.pair
      const port = to === null ? this.options.port : (ports.get(to) ?? this.serve(to))
      if (to !== null) ports.set(to, port)
      client.begin(port)
    }
  }

  /** @returns the server's port. */
  private serve(namespace: NetNamespace): number {
    const { options, tally } = this
    const socket = listen(namespace, options.port)
    if (socket === null) return options.port
    socket.onError = tally.report
    socket.onReceive = (request) => {
      this.requests++
      const { ipSrc, sourcePort, sequence, sentAt } = request
      const error = socket.sendTo(ipSrc, sourcePort, options.replySize, sequence, sentAt)
      if (error !== null) tally.refuse(error)
    }
    return socket.port
  }

  result(now: number): UdpRequestResponseResult {
    const { clients, options, tally } = this
    const sum = (pick: (client: Client) => number) =>
      clients.reduce((total, client) => total + pick(client), 0)
    const window = elapsed(this.window, now)
    const sent = sum((client) => client.sent)
    const delivered = sum((client) => client.completed)
    const completedInWindow = sum((client) => client.completedInWindow)
    return {
      kind: 'udp-rr',
      name: this.name,
      partial: now < this.window.end || clients.some((client) => client.isWaiting),
      window,
      sent,
      refused: tally.refused,
      requests: this.requests,
      delivered,
      lost: sent - delivered,
      timeouts: sum((client) => client.timeouts),
      late: sum((client) => client.late),
      duplicates: sum((client) => client.duplicates),
      ...ratesOf(
        window,
        options.size + options.replySize,
        completedInWindow,
        sum((client) => client.sentInWindow),
      ),
      transactionsPerSecond: perSecond(completedInWindow, window),
      firstPacketLatency: longest(clients.map((client) => client.firstPacketLatency)),
      rtt: distributionOf(this.times),
      errors: tally.counts(),
    }
  }
}

/** Argument of a client's timeout event; others are the slot to send from. */
const TIMEOUT = -1
const IDLE = 0
const WAITING = 1

/** One client with its slots, each of which has one request under way. */
class Client implements EventTarget {
  sent = 0
  sentInWindow = 0
  completed = 0
  completedInWindow = 0
  timeouts = 0
  late = 0
  duplicates = 0
  firstPacketLatency: number | null = null
  readonly pair: Pair
  private readonly options: UdpRequestResponseOptions
  private readonly workload: UdpRequestResponse
  private readonly states: Uint8Array
  /** Number of each slot's last request: the slot plus a multiple of the number of slots. */
  private readonly sequences: Float64Array
  private readonly sentAt: Float64Array
  private socket: UdpSocket | null = null
  private port = 0
  private isTimerArmed = false

  constructor(options: UdpRequestResponseOptions, pair: Pair, workload: UdpRequestResponse) {
    const { outstanding } = options
    this.options = options
    this.pair = pair
    this.workload = workload
    this.states = new Uint8Array(outstanding)
    this.sequences = Float64Array.from({ length: outstanding }, (_, slot) => slot - outstanding)
    this.sentAt = new Float64Array(outstanding)
  }

  get isWaiting(): boolean {
    return this.states.includes(WAITING)
  }

  begin(port: number): void {
    this.port = port
    this.socket = this.pair.from.sockets.openUdp()
    if (this.socket !== null) {
      configure(this.socket, this.options)
      this.socket.onReceive = (reply) => this.receive(reply)
      this.socket.onError = this.workload.tally.report
    }
    for (let slot = 0; slot < this.states.length; slot++) this.send(slot)
  }

  fire(argument: number): void {
    if (argument === TIMEOUT) this.giveUp()
    else this.send(argument)
  }

  private send(slot: number): void {
    const { options, workload, socket } = this
    const { simulator } = options
    const { now } = simulator
    if (now >= workload.window.end) return
    const sequence = this.sequences[slot]! + this.states.length
    this.sequences[slot] = sequence
    this.states[slot] = WAITING
    this.sentAt[slot] = now
    this.sent++
    if (now >= workload.window.start) this.sentInWindow++
    if (!this.isTimerArmed) {
      this.isTimerArmed = true
      simulator.at(now + options.timeout, this, TIMEOUT)
    }
    const error =
      socket === null
        ? 'EAGAIN'
        : socket.sendTo(this.pair.destination, this.port, options.size, sequence, now)
    if (error !== null) workload.tally.refuse(error)
  }

  private receive(reply: Frame): void {
    const { simulator, at } = this.options
    const slot = reply.sequence % this.states.length
    if (reply.sequence !== this.sequences[slot] || this.states[slot] !== WAITING) {
      this.dismiss(reply)
      return
    }
    const { now } = simulator
    const rtt = now - reply.sentAt
    this.states[slot] = IDLE
    if (this.completed++ === 0) this.firstPacketLatency = now - at
    const { start, end } = this.workload.window
    if (now >= start && now < end) {
      this.completedInWindow++
      this.workload.times.record(rtt)
    }
    if (rtt > 0) this.send(slot)
    else simulator.at(now + LEAST_TURNAROUND, this, slot)
  }

  /** A copy of a reply that came before, or the reply to a request that was given up. */
  private dismiss(reply: Frame): void {
    const { simulator, timeout } = this.options
    if (simulator.now - reply.sentAt >= timeout) this.late++
    else this.duplicates++
  }

  /** One timer serves all slots: it fires at the oldest request's deadline and looks at each. */
  private giveUp(): void {
    const { simulator, timeout } = this.options
    const { now } = simulator
    let oldest = Infinity
    this.isTimerArmed = true
    for (let slot = 0; slot < this.states.length; slot++) {
      if (this.states[slot] !== WAITING) continue
      if (this.sentAt[slot]! + timeout <= now) {
        this.states[slot] = IDLE
        this.timeouts++
        this.send(slot)
      }
      if (this.states[slot] === WAITING) oldest = Math.min(oldest, this.sentAt[slot]!)
    }
    this.isTimerArmed = oldest !== Infinity
    if (this.isTimerArmed) simulator.at(oldest + timeout, this, TIMEOUT)
  }
}
