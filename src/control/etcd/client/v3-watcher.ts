import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND } from '../../../sim/units.ts'
import type { HttpStream } from '../../http/http-stream.ts'
import { streamError } from './v3-lease-keeper.ts'
import {
  CODE_INTERNAL,
  CODE_OUT_OF_RANGE,
  CODE_UNAVAILABLE,
  eventOf,
  type Json,
  listOf,
  numberOf,
  parseObject,
  revisionOf,
  V3Error,
  type V3Event,
} from './v3-messages.ts'
import { type V3WatchOptions, watchRequest } from './v3-requests.ts'
import type { V3Transport } from './v3-transport.ts'

/** Of clientv3 (watch.go): between attempts to open the stream again. */
const BACKOFF_FIRST = MILLISECOND
const BACKOFF_MAX = 100 * MILLISECOND
const NO_LEADER = 'etcdserver: no leader'

/** Changes of one revision or more, in order. */
export interface V3WatchBatch {
  readonly revision: number
  /** Empty = a notice of progress. */
  readonly events: readonly V3Event[]
}

/**
 * Follows the changes of keys. When the stream breaks it is opened again, at the next member, from the revision
 * after the last that was told: each change is told once and in order.
 */
export class V3Watcher {
  private readonly transport: V3Transport
  private readonly key: string
  private readonly options: V3WatchOptions
  private stream: HttpStream | null = null
  /** The first revision that was not told yet; 0 = not known. */
  private nextRevision: number
  private failure: V3Error | null = null

  constructor(transport: V3Transport, key: string, options: V3WatchOptions) {
    this.transport = transport
    this.key = key
    this.options = options
    this.nextRevision = options.revision ?? 0
  }

  /**
   * Waits for changes. @param timeout picoseconds.
   * @returns null when the time is over; an error ends the watch: with `compactRevision` what it asks for is gone.
   */
  *next(timeout = Infinity): Process<V3WatchBatch | V3Error | null> {
    const { program } = this.transport
    const deadline = program.now + timeout
    let backoff = BACKOFF_FIRST
    while (this.failure === null) {
      if (this.stream === null && !(yield* this.open(deadline - program.now))) {
        if (this.failure !== null) break
        if (program.now >= deadline) return null
        yield* sleep(backoff)
        backoff = Math.min(backoff * 1.25, BACKOFF_MAX)
        continue
      }
      const line = yield* this.stream!.nextLine(deadline - program.now)
      const batch = line === null ? this.noteSilence() : this.take(line)
      if (batch !== null) return batch
      if (this.stream !== null && program.now >= deadline) return null
    }
    return this.failure
  }

  private *open(timeout: number): Process<boolean> {
    const body = watchRequest(this.key, this.options, this.nextRevision)
    const stream = yield* this.transport.open('/v3/watch', body, timeout)
    if (!(stream instanceof V3Error)) {
      this.stream = stream
      return true
    }
    if (isFinal(stream)) this.failure = stream
    return false
  }

  /** Nothing came: the time is over, or the stream is. */
  private noteSilence(): null {
    if (this.stream?.hasEnded) this.stream = null
    return null
  }

  private take(line: string): V3WatchBatch | null {
    const json = read(line)
    const result = json?.['result'] as Json | undefined
    if (result === undefined) {
      this.end(
        json === null ? new V3Error(CODE_INTERNAL, 'invalid JSON', false) : streamError(json),
      )
      return null
    }
    const revision = revisionOf(result)
    if (result['canceled'] === true) {
      this.end(cancelError(result))
      return null
    }
    if (result['created'] === true) {
      // Else a change before a break of the stream could be missed by what begins "now" again.
      if (this.nextRevision === 0) this.nextRevision = revision + 1
      return null
    }
    const events = eventsOf(line, result)
    const last = events.at(-1)?.kv.modRevision ?? revision
    this.nextRevision = Math.max(this.nextRevision, last + 1)
    return { revision, events }
  }

  private end(error: V3Error): void {
    this.stop()
    if (isFinal(error)) this.failure = error
  }

  /** Gives it up. */
  stop(): void {
    this.stream?.cancel()
    this.stream = null
  }
}

/** Lines read of late: watchers of the same keys are told the same, and nobody changes it. */
const READ = new Map<string, { readonly json: Json | null; events: readonly V3Event[] | null }>()
const READ_MAX = 64

function read(line: string): Json | null {
  const known = READ.get(line)
  if (known !== undefined) return known.json
  if (READ.size >= READ_MAX) READ.clear()
  const json = parseObject(line)
  READ.set(line, { json, events: null })
  return json
}

function eventsOf(line: string, result: Json): readonly V3Event[] {
  const entry = READ.get(line)
  const events = entry?.events ?? listOf(result['events']).map(eventOf)
  if (entry !== undefined) entry.events = events
  return events
}

/** Whether another attempt is of no use (isHaltErr); a lost leader is told to the user. */
function isFinal({ code, text }: V3Error): boolean {
  return (code !== CODE_UNAVAILABLE && code !== CODE_INTERNAL) || text === NO_LEADER
}

function cancelError(result: Json): V3Error {
  const compactRevision = numberOf(result['compact_revision'])
  const reason = String(result['cancel_reason'] ?? '')
  const text = compactRevision > 0 ? 'mvcc: required revision has been compacted' : reason
  return new V3Error(CODE_OUT_OF_RANGE, text, false, compactRevision)
}
