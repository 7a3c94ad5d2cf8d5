import { Histogram } from '../measure/histogram.ts'
import type { Simulator } from '../sim/simulator.ts'
import { SECOND } from '../sim/units.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { type CoreOptions, Threads } from './cores.ts'
import { ErrorTally } from './errors.ts'
import { outageResult } from './outage.ts'
import type { DatagramOptions, Pair } from './pairs.ts'
import { Pinger } from './pinger.ts'
import { elapsed, type Window } from './window.ts'
import { distributionOf, longest, type PingResult, type Workload } from './workload.ts'

/** How long iputils' ping waits after its last request (MAXWAIT). */
const DEFAULT_TIMEOUT = 10 * SECOND

export interface PingOptions extends DatagramOptions, Pick<CoreOptions, 'senderCore'> {
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
  readonly tally = new ErrorTally()
  readonly threads: Threads
  private readonly pingers: readonly Pinger[]

  constructor(options: PingOptions) {
    const { name, at, count, interval, timeout = DEFAULT_TIMEOUT } = options
    this.name = name
    this.options = options
    this.endsAt = at + Math.max(count - 1, 0) * interval + timeout
    this.window = { start: at, end: this.endsAt }
    this.threads = new Threads(options.simulator, this.window)
    this.pingers = options.pairs.map(
      ({ from, destination }) => new Pinger(options, from, destination, this),
    )
  }

  relocate(from: NetNamespace, to: NetNamespace): void {
    for (const pinger of this.pingers) pinger.relocate(from, to)
  }

  start(): void {
    for (const pinger of this.pingers) pinger.start()
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
      ...outageResult(pingers.map((pinger) => pinger.outage())),
      rtt: distributionOf(this.times),
      errors: tally.counts(),
      cores: this.threads.result(now),
      pairs: pingers.map((pinger) => pinger.result()),
    }
  }
}
