import { Histogram } from '../measure/histogram.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { type CoreOptions, Threads } from './cores.ts'
import { ErrorTally } from './errors.ts'
import type { DatagramOptions, Pair } from './pairs.ts'
import { UdpClient } from './udp-client.ts'
import { UdpServer } from './udp-server.ts'
import { elapsed, perSecond, type Window } from './window.ts'
import {
  distributionOf,
  longest,
  ratesOf,
  type UdpRequestResponseResult,
  type Workload,
} from './workload.ts'

export interface UdpRequestResponseOptions extends DatagramOptions, CoreOptions {
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
  readonly threads: Threads
  private readonly options: UdpRequestResponseOptions
  private readonly clients: readonly UdpClient[]
  private readonly servers = new Map<NetNamespace, UdpServer>()

  constructor(options: UdpRequestResponseOptions) {
    const { simulator, name, at, duration, timeout, warmup = 0, pairs } = options
    this.name = name
    this.options = options
    this.window = { start: at + Math.min(warmup, duration), end: at + duration }
    this.endsAt = at + duration + timeout
    this.threads = new Threads(simulator, this.window)
    this.clients = pairs.map((pair) => new UdpClient(options, pair, this))
  }

  start(): void {
    this.options.simulator.at(this.options.at, this)
  }

  /** Opens the servers, then lets the clients go. */
  fire(): void {
    for (const client of this.clients) {
      const { to } = client.pair
      client.begin(to === null ? this.options.port : this.serverOf(to).port)
    }
  }

  relocate(from: NetNamespace, to: NetNamespace): void {
    const server = this.servers.get(from)
    if (server === undefined) return
    server.relocate(to)
    this.servers.set(to, server)
  }

  private serverOf(namespace: NetNamespace): UdpServer {
    let server = this.servers.get(namespace)
    if (server === undefined) {
      server = new UdpServer(this.options, namespace, this)
      this.servers.set(namespace, server)
    }
    return server
  }

  result(now: number): UdpRequestResponseResult {
    const { clients, options, tally } = this
    const sum = (pick: (client: UdpClient) => number) =>
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
      requests: [...this.servers.values()].reduce((total, { requests }) => total + requests, 0),
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
      cores: this.threads.result(now),
    }
  }
}
