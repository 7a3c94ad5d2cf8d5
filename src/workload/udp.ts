import { Histogram } from '../measure/histogram.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import { SECOND } from '../sim/units.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Frame } from '../wire/frame.ts'
import { type CoreOptions, Threads } from './cores.ts'
import { ErrorTally } from './errors.ts'
import { type OutageResult, outageResult } from './outage.ts'
import { Pace, packetsWithin, phaseOf } from './pace.ts'
import type { DatagramOptions, Pair } from './pairs.ts'
import { type DeliveryCount, UdpFlow } from './udp-flow.ts'
import { UdpReceiver } from './udp-receiver.ts'
import { UdpSender } from './udp-sender.ts'
import { elapsed, type Window } from './window.ts'
import { distributionOf, longest, ratesOf, type UdpResult, type Workload } from './workload.ts'

/** How long packets may be under way after the last was sent. */
const DEFAULT_LINGER = SECOND

export interface UdpOptions extends DatagramOptions, CoreOptions {
  readonly simulator: Simulator
  readonly name: string
  readonly pairs: readonly Pair[]
  /** Time of the first packet, picoseconds. */
  readonly at: number
  /** How long it sends, picoseconds. Default: until `count` packets are sent, or without end. */
  readonly duration?: number
  /** Packets of each pair, if fewer than `duration` admits. */
  readonly count?: number
  /**
   * Packets per second of each pair. Infinity: as fast as the socket takes them (iperf3 -b 0), for which
   * senders need a machine, and the stream an end.
   */
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

/**
 * UDP at a constant rate, as `iperf3 -u` sends it: who is late catches up, a full send buffer blocks.
 * Where work takes no time a packet is an event and no more; on a machine senders and receivers are
 * threads, of which each step is a system call.
 */
export class UdpStream implements Workload, EventTarget {
  readonly name: string
  readonly endsAt: number
  readonly times = new Histogram()
  readonly window: Window
  readonly tally = new ErrorTally()
  readonly threads: Threads
  private readonly options: UdpOptions
  private readonly senders: readonly UdpSender[]
  /** Every flow, with the sender whose it is, by its number. */
  private readonly flows: UdpFlow[] = []
  private readonly owners: UdpSender[] = []
  private readonly receivers = new Map<NetNamespace, UdpReceiver>()

  constructor(options: UdpOptions) {
    const { name, at, duration = Infinity, simulator, packetRate, pairs } = options
    if (packetRate === Infinity) checkMaximum(options)
    this.name = name
    this.options = options
    const count = Math.min(options.count ?? Infinity, packetsWithin(duration, packetRate))
    const end = at + (packetRate === Infinity ? duration : lengthOf(duration, packetRate, count))
    this.window = { start: Math.min(at + (options.warmup ?? 0), end), end }
    this.threads = new Threads(simulator, this.window)
    const random = simulator.random.stream(`workload/${name}`)
    let latest = at
    this.senders = pairs.map((pair, index) => {
      const pace = new Pace(at + phaseOf(index, packetRate, random), packetRate)
      if (packetRate !== Infinity) latest = Math.max(latest, pace.timeOf(Math.max(count - 1, 0)))
      return new UdpSender(options, pair, pace, count, this)
    })
    this.addFlows(options.parallel ?? 1)
    if (packetRate === Infinity) latest = end
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

  relocate(from: NetNamespace, to: NetNamespace): void {
    const receiver = this.receivers.get(from)
    if (receiver === undefined) return
    receiver.relocate(to)
    this.receivers.set(to, receiver)
  }

  /** Opens the receivers, then lets the senders go. */
  fire(): void {
    const { receivers } = this
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
    if (!count.note(flow.record(stamp), now, sentAt)) return
    const { start, end } = this.window
    if (now < start || now >= end) return
    count.deliveredInWindow++
    this.times.record(now - sentAt)
    flow.noteTransit(now - sentAt)
  }

  result(now: number): UdpResult {
    const { options, senders, tally, threads } = this
    const window = elapsed(this.window, now)
    const sum = (pick: (count: DeliveryCount) => number) =>
      senders.reduce((total, { count }) => total + pick(count), 0)
    const sent = sum((count) => count.sent)
    const delivered = sum((count) => count.delivered)
    const isComplete = senders.every((sender) => sender.count.delivered === sender.packets)
    const rate = options.packetRate === Infinity ? null : options.packetRate * senders.length
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
      ...this.outage(),
      firstPacketLatency: longest(senders.map(({ count }) => count.firstPacketLatency)),
      latency: distributionOf(this.times),
      jitter: this.meanJitter(),
      requested: rate === null ? null : rate * options.size * 8,
      requestedPacketsPerSecond: rate,
      cores: threads.result(now),
      errors: tally.counts(),
      pairs: senders.map((sender) => sender.result(window)),
    }
  }

  /** Only of what lost something: else the longest time is just that between two packets. */
  private outage(): OutageResult {
    const counts = this.senders.map(({ count }) => count)
    return outageResult(
      counts
        .filter(({ sent, delivered }) => delivered < sent)
        .map(({ outages, lastSentAt }) => ({ outage: outages.result(lastSentAt), lastSentAt })),
    )
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

/** Planned length of the sending, picoseconds. */
function lengthOf(duration: number, rate: number, count: number): number {
  return Math.min(duration, new Pace(0, rate).timeOf(count))
}

/** @throws RangeError where nothing would slow the senders down, or the stream would not end. */
function checkMaximum({ name, pairs, duration = Infinity }: UdpOptions): void {
  if (duration === Infinity) throw new RangeError(`${name}: the highest rate needs a duration`)
  if (pairs.some(({ from }) => from.kernel.machine === null)) {
    throw new RangeError(`${name}: without CPU costs there is no highest packet rate`)
  }
}
