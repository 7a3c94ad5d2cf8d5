import { Histogram } from '../measure/histogram.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import { SECOND } from '../sim/units.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Frame } from '../wire/frame.ts'
import { formatIpv4 } from '../wire/ipv4-address.ts'
import { ErrorTally } from './errors.ts'
import { Pace, packetsWithin, phaseOf } from './pace.ts'
import { configure, type DatagramOptions, listen, type Pair } from './pairs.ts'
import { DeliveryCount, UdpFlow } from './udp-flow.ts'
import {
  distributionOf,
  elapsed,
  longest,
  ratesOf,
  type UdpPairResult,
  type UdpResult,
  type Window,
  type Workload,
} from './workload.ts'

/** How long packets may be under way after the last was sent. */
const DEFAULT_LINGER = SECOND

export interface UdpOptions extends DatagramOptions {
  readonly simulator: Simulator
  readonly name: string
  readonly pairs: readonly Pair[]
  /** Time of the first packet, picoseconds. */
  readonly at: number
  /** How long it sends, picoseconds. Default: until `count` packets are sent, or without end. */
  readonly duration?: number
  /** Packets of each pair, if fewer than `duration` admits. */
  readonly count?: number
  /** Packets per second of each pair. */
  readonly packetRate: number
  /** Payload bytes of a packet. */
  readonly size: number
  /** Flows (source ports) of each pair, which take turns. Default 1. */
  readonly parallel?: number
  /** The receivers' port; where it is taken, the next free one. */
  readonly port: number
  /** Cut off the measuring window at its beginning, picoseconds. Default 0. */
  readonly warmup?: number
  /** How long packets are waited for after the last was sent, picoseconds. Default 1 s. */
  readonly linger?: number
}

/** UDP at a constant rate, as `iperf -u` sends it. */
export class UdpStream implements Workload, EventTarget {
  readonly name: string
  readonly endsAt: number
  readonly times = new Histogram()
  readonly window: Window
  readonly tally = new ErrorTally()
  private readonly options: UdpOptions
  private readonly senders: readonly UdpSender[]
  /** Every flow, with the sender whose it is, by its number. */
  private readonly flows: UdpFlow[] = []
  private readonly owners: UdpSender[] = []

  constructor(options: UdpOptions) {
    const { name, at, duration = Infinity, simulator, packetRate, pairs } = options
    this.name = name
    this.options = options
    const count = Math.min(options.count ?? Infinity, packetsWithin(duration, packetRate))
    const end = at + Math.min(duration, new Pace(0, packetRate).timeOf(count))
    this.window = { start: Math.min(at + (options.warmup ?? 0), end), end }
    const random = simulator.random.stream(`workload/${name}`)
    let latest = at
    this.senders = pairs.map((pair, index) => {
      const pace = new Pace(at + phaseOf(index, packetRate, random), packetRate)
      latest = Math.max(latest, pace.timeOf(Math.max(count - 1, 0)))
      return new UdpSender(options, pair, pace, count, this)
    })
    this.addFlows(options.parallel ?? 1)
    this.endsAt = latest + (options.linger ?? DEFAULT_LINGER)
  }

  /** Numbers the flows: in its stamp each packet carries its flow, which addresses may not tell (NAT). */
  private addFlows(parallel: number): void {
    const total = this.senders.length * parallel
    for (const sender of this.senders) {
      for (let i = 0; i < parallel; i++) {
        const flow = new UdpFlow(this.flows.length, total)
        this.flows.push(flow)
        this.owners.push(sender)
        sender.flows.push(flow)
      }
    }
  }

  start(): void {
    this.options.simulator.at(this.options.at, this)
  }

  /** Opens the receivers, then lets the senders go. */
  fire(): void {
    const receivers = new Map<NetNamespace, UdpReceiver>()
    for (const sender of this.senders) {
      const { to } = sender.pair
      if (to !== null) {
        const receiver = receivers.get(to) ?? new UdpReceiver(this, to, this.options)
        receivers.set(to, receiver)
        sender.receiver = receiver
      }
      sender.begin()
    }
  }

  /** A packet has arrived: the hot half of the measuring. */
  receive(frame: Frame, receiver: UdpReceiver): void {
    const { sequence: stamp, sentAt } = frame
    const number = stamp % this.flows.length
    const { count, receiver: meant } = this.owners[number]!
    const flow = this.flows[number]!
    // A stamp that was not given out yet is another workload's: two ends may have one address.
    if (meant !== receiver || stamp >= flow.nextStamp) {
      count.misdelivered++
      return
    }
    const { now } = this.options.simulator
    if (!count.note(flow.record(stamp), now)) return
    const { start, end } = this.window
    if (now < start || now >= end) return
    count.deliveredInWindow++
    this.times.record(now - sentAt)
    flow.noteTransit(now - sentAt)
  }

