import type { Schedulable } from '../cpu/task.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import { formatIpv4 } from '../wire/ipv4-address.ts'
import type { Pace } from './pace.ts'
import { configure, type Pair } from './pairs.ts'
import type { UdpOptions, UdpStream } from './udp.ts'
import { DeliveryCount, type UdpFlow } from './udp-flow.ts'
import type { UdpReceiver } from './udp-receiver.ts'
import type { Window } from './window.ts'
import { ratesOf, type UdpPairResult } from './workload.ts'

/** Sends the packets of one pair: one event each, or on a machine one step of a thread each. */
export class UdpSender implements EventTarget {
  readonly count = new DeliveryCount()
  readonly flows: UdpFlow[] = []
  readonly pair: Pair
  /** How many it sends in all, at most. */
  readonly packets: number
  receiver: UdpReceiver | null = null
  private readonly options: UdpOptions
  private readonly pace: Pace
  private readonly stream: UdpStream
  /** When it sends no more, late as it may be. */
  private readonly stopsAt: number
  private thread: Schedulable | null = null
  private turn = 0
  private port: number
  /** A send buffer is full: as the call blocks, nothing else is sent either. */
  private isBlocked = false
  /** Events of an earlier generation are void. */
  private generation = 0

  constructor(options: UdpOptions, pair: Pair, pace: Pace, packets: number, stream: UdpStream) {
    this.options = options
    this.pair = pair
    this.pace = pace
    this.packets = packets
    this.stream = stream
    this.stopsAt = pace.start + (options.duration ?? Infinity)
    this.port = options.port
  }

  begin(): void {
    if (this.packets === 0) return
    const { options, pair, stream } = this
    const { kernel } = pair.from
    this.port = this.receiver?.port ?? options.port
    if (kernel.machine !== null) {
      const name = `${options.name} client ${pair.from.name}`
      this.thread = stream.threads.sender(kernel, name, () => this.step(), options.senderCore)
    }
    const goOn = (): void => this.unblock()
    for (const flow of this.flows) {
      const socket = pair.from.sockets.openUdp()
      if (socket === null) continue
      configure(socket, options)
      socket.onError = stream.tally.report
      socket.onWritable = goOn
      flow.socket = socket
    }
    options.simulator.at(this.pace.start, this)
  }

  /** A packet is due. @param generation of the events that count. */
  fire(generation: number): void {
    const { count, thread, options } = this
    if (thread !== null) return thread.wake()
    if (generation !== this.generation) return
    const { simulator } = options
    const { now } = simulator
    if (now >= this.stopsAt) return
    // Scheduled before the packet is sent: at one instant, senders go before what they cause.
    const next = count.sent + 1
    if (next < this.packets) {
      const due = this.pace.timeOf(next)
      simulator.at(due < now ? now : due, this, generation)
    }
    this.send(now)
  }

  /** A system call, if one is due. */
  private step(): boolean {
    const { count, options, pace } = this
    const { now } = options.simulator
    if (this.isBlocked || count.sent >= this.packets || now >= this.stopsAt) return false
    const due = pace.timeOf(count.sent)
    if (due > now) {
      options.simulator.at(due, this)
      return false
    }
    this.send(now)
    return true
  }

  private send(now: number): void {
    const { count, flows, options, stream, turn } = this
    const flow = flows[turn]!
    const { socket } = flow
    const stamp = flow.takeStamp()
    const error =
      socket === null
        ? 'EAGAIN'
        : socket.sendTo(this.pair.destination, this.port, options.size, stamp, now)
    if (error !== null) {
      if (socket?.isBlocked === true) return this.block(flow)
      stream.tally.refuse(error)
    }
    this.turn = turn + 1 === flows.length ? 0 : turn + 1
    if (count.sent++ === 0) count.firstSentAt = now
    count.lastSentAt = now
    count.outages.sent(now)
    const { start, end } = stream.window
    if (now >= start && now < end) count.sentInWindow++
  }

  private block(flow: UdpFlow): void {
    flow.returnStamp()
    this.isBlocked = true
    this.generation++
  }

  private unblock(): void {
    if (!this.isBlocked) return
    this.isBlocked = false
    const { thread, generation } = this
    const { simulator } = this.options
    // The buffer is being given back by whoever sends: its work is not to be mixed with ours.
    if (thread === null) simulator.at(simulator.now, this, generation)
    else thread.wake()
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
