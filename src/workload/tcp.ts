import type { Schedulable, Step } from '../cpu/task.ts'
import { Histogram } from '../measure/histogram.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import { SECOND } from '../sim/units.ts'
import type { Kernel } from '../stack/kernel.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { formatIpv4 } from '../wire/ipv4-address.ts'
import { type CoreOptions, Threads } from './cores.ts'
import { ErrorTally } from './errors.ts'
import type { Pair } from './pairs.ts'
import type { TcpChoices } from './tcp-ends.ts'
import { COOKIE_BYTES, TcpFlow } from './tcp-flow.ts'
import type { TcpFlowResult, TcpPairResult, TcpResult } from './tcp-results.ts'
import { TcpServer } from './tcp-server.ts'
import { jain, limitsOf, rttOf, volumeOf } from './tcp-totals.ts'
import { elapsed, type Window } from './window.ts'
import { distributionOf, type Workload } from './workload.ts'

/** iperf3's. */
const DEFAULT_PORT = 5201
/** What is cut off if nothing else is said: slow start and the growth of the buffers are over by then. */
const WARMUP_SHARE = 0.2
const WARMUP_MAX = SECOND
const DEFAULT_LINGER = SECOND
/** How often a window's round-trip times and congestion windows are looked at. */
const SAMPLES = 20

export interface TcpBulkOptions extends TcpChoices, CoreOptions {
  readonly simulator: Simulator
  readonly name: string
  readonly pairs: readonly Pair[]
  /** When the clients connect, picoseconds. */
  readonly at: number
  /** How long it sends, picoseconds; with `bytes` at most. */
  readonly duration: number
  /** Of each flow, instead of all that `duration` admits. */
  readonly bytes?: number | undefined
  /** Flows of each pair, and of each direction. Default 1. */
  readonly parallel?: number | undefined
  /** Bytes of a write call. Default 128 KiB, as iperf3's. */
  readonly writeSize?: number | undefined
  /** Who sends: the client (default), the server (iperf3 -R), or both on flows of their own (--bidir). */
  readonly direction?: 'forward' | 'reverse' | 'bidirectional' | undefined
  /** The servers' port; where it is taken, the next free one. Default 5201. */
  readonly port?: number | undefined
  /**
   * Cut off the measuring window at its beginning (iperf3 -O), picoseconds. Default: a fifth of the
   * duration, at most a second; nothing where `bytes` are given.
   */
  readonly warmup?: number | undefined
  /** How long it is waited for what is still on its way at the end, picoseconds. Default 1 s. */
  readonly linger?: number | undefined
}

/** Arguments of the workload's events. */
const OPEN = 0
const WINDOW = 1
const SAMPLE = 2
const STOP = 3

/**
 * TCP in bulk, as iperf3 sends it, without its control connection: every flow has a thread at each end,
 * and says on its connection first which it is.
 */
export class TcpBulk implements Workload, EventTarget {
  readonly name: string
  readonly endsAt: number
  readonly window: Window
  readonly times = null
  readonly tally = new ErrorTally()
  readonly connectTimes = new Histogram()
  /** Where the servers are looked for. */
  readonly port: number
  /** When nobody writes any more, picoseconds. */
  readonly stopsAt: number
  onComplete: (() => void) | null = null
  private incomplete = 0
  private readonly options: TcpBulkOptions
  private readonly threads: Threads
  private readonly flows: readonly TcpFlow[]

  constructor(options: TcpBulkOptions) {
    const { simulator, name, at, duration, bytes, port = DEFAULT_PORT } = options
    const { linger = DEFAULT_LINGER } = options
    this.name = name
    this.options = options
    this.port = port
    const usual = bytes === undefined ? Math.min(WARMUP_MAX, duration * WARMUP_SHARE) : 0
    const warmup = Math.round(Math.min(options.warmup ?? usual, duration))
    this.stopsAt = at + duration
    this.window = { start: at + warmup, end: this.stopsAt }
    this.endsAt = this.stopsAt + linger
    this.threads = new Threads(simulator, this.window)
    this.flows = this.makeFlows()
    this.incomplete = this.flows.length
  }

  /** A flow has brought all its bytes. */
  noteCompleted(): void {
    if (--this.incomplete === 0) this.onComplete?.()
  }