  result(now: number): UdpResult {
    const { options, senders, tally } = this
    const window = elapsed(this.window, now)
    const sum = (pick: (count: DeliveryCount) => number) =>
      senders.reduce((total, { count }) => total + pick(count), 0)
    const sent = sum((count) => count.sent)
    const delivered = sum((count) => count.delivered)
    const isComplete = senders.every((sender) => sender.count.delivered === sender.packets)
    return {
      kind: 'udp',
      name: this.name,
      partial: now < this.endsAt && !isComplete,
      window,
      sent,
      refused: tally.refused,
      delivered,
      lost: sent - delivered,
      duplicates: sum((count) => count.duplicates),
      reordered: sum((count) => count.reordered),
      misdelivered: sum((count) => count.misdelivered),
      ...ratesOf(
        window,
        options.size,
        sum((count) => count.deliveredInWindow),
        sum((count) => count.sentInWindow),
      ),
      firstPacketLatency: longest(senders.map(({ count }) => count.firstPacketLatency)),
      latency: distributionOf(this.times),
      jitter: this.meanJitter(),
      errors: tally.counts(),
      pairs: senders.map((sender) => sender.result(window)),
    }
  }

  private meanJitter(): number | null {
    let sum = 0
    let flows = 0
    for (const flow of this.flows) {
      if (flow.jitterSamples === 0) continue
      sum += flow.jitter
      flows++
    }
    return flows === 0 ? null : sum / flows
  }
}

/** Sends the packets of one pair: one event each. */
class UdpSender implements EventTarget {
  readonly count = new DeliveryCount()
  readonly flows: UdpFlow[] = []
  readonly pair: Pair
  /** How many it sends in all. */
  readonly packets: number
  receiver: UdpReceiver | null = null
  private readonly options: UdpOptions
  private readonly pace: Pace
  private readonly stream: UdpStream
  private turn = 0
  private port: number

  constructor(options: UdpOptions, pair: Pair, pace: Pace, packets: number, stream: UdpStream) {
    this.options = options
    this.pair = pair
    this.pace = pace
    this.packets = packets
    this.stream = stream
    this.port = options.port
  }

  begin(): void {
    if (this.packets === 0) return
    const { options, pair, stream } = this
    this.port = this.receiver?.port ?? options.port
    for (const flow of this.flows) {
      const socket = pair.from.sockets.openUdp()
      if (socket === null) continue
      configure(socket, options)
      socket.onError = stream.tally.report
      flow.socket = socket
    }
    options.simulator.at(this.pace.start, this)
  }

  fire(): void {
    const { count, flows, options } = this
    const { simulator } = options
    const { now } = simulator
    const flow = flows[this.turn]!
    this.turn = this.turn + 1 === flows.length ? 0 : this.turn + 1
    if (count.sent++ === 0) count.firstSentAt = now
    const { start, end } = this.stream.window
    if (now >= start && now < end) count.sentInWindow++
    // Scheduled before the packet is sent: at one instant, senders go before what they cause.
    if (count.sent < this.packets) simulator.at(this.pace.timeOf(count.sent), this)
    const { socket } = flow
    const stamp = flow.takeStamp()
    const error =
      socket === null
        ? 'EAGAIN'
        : socket.sendTo(this.pair.destination, this.port, options.size, stamp, now)
    if (error !== null) this.stream.tally.refuse(error)
  }

  result(window: Window): UdpPairResult {
    const { count, options, pair } = this
    return {
      from: pair.from.name,
      to: formatIpv4(pair.destination),
      port: this.receiver?.port ?? null,
      sent: count.sent,
      delivered: count.delivered,
      lost: count.sent - count.delivered,
      duplicates: count.duplicates,
      reordered: count.reordered,
      misdelivered: count.misdelivered,
      firstPacketLatency: count.firstPacketLatency,
      ...ratesOf(window, options.size, count.deliveredInWindow, count.sentInWindow),
    }
  }
}

/** The socket of one namespace in which the packets of all its pairs arrive. */
class UdpReceiver {
  /** Null when the namespace had no free port: then nobody listens. */
  readonly port: number | null

  constructor(stream: UdpStream, namespace: NetNamespace, options: UdpOptions) {
    const socket = listen(namespace, options.port)
    this.port = socket?.port ?? null
    if (socket !== null) socket.onReceive = (frame) => stream.receive(frame, this)
  }
}
