import { Ring } from '../cpu/ring.ts'
import type { Schedulable } from '../cpu/task.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { UdpSocket } from '../stack/udp-socket.ts'
import type { Frame } from '../wire/frame.ts'
import { Inbox } from './inbox.ts'
import { LEAST_TURNAROUND } from './pace.ts'
import { configure, type Pair } from './pairs.ts'
import type { UdpRequestResponse, UdpRequestResponseOptions } from './udp-rr.ts'

/** Arguments of a client's events; others are the slot to send from. */
const TIMEOUT = -1
const RESUME = -2

const IDLE = 0
const WAITING = 1

/** One client with its slots, each of which has one request under way. */
export class UdpClient implements EventTarget {
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
  /** Slots that are to send: on a machine all, else those that found the send buffer full. */
  private readonly ready = new Ring<number>()
  /** The slot whose request found the send buffer full; -1 = none. */
  private blocked = -1
  private thread: Schedulable | null = null
  private inbox: Inbox | null = null
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
    const { kernel, sockets } = this.pair.from
    this.port = port
    const socket = sockets.openUdp()
    this.socket = socket
    if (kernel.machine !== null) this.beginThread(socket)
    if (socket !== null) {
      configure(socket, this.options)
      socket.onReceive = (reply) => this.receive(reply)
      socket.onWritable = () => this.unblock()
      socket.onError = this.workload.tally.report
    }
    for (let slot = 0; slot < this.states.length; slot++) this.submit(slot)
  }

  private beginThread(socket: UdpSocket | null): void {
    const { pair, options, workload } = this
    const { kernel, name } = pair.from
    const step = (): boolean => this.step()
    const title = `${options.name} client ${name}`
    const thread = workload.threads.sender(kernel, title, step, options.senderCore)
    this.thread = thread
    if (socket === null) return
    this.inbox = new Inbox(socket)
    socket.onReadable = () => thread.wake()
  }

  /** @param argument TIMEOUT, RESUME, or a slot that has waited before it sends. */
  fire(argument: number): void {
    if (argument === TIMEOUT) this.giveUp()
    else if (argument === RESUME) this.resume()
    else this.submit(argument)
  }

  /** A slot has nothing under way. */
  private submit(slot: number): void {
    const { thread } = this
    if (thread === null) return this.send(slot)
    this.ready.push(slot)
    thread.wake()
  }

  /** A system call: a request is sent, or a reply read. */
  private step(): boolean {
    const { inbox, ready } = this
    const reply = inbox === null ? null : inbox.take()
    if (reply !== null) this.receive(reply)
    if (this.blocked >= 0) return this.sendAgain()
    const slot = ready.shift()
    if (slot === undefined) return inbox?.read() ?? false
    this.send(slot)
    return this.blocked < 0
  }

  private send(slot: number): void {
    const { options, workload, socket } = this
    const { now } = options.simulator
    const { start, end } = workload.window
    if (now >= end) return
    if (this.blocked >= 0) return this.ready.push(slot)
    const sequence = this.sequences[slot]! + this.states.length
    this.sequences[slot] = sequence
    this.states[slot] = WAITING
    this.sentAt[slot] = now
    this.armTimer(now + options.timeout)
    const error =
      socket === null
        ? 'EAGAIN'
        : socket.sendTo(this.pair.destination, this.port, options.size, sequence, now)
    if (error !== null) {
      if (socket?.isBlocked === true) return this.block(slot)
      workload.tally.refuse(error)
    }
    this.sent++
    if (now >= start) this.sentInWindow++
  }

  private armTimer(time: number): void {
    if (this.isTimerArmed) return
    this.isTimerArmed = true
    this.options.simulator.at(time, this, TIMEOUT)
  }

  /** The request was not sent; `unblock` follows. */
  private block(slot: number): void {
    this.sequences[slot]! -= this.states.length
    this.states[slot] = IDLE
    this.blocked = slot
  }

  private unblock(): void {
    const { blocked, thread } = this
    if (blocked < 0) return
    const { simulator } = this.options
    // The buffer is being given back by whoever sends: its work is not to be mixed with ours.
    if (thread === null) simulator.at(simulator.now, this, RESUME)
    else thread.wake()
  }

  /** @returns whether it is done. */
  private sendAgain(): boolean {
    if (this.socket!.isBlocked) return false
    const slot = this.blocked
    this.blocked = -1
    this.send(slot)
    return this.blocked < 0
  }

  /** There is room again, and no thread to use it. */
  private resume(): void {
    if (this.blocked < 0 || !this.sendAgain()) return
    while (this.blocked < 0) {
      const slot = this.ready.shift()
      if (slot === undefined) return
      this.send(slot)
    }
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
    if (rtt > 0) this.submit(slot)
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
        this.submit(slot)
      }
      if (this.states[slot] === WAITING) oldest = Math.min(oldest, this.sentAt[slot]!)
    }
    this.isTimerArmed = oldest !== Infinity
    if (this.isTimerArmed) simulator.at(oldest + timeout, this, TIMEOUT)
  }
}
