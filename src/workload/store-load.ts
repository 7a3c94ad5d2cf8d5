import type { Consistency, KeyValue, KeyValueClient } from '../control/cluster/key-value-client.ts'
import { ClientFailure } from '../control/cluster/key-value-client.ts'
import { Program } from '../control/program/program.ts'
import { Histogram } from '../measure/histogram.ts'
import { type Process, sleep } from '../sim/process.ts'
import type { Simulator } from '../sim/simulator.ts'
import { SECOND } from '../sim/units.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { elapsed, perSecond, type Window } from './window.ts'
import { type Distribution, distributionOf, type ResultBase, type Workload } from './workload.ts'

/** Where a client runs, and the library with which it asks the store. */
export interface StoreLoadClient {
  readonly namespace: NetNamespace
  readonly connect: (program: Program) => KeyValueClient
}

export interface StoreLoadOptions {
  readonly simulator: Simulator
  readonly name: string
  readonly clients: readonly StoreLoadClient[]
  readonly at: number
  readonly duration: number
  readonly warmup: number
  /** Operations under way at each client. */
  readonly outstanding: number
  /** From the start of an operation to that of the next, picoseconds; null = as soon as it is over. */
  readonly interval: number | null
  /** Different keys. */
  readonly keys: number
  /** Bytes of a value. */
  readonly size: number
  /** Share of reads. */
  readonly reads: number
  readonly consistency: Consistency
  /** Whether each client also watches all keys. */
  readonly watch: boolean
  /** How often the first client drops the history of changes, picoseconds; null = never. */
  readonly compactEvery: number | null
}

/** Operations of one kind. */
export interface StoreOperations {
  readonly kind: 'put' | 'get'
  readonly sent: number
  readonly completed: number
  readonly failed: number
  /** From the call to its result, of those begun in the window. */
  readonly latency: Distribution | null
}

export interface StoreLoadResult extends Omit<ResultBase, 'errors'> {
  readonly kind: 'kv'
  readonly delivered: number
  readonly lost: number
  readonly operations: readonly StoreOperations[]
  readonly transactionsPerSecond: number
  /** Of all operations. */
  readonly rtt: Distribution | null
  /** Longest time in the window in which no operation came to its end, picoseconds. */
  readonly stall: number
  /** From the call of a put to the event at a watcher; null without watchers. */
  readonly watchDelay: Distribution | null
  /** Changes by this workload that watchers were told of, each counted at each. */
  readonly watchEvents: number
  /** Puts that succeeded and that a watcher never heard of, for a later one had taken their place. */
  readonly watchMissed: number
  /** Times that a watcher had to read all anew, for the store had no more history for it. */
  readonly watchGaps: number
  /** Of `lost`, those that had not come to an end. */
  readonly unfinished: number
  readonly errors: readonly { readonly text: string; readonly count: number }[]
}

class Tally {
  sent = 0
  completed = 0
  failed = 0
  readonly times = new Histogram()
}

/** After an operation that failed, before the next (a client that hammers a dead store helps nobody). */
const FAILURE_PAUSE = SECOND / 10
const LINGER = 10 * SECOND
const PREFIX = 'load/'
/** No name has it. */
const PADDING = '~'

/** Clients that read and write keys of the scenario's store. */
export class StoreLoad implements Workload {
  readonly name: string
  readonly endsAt: number
  readonly window: Window
  readonly times = new Histogram()
  readonly watchTimes = new Histogram()
  private readonly options: StoreLoadOptions
  private readonly tallies = { put: new Tally(), get: new Tally() }
  private watchEvents = 0
  private watchGaps = 0
  private readonly errors = new Map<string, number>()
  /** When a value was handed to the store, by the value's number. */
  private readonly written = new Map<string, number>()
  private values = 0
  private underWay = 0
  private latestEnd: number
  private stall = 0

  constructor(options: StoreLoadOptions) {
    const { name, at, duration, warmup } = options
    this.options = options
    this.name = name
    this.window = { start: at + warmup, end: at + duration }
    this.latestEnd = this.window.start
    this.endsAt = this.window.end + LINGER
  }

  start(): void {
    const { clients, outstanding, watch, name, compactEvery } = this.options
    for (const [i, { namespace, connect }] of clients.entries()) {
      const program = new Program(namespace, name)
      const client = connect(program)
      for (let k = 0; k < outstanding; k++) program.spawn(this.operate(program, client, k))
      if (watch) this.follow(program, client)
      if (i === 0 && compactEvery !== null) program.spawn(this.compact(client, compactEvery))
    }
  }

