import { type Process, sleep } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { Condition } from '../program/condition.ts'
import type { Program } from '../program/program.ts'
import { type KubeClient, KubeError } from './client.ts'
import { type NodeEvent, type NodeRecord, parseJson, type StatusRecord } from './node.ts'

/** Of client-go's reflector: between attempts, doubled each time, up to twice as long by chance. */
const BACKOFF_FIRST = 800 * MILLISECOND
const BACKOFF_MAX = 30 * SECOND
/** A watch ends by itself after 5 to 10 minutes. */
const WATCH_SECONDS_MIN = 300

export interface NodeHandlers {
  added(node: NodeRecord): void
  updated(before: NodeRecord, after: NodeRecord): void
  deleted(node: NodeRecord): void
}

/**
 * A copy of all nodes that follows the API server by list and watch (client-go, cache). Resyncs are left
 * out: they report each node as changed into itself.
 */
export class NodeInformer {
  private readonly client: KubeClient
  private readonly program: Program
  private readonly handlers: NodeHandlers
  private readonly nodes = new Map<string, NodeRecord>()
  private readonly synced: Condition
  private resourceVersion: string | null = null
  private backoff = BACKOFF_FIRST

  constructor(client: KubeClient, handlers: NodeHandlers) {
    this.client = client
    this.program = client.program
    this.handlers = handlers
    this.synced = new Condition(client.program)
  }

  get(name: string): NodeRecord | undefined {
    return this.nodes.get(name)
  }

  /** By name. */
  list(): NodeRecord[] {
    return [...this.nodes.values()]
  }

  /** Waits for the first list. @param timeout picoseconds. @returns whether it has come. */
  *waitForSync(timeout: number): Process<boolean> {
    return this.resourceVersion !== null || (yield* this.synced.wait(timeout))
  }

  /** Runs for ever. */
  *run(): Process {
    for (;;) {
      const error = (yield* this.refresh()) ?? (yield* this.follow())
      if (error === null) continue
      const { random } = this.program
      yield* sleep(Math.round(this.backoff * (1 + random.next())))
      this.backoff = Math.min(this.backoff * 2, BACKOFF_MAX)
    }
  }

  /** Lists all nodes, if it is not known from where on to watch. */
  private *refresh(): Process<KubeError | null> {
    if (this.resourceVersion !== null) return null
    const list = yield* this.client.list()
    if (list instanceof KubeError) return list
    this.backoff = BACKOFF_FIRST
    const names = new Set(list.items.map(({ metadata }) => metadata.name))
    for (const node of this.list()) if (!names.has(node.metadata.name)) this.drop(node)
    for (const node of list.items) this.put(node)
    this.resourceVersion = list.resourceVersion
    this.synced.notify()
    return null
  }

  private *follow(): Process<KubeError | null> {
    const seconds = this.program.random.integer(WATCH_SECONDS_MIN, 2 * WATCH_SECONDS_MIN - 1)
    const stream = yield* this.client.watch(this.resourceVersion!, seconds)
    if (stream instanceof KubeError) return stream
    for (;;) {
      const line = yield* stream.nextLine()
      if (line === null) break
      // The server's word: a line of a watch is an event, and Json names no fields.
      const error = this.take(parseJson(line) as unknown as NodeEvent | null)
      if (error === null) continue
      stream.cancel()
      return error
    }
    return stream.error === null ? null : new KubeError(0, stream.error.text)
  }

  private take(
    event: NodeEvent | { type: 'ERROR'; object: StatusRecord } | null,
  ): KubeError | null {
    if (event === null) return new KubeError(0, 'unable to decode an event')
    if (event.type === 'ERROR') {
      const { code, message } = event.object
      // 410 Gone: what was missed can only be listed.
      if (code === 410) this.resourceVersion = null
      return new KubeError(code, message)
    }
    const { object } = event
    if (event.type === 'DELETED') this.drop(object)
    else this.put(object)
    this.resourceVersion = object.metadata.resourceVersion ?? this.resourceVersion
    return null
  }

  private put(node: NodeRecord): void {
    const { name } = node.metadata
    const before = this.nodes.get(name)
    this.nodes.set(name, node)
    if (before === undefined) this.handlers.added(node)
    else this.handlers.updated(before, node)
  }

  private drop(node: NodeRecord): void {
    this.nodes.delete(node.metadata.name)
    this.handlers.deleted(node)
  }
}
