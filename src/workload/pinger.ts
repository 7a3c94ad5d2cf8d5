import { Ring } from '../cpu/ring.ts'
import type { Schedulable } from '../cpu/task.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import { MICROSECOND } from '../sim/units.ts'
import type { EchoSocket } from '../stack/echo-socket.ts'
import type { SendError } from '../stack/ipv4.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { SocketError } from '../stack/sockets.ts'
import { type Frame, IPV4_HEADER_BYTES } from '../wire/frame.ts'
import { IcmpMessage } from '../wire/icmp.ts'
import { formatIpv4, type Ipv4Address } from '../wire/ipv4-address.ts'
import { type Outage, OutageMeter } from './outage.ts'
import { configure } from './pairs.ts'
import type { Ping, PingOptions } from './ping.ts'
import { type PingEvent, pingLines } from './ping-text.ts'
import { DUPLICATE, REORDERED, SequenceTracker } from './sequence-tracker.ts'
import type { PingPairResult } from './workload.ts'

/** Events that a pair keeps for its text; later ones are counted only. */
const EVENTS_KEPT = 1000

const SEND = 0
const CLOSE = 1

/** One ping process. */
export class Pinger implements EventTarget {
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
  private readonly outages = new OutageMeter()
  private socket: EchoSocket | null = null
  private thread: Schedulable | null = null
  /** Requests that the thread has to send. */
  private due = 0
  /** When each reply that waits to be read came: what ping computes with (SO_TIMESTAMP). */
  private readonly arrivals = new Ring<number>()

  private readonly options: PingOptions
  private namespace: NetNamespace
  private readonly destination: Ipv4Address
  private readonly ping: Ping

  constructor(options: PingOptions, namespace: NetNamespace, destination: Ipv4Address, ping: Ping) {
    this.options = options
    this.namespace = namespace
    this.destination = destination
    this.ping = ping
  }

  start(): void {
    this.options.simulator.at(this.options.at, this, SEND)
  }

  /** Started again elsewhere; it goes on counting, as one that was never ended. */
  relocate(from: NetNamespace, to: NetNamespace): void {
    if (this.namespace !== from) return
    this.namespace = to
    if (this.socket === null) return
    this.socket.close()
    this.due = 0
    this.arrivals.clear()
    this.socket = this.open()
  }

  fire(argument: number): void {
    if (argument === CLOSE) {
      this.socket?.close()
      return
    }
    const { simulator, at, interval, count } = this.options
    this.socket ??= this.open()
    const begun = this.sent + this.due
    if (begun >= count) return simulator.at(this.ping.endsAt, this, CLOSE)
    if (this.thread === null) this.send(this.socket)
    else {
      this.due++
      this.thread.wake()
    }
    if (begun + 1 < count) simulator.at(at + (begun + 1) * interval, this, SEND)
    else simulator.at(this.ping.endsAt, this, CLOSE)
  }

  private send(socket: EchoSocket): void {
    const { options, destination } = this
    this.lastSent = options.simulator.now
    this.outages.sent(this.lastSent)
    const sequence = ++this.sent
    const error = socket.request(destination, sequence, options.size)
    if (error !== null) this.refuse(error, socket.mtu(destination))
  }

  private open(): EchoSocket {
    const { namespace, options } = this
    const { kernel } = namespace
    const socket = namespace.sockets.openEcho()
    configure(socket, options)
    socket.onError = (error) => this.fail(error)
    if (kernel.machine === null) {
      socket.onReply = (frame, sequence) =>
        this.receive(frame, this.unwrap(sequence), options.simulator.now)
      return socket
    }
    const name = `${options.name} ${namespace.name}`
    const step = (): boolean => this.step(socket)
    const thread = this.ping.threads.sender(kernel, name, step, options.senderCore)
    this.thread = thread
    socket.onReadable = () => {
      this.arrivals.push(options.simulator.now)
      thread.wake()
    }
    return socket
  }

  /** A system call: a request is sent, or a reply read. */
  private step(socket: EchoSocket): boolean {
    if (this.due > 0) {
      this.due--
      this.send(socket)
      return true
    }
    const arrival = this.arrivals.shift()
    if (arrival === undefined) return false
    const reply = socket.receive()
    if (reply?.header instanceof IcmpMessage) {
      this.receive(reply, this.unwrap(reply.header.sequence), arrival)
    }
    return true
  }

  private refuse(errno: SendError, mtu: number): void {
    this.ping.tally.refuse(errno)
    // Only the error queue's messages are counted by ping, and these are the EMSGSIZE ones.
    if (errno === 'EMSGSIZE') this.errors++
    this.keep({ kind: 'refused', errno, mtu })
  }

  /** @param time of its arrival, picoseconds. */
  private receive(frame: Frame, sequence: number, time: number): void {
    const { options } = this
    const rtt = time - frame.sentAt
    const arrival = this.tracker.record(sequence)
    const isDuplicate = arrival === DUPLICATE
    this.acknowledge(sequence)
    if (isDuplicate) this.duplicates++
    else {
      this.delivered++
      if (arrival === REORDERED) this.reordered++
      this.firstPacketLatency ??= time - options.at
      this.outages.arrived(frame.sentAt)
      this.ping.times.record(rtt)
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
    this.ping.tally.report(error)
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

  /** The longest time without an answer; null where none was missing. */
  outage(): { readonly outage: Outage | null; readonly lastSentAt: number } {
    const { sent, delivered, outages, lastSent: lastSentAt } = this
    return { outage: sent === delivered ? null : outages.result(lastSentAt), lastSentAt }
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
