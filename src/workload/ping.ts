import { Histogram } from '../measure/histogram.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import { MICROSECOND, SECOND } from '../sim/units.ts'
import type { EchoSocket } from '../stack/echo-socket.ts'
import type { SendError } from '../stack/ipv4.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { SocketError } from '../stack/sockets.ts'
import { type Frame, IPV4_HEADER_BYTES } from '../wire/frame.ts'
import { formatIpv4, type Ipv4Address } from '../wire/ipv4-address.ts'
import { ErrorTally } from './errors.ts'
import { configure, type DatagramOptions, type Pair } from './pairs.ts'
import { type PingEvent, pingLines } from './ping-text.ts'
import { DUPLICATE, REORDERED, SequenceTracker } from './sequence-tracker.ts'
import {
  distributionOf,
  elapsed,
  longest,
  type PingPairResult,
  type PingResult,
  type Window,
  type Workload,
} from './workload.ts'

/** Events that a pair keeps for its text; later ones are counted only. */
const EVENTS_KEPT = 1000
/** How long iputils' ping waits after its last request (MAXWAIT). */
const DEFAULT_TIMEOUT = 10 * SECOND

export interface PingOptions extends DatagramOptions {
  readonly simulator: Simulator
  readonly name: string
  readonly pairs: readonly Pick<Pair, 'from' | 'destination'>[]
  /** Time of the first request, picoseconds. */
  readonly at: number
  /** Requests of each pair. */
  readonly count: number
  /** Between two requests, picoseconds. */
  readonly interval: number
  /** Payload bytes, as `ping -s` counts them. */
  readonly size: number
  /** How long answers are waited for after the last request, picoseconds. Default 10 s. */
  readonly timeout?: number
}

/** ICMP echo requests at an interval, as iputils' ping sends them. */
export class Ping implements Workload {
  readonly name: string
  readonly endsAt: number
  readonly window: Window
  readonly times = new Histogram()
  private readonly options: PingOptions
  private readonly tally = new ErrorTally()
  private readonly pingers: readonly Pinger[]

  constructor(options: PingOptions) {
    const { name, at, count, interval, timeout = DEFAULT_TIMEOUT } = options
    this.name = name
    this.options = options
    this.endsAt = at + Math.max(count - 1, 0) * interval + timeout
    this.window = { start: at, end: this.endsAt }
    this.pingers = options.pairs.map(
      ({ from, destination }) =>
        new Pinger(options, from, destination, this.endsAt, this.tally, this.times),
    )
  }

  start(): void {
    const { simulator, at } = this.options
    for (const pinger of this.pingers) simulator.at(at, pinger, SEND)
  }

  result(now: number): PingResult {
    const { pingers, tally, options } = this
    const sum = (pick: (pinger: Pinger) => number) =>
      pingers.reduce((total, pinger) => total + pick(pinger), 0)
    const sent = sum((pinger) => pinger.sent)
    const delivered = sum((pinger) => pinger.delivered)
    return {
      kind: 'ping',
      name: this.name,
      partial: now < this.endsAt && delivered < options.count * pingers.length,
      window: elapsed(this.window, now),
      sent,
      refused: tally.refused,
      delivered,
      lost: sent - delivered,
      duplicates: sum((pinger) => pinger.duplicates),
      reordered: sum((pinger) => pinger.reordered),
      firstPacketLatency: longest(pingers.map((pinger) => pinger.firstPacketLatency)),
      rtt: distributionOf(this.times),
      errors: tally.counts(),
      pairs: pingers.map((pinger) => pinger.result()),
    }
  }
}

const SEND = 0
const CLOSE = 1

/** One ping process. */
class Pinger implements EventTarget {
  sent = 0
  delivered = 0
  duplicates = 0
  reordered = 0
  firstPacketLatency: number | null = null
  private errors = 0
  private pipe = 0
  private lastSent = 0
  private rttSum = 0
  private rttMin = Infinity
  private rttMax = 0
  /** Square microseconds: of picoseconds it would soon lose its last digits. */
  private rttSquares = 0
  private readonly events: PingEvent[] = []
  private readonly tracker = new SequenceTracker()
  private socket: EchoSocket | null = null

  private readonly options: PingOptions
  private readonly namespace: NetNamespace
  private readonly destination: Ipv4Address
  private readonly endsAt: number
  private readonly tally: ErrorTally
  private readonly times: Histogram

