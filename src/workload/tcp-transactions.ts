import { Histogram } from '../measure/histogram.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import { MILLISECOND, SECOND } from '../sim/units.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { type CoreOptions, Threads } from './cores.ts'
import { ErrorTally } from './errors.ts'
import type { Pair } from './pairs.ts'
import { TransactionClient } from './tcp-client.ts'
import type { TcpChoices } from './tcp-ends.ts'
import type { TransactionResult } from './tcp-results.ts'
import { TransactionServer } from './tcp-worker.ts'
import { elapsed, perSecond, type Window } from './window.ts'
import { distributionOf, longest, ratesOf, type Workload, type WorkloadResult } from './workload.ts'

/** netperf's. */
const DEFAULT_PORT = 12865
const WARMUP_SHARE = 0.1
const WARMUP_MAX = 100 * MILLISECOND
const DEFAULT_LINGER = SECOND

export interface TcpTransactionOptions extends TcpChoices, CoreOptions {
  readonly simulator: Simulator
  readonly name: string
  readonly pairs: readonly Pair[]
  /** When the clients connect, picoseconds. */
  readonly at: number
  /** How long transactions are begun, picoseconds. */
  readonly duration: number
  /** Bytes of a request, and of a reply. Default 1. */
  readonly size?: number | undefined
  readonly replySize?: number | undefined
  /** Clients of each pair, each with one transaction under way. Default 1. */
  readonly outstanding?: number | undefined
  /** The servers' port; where it is taken, the next free one. Default 12865. */
  readonly port?: number | undefined
  /**
   * Cut off the measuring window at its beginning, picoseconds. Default: a tenth of the duration, at
   * most 100 ms.
   */
  readonly warmup?: number | undefined
  /** How long it is waited for the last replies, picoseconds. Default 1 s. */
  readonly linger?: number | undefined
}

/** Clients that send a request and wait for the reply, over and over: what netperf's TCP_RR and TCP_CRR share. */
export abstract class TcpTransactions implements Workload, EventTarget {
  readonly name: string
  readonly endsAt: number
  readonly window: Window
  /** Of the transactions of the window. */
  readonly times = new Histogram()
  readonly connectTimes = new Histogram()
  readonly tally = new ErrorTally()
  readonly threads: Threads
  readonly size: number
  readonly replySize: number
  readonly port: number
  readonly options: TcpTransactionOptions
  protected readonly clients: readonly TransactionClient[]

  /** @param isReconnecting whether each transaction has a connection of its own. */
  constructor(options: TcpTransactionOptions, isReconnecting: boolean) {
    const { simulator, name, at, duration, pairs, outstanding = 1 } = options
    this.name = name
    this.options = options
    this.size = options.size ?? 1
    this.replySize = options.replySize ?? 1
    this.port = options.port ?? DEFAULT_PORT
    const warmup = options.warmup ?? Math.min(WARMUP_MAX, duration * WARMUP_SHARE)
    const end = at + duration
    this.window = { start: at + Math.round(Math.min(warmup, duration)), end }
    this.endsAt = end + (options.linger ?? DEFAULT_LINGER)
    this.threads = new Threads(simulator, this.window)
    this.clients = pairs.flatMap((pair) =>
      Array.from(
        { length: outstanding },
        (_, number) => new TransactionClient(this, pair, number, isReconnecting),
      ),
    )
  }

  abstract result(now: number): WorkloadResult

  start(): void {
    this.options.simulator.at(this.options.at, this)
  }

  /** Opens the servers, then lets the clients go. */
  fire(): void {
    const servers = new Map<NetNamespace, TransactionServer>()
    for (const { pair } of this.clients) {
      const { to } = pair
      if (to === null) continue
      const server = servers.get(to) ?? new TransactionServer(this, to)
      servers.set(to, server)
      server.clients++
    }
    for (const server of servers.values()) server.begin()
    for (const client of this.clients) {
      const { to } = client.pair
      client.begin(to === null ? this.port : servers.get(to)!.port)
    }
  }

  /** What both kinds of transaction report. */
  protected totals(now: number): TransactionResult {
    const { clients, tally, threads, size, replySize } = this
    const sum = (pick: (client: TransactionClient) => number) =>
      clients.reduce((total, client) => total + pick(client), 0)
    const window = elapsed(this.window, now)
    const sent = sum((client) => client.sent)
    const delivered = sum((client) => client.completed)
    const completedInWindow = sum((client) => client.completedInWindow)
    return {
      name: this.name,
      partial: now < this.window.end || clients.some((client) => client.isWaiting),
      window,
      sent,
      refused: tally.refused,
      delivered,
      lost: sent - delivered,
      ...ratesOf(
        window,
        size + replySize,
        completedInWindow,
        sum((client) => client.sentInWindow),
      ),
      transactionsPerSecond: perSecond(completedInWindow, window),
      connectTime: distributionOf(this.connectTimes),
      firstPacketLatency: longest(clients.map((client) => client.firstReplyAfter)),
      errors: tally.counts(),
      cores: threads.result(now),
    }
  }
}