  private makeFlows(): TcpFlow[] {
    const { options } = this
    const { pairs, parallel = 1, direction = 'forward' } = options
    const ways = direction === 'bidirectional' ? (['forward', 'reverse'] as const) : [direction]
    const flows: TcpFlow[] = []
    for (const pair of pairs) {
      for (const way of ways) {
        for (let i = 0; i < parallel; i++) {
          flows.push(new TcpFlow(this, options, pair, way, flows.length))
        }
      }
    }
    return flows
  }

  get flowCount(): number {
    return this.flows.length
  }

  start(): void {
    const { at, simulator } = this.options
    simulator.at(at, this, OPEN)
    simulator.at(this.window.start, this, WINDOW)
    simulator.at(this.stopsAt, this, STOP)
  }

  fire(argument: number): void {
    const { flows } = this
    if (argument === OPEN) this.open()
    else if (argument === WINDOW) this.beginWindow()
    else if (argument === SAMPLE) this.sample()
    else {
      for (const { meter } of flows) meter.end()
      // Who waits for room has nothing to wait for any more.
      for (const { wakeWriter } of flows) wakeWriter?.()
    }
  }

  /** Opens the servers, then lets the clients go. */
  private open(): void {
    const servers = new Map<NetNamespace, TcpServer>()
    for (const flow of this.flows) {
      const { to } = flow.pair
      let server = to === null ? undefined : servers.get(to)
      if (to !== null && server === undefined) {
        server = new TcpServer(this, this.options, to)
        servers.set(to, server)
      }
      flow.begin(server?.port ?? null)
    }
  }

  private beginWindow(): void {
    for (const { meter } of this.flows) meter.begin()
    this.sampleAgain()
  }

  private sample(): void {
    for (const { meter } of this.flows) meter.sample()
    this.sampleAgain()
  }

  private sampleAgain(): void {
    const { simulator } = this.options
    const { start, end } = this.window
    const next = simulator.now + Math.ceil((end - start) / SAMPLES)
    if (next < end) simulator.at(next, this, SAMPLE)
  }

  /** A thread of one of its ends. */
  thread(isWriter: boolean, kernel: Kernel, name: string, step: Step): Schedulable {
    const { options, threads } = this
    return isWriter
      ? threads.sender(kernel, name, step, options.senderCore)
      : threads.receiver(kernel, name, step, options.receiverCore)
  }

  /** The flow that a client named. */
  flowOf(cookie: Uint8Array): TcpFlow | undefined {
    const number = new DataView(cookie.buffer, cookie.byteOffset).getUint32(0)
    const flow = this.flows[number]
    for (let i = 0; i < COOKIE_BYTES; i++) if (cookie[i] !== flow?.cookie[i]) return undefined
    return flow
  }

  result(now: number): TcpResult {
    const { flows, options, tally, threads } = this
    const window = elapsed(this.windowOfFlows(), now)
    const results = flows.map((flow) => flow.result(window, now))
    const isComplete = flows.every((flow) => flow.completedAt !== null)
    return {
      kind: 'tcp',
      name: this.name,
      partial: now < this.stopsAt && !isComplete,
      window,
      warmup: this.window.start - options.at,
      sent: flows.length,
      refused: tally.refused,
      errors: tally.counts(),
      ...volumeOf(results),
      fairness: jain(results.map((flow) => flow.goodput)),
      connectTime: distributionOf(this.connectTimes),
      rtt: rttOf(results),
      stall: results.reduce((longest, { stall }) => Math.max(longest, stall), 0),
      limits: limitsOf(results),
      flows: results,
      pairs: this.pairResults(results),
      cores: threads.result(now),
    }
  }

  /** Flows of so many bytes may be through before the time is up. */
  private windowOfFlows(): Window {
    const { start, end } = this.window
    let latest = start
    for (const { completedAt } of this.flows) {
      if (completedAt === null) return this.window
      latest = Math.max(latest, completedAt)
    }
    return { start, end: Math.min(latest, end) }
  }

  private pairResults(results: readonly TcpFlowResult[]): TcpPairResult[] {
    const { pairs } = this.options
    const flows = results.length / pairs.length
    return pairs.map((pair, index) => ({
      from: pair.from.name,
      to: formatIpv4(pair.destination),
      ...volumeOf(results.slice(index * flows, (index + 1) * flows)),
    }))
  }
}