  constructor(
    options: PingOptions,
    namespace: NetNamespace,
    destination: Ipv4Address,
    endsAt: number,
    tally: ErrorTally,
    times: Histogram,
  ) {
    this.options = options
    this.namespace = namespace
    this.destination = destination
    this.endsAt = endsAt
    this.tally = tally
    this.times = times
  }

  fire(argument: number): void {
    if (argument === CLOSE) {
      this.socket?.close()
      return
    }
    const { simulator, at, interval, count } = this.options
    if (this.sent < count) this.send()
    if (this.sent < count) simulator.at(at + this.sent * interval, this, SEND)
    else simulator.at(this.endsAt, this, CLOSE)
  }

  private send(): void {
    const { options, destination } = this
    this.socket ??= this.open()
    this.lastSent = options.simulator.now
    const sequence = ++this.sent
    const error = this.socket.request(destination, sequence, options.size)
    if (error !== null) this.refuse(error, this.socket.mtu(destination))
  }

  private open(): EchoSocket {
    const socket = this.namespace.sockets.openEcho()
    configure(socket, this.options)
    socket.onReply = (frame, sequence) => this.receive(frame, this.unwrap(sequence))
    socket.onError = (error) => this.fail(error)
    return socket
  }

  private refuse(errno: SendError, mtu: number): void {
    this.tally.refuse(errno)
    // Only the error queue's messages are counted by ping, and these are the EMSGSIZE ones.
    if (errno === 'EMSGSIZE') this.errors++
    this.keep({ kind: 'refused', errno, mtu })
  }

  private receive(frame: Frame, sequence: number): void {
    const { options, times } = this
    const rtt = options.simulator.now - frame.sentAt
    const arrival = this.tracker.record(sequence)
    const isDuplicate = arrival === DUPLICATE
    this.acknowledge(sequence)
    if (isDuplicate) this.duplicates++
    else {
      this.delivered++
      if (arrival === REORDERED) this.reordered++
      this.firstPacketLatency ??= options.simulator.now - options.at
      times.record(rtt)
      this.rttSum += rtt
      this.rttSquares += (rtt / MICROSECOND) * (rtt / MICROSECOND)
      this.rttMin = Math.min(this.rttMin, rtt)
      this.rttMax = Math.max(this.rttMax, rtt)
    }
    const bytes = frame.l3Length - IPV4_HEADER_BYTES
    this.keep({
      kind: 'reply',
      sequence,
      from: frame.ipSrc,
      bytes,
      ttl: frame.ttl,
      rtt,
      isDuplicate,
    })
  }

  private fail(error: SocketError): void {
    const { from, type, code, mtu } = error
    const sequence = this.unwrap(error.sequence)
    this.tally.report(error)
    this.errors++
    this.acknowledge(sequence)
    this.keep({ kind: 'icmp', sequence, from, type, code, mtu })
  }

  /** The number of a request from the 16 bits of it that the header has. */
  private unwrap(sequence: number): number {
    return this.sent - ((this.sent - sequence) & 0xffff)
  }

  private acknowledge(sequence: number): void {
    this.pipe = Math.max(this.pipe, this.sent - sequence + 1)
  }

  private keep(event: PingEvent): void {
    if (this.events.length < EVENTS_KEPT) this.events.push(event)
  }

  /** Mean and deviation as ping computes them, from sums. */
  private rtt(): { min: number; mean: number; max: number; deviation: number } | null {
    const { delivered } = this
    if (delivered === 0) return null
    const mean = this.rttSum / delivered
    const variance = this.rttSquares / delivered - (mean / MICROSECOND) * (mean / MICROSECOND)
    const deviation = Math.sqrt(Math.max(variance, 0)) * MICROSECOND
    return { min: this.rttMin, mean, max: this.rttMax, deviation }
  }

  result(): PingPairResult {
    const { namespace, destination, options, sent, delivered, duplicates, errors } = this
    const { events, pipe } = this
    const rtt = this.rtt()
    const duration = sent === 0 ? 0 : this.lastSent - options.at
    const { size } = options
    const counts = { sent, delivered, duplicates, errors }
    return {
      from: namespace.name,
      to: formatIpv4(destination),
      ...counts,
      rttMean: rtt?.mean ?? null,
      rttDeviation: rtt?.deviation ?? null,
      lines: pingLines({ destination, size, events, ...counts, duration, rtt, pipe }),
    }
  }
}