  /** @param index of those that the client has under way: with an interval they take turns. */
  private *operate(program: Program, client: KeyValueClient, index: number): Process {
    const { interval, reads, keys, outstanding } = this.options
    if (interval !== null) yield* sleep(Math.floor((interval * index) / outstanding))
    while (program.now < this.window.end) {
      const begun = program.now
      const key = `${PREFIX}${program.random.integer(1, keys)}`
      const isRead = program.random.next() < reads
      this.underWay++
      const failure = isRead ? yield* this.get(client, key) : yield* this.put(client, key)
      this.underWay--
      this.note(isRead ? this.tallies.get : this.tallies.put, begun, failure)
      if (failure !== null) yield* sleep(FAILURE_PAUSE)
      if (interval !== null) yield* sleep(Math.max(begun + interval - program.now, 0))
      else if (program.now === begun) yield* sleep(1)
    }
  }

  private *put(client: KeyValueClient, key: string): Process<ClientFailure | null> {
    const { simulator, size } = this.options
    const number = `${this.name}-${++this.values}`
    this.written.set(number, simulator.now)
    return yield* client.put(key, number.padEnd(size, PADDING))
  }

  private *get(client: KeyValueClient, key: string): Process<ClientFailure | null> {
    const result = yield* client.get(key, this.options.consistency)
    return result instanceof ClientFailure ? result : null
  }

  private note(tally: Tally, begun: number, failure: ClientFailure | null): void {
    const { now } = this.options.simulator
    const { start, end } = this.window
    tally.sent++
    if (failure === null) tally.completed++
    else {
      tally.failed++
      this.noteError(failure.text)
    }
    if (failure !== null || now < start) return
    this.stall = Math.max(this.stall, Math.min(now, end) - Math.min(this.latestEnd, end))
    this.latestEnd = now
    if (begun < start || begun >= end) return
    tally.times.record(now - begun)
    this.times.record(now - begun)
  }

  private *compact(client: KeyValueClient, every: number): Process {
    while (client.compact !== undefined) {
      yield* sleep(every)
      const failure = yield* client.compact()
      if (failure !== null) this.noteError(`compact: ${failure.text}`)
    }
  }

  private follow(program: Program, client: KeyValueClient): void {
    const { simulator } = this.options
    const latest = new Map<string, number>()
    const onChange = ({ key, value, revision }: KeyValue) => {
      const [number = ''] = value.split(PADDING)
      const at = this.written.get(number)
      // What is read anew after a gap has partly been told before.
      if (at === undefined || (latest.get(key) ?? 0) >= revision) return
      latest.set(key, revision)
      this.watchEvents++
      if (at >= this.window.start) this.watchTimes.record(simulator.now - at)
    }
    program.spawn(client.watch(PREFIX, onChange, () => this.watchGaps++))
  }

  private noteError(text: string): void {
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1)
  }

  private missed(): number {
    const { clients, watch } = this.options
    const told = watch ? this.tallies.put.completed * clients.length : 0
    return Math.max(0, told - this.watchEvents)
  }

  result(now: number): StoreLoadResult {
    const { put, get } = this.tallies
    const window = elapsed(this.window, now)
    const sum = (pick: (tally: Tally) => number) => pick(put) + pick(get)
    const completed = sum((tally) => tally.completed)
    return {
      kind: 'kv',
      name: this.name,
      partial: now < this.window.end,
      window,
      sent: sum(({ sent }) => sent) + this.underWay,
      refused: 0,
      delivered: completed,
      lost: sum(({ failed }) => failed) + this.underWay,
      operations: [operationsOf('put', put), operationsOf('get', get)].filter(
        ({ sent }) => sent > 0,
      ),
      transactionsPerSecond: perSecond(this.times.count, window),
      rtt: distributionOf(this.times),
      stall: Math.max(this.stall, window.end - Math.min(this.latestEnd, window.end)),
      watchDelay: distributionOf(this.watchTimes),
      watchEvents: this.watchEvents,
      watchMissed: this.missed(),
      watchGaps: this.watchGaps,
      unfinished: this.underWay,
      errors: [...this.errors].map(([text, count]) => ({ text, count })),
    }
  }
}

function operationsOf(kind: StoreOperations['kind'], tally: Tally): StoreOperations {
  const { sent, completed, failed, times } = tally
  return { kind, sent, completed, failed, latency: distributionOf(times) }
}
