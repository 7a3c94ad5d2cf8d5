/** Two etcds that must answer random requests alike, and what alike means. */
import type { RandomStream } from '../../src/sim/random.ts'
import { Generator, Known, type Operation } from './etcd-v2-operations.ts'

export interface V2Reply {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface V2Feed {
  /** The body so far, an event a line. */
  readonly lines: readonly string[]
  /** Waits for so many lines; rejects when they do not come. */
  reach(count: number): Promise<void>
  stop(): void
}

/** A client's way to an etcd: over loopback, through the simulated network, or by plain calls. */
export interface V2Driver {
  /** @param body a form; null sends none */
  call(method: string, path: string, body: string | null): Promise<V2Reply>
  /** A GET whose body may take its time; resolves once the member has taken it. */
  watch(path: string): Promise<V2Feed>
}

interface Pair {
  readonly operation: Operation
  readonly real: V2Feed
  readonly ours: V2Feed
}

const FEEDS_MAX = 4
const CHECK_EVERY = 20

/** Runs `count` operations on both and throws at the first difference. */
export async function compareDrivers(
  random: RandomStream,
  count: number,
  real: V2Driver,
  ours: V2Driver,
): Promise<Tally> {
  const known = new Known()
  const generator = new Generator(random, known)
  const tally = new Tally()
  const feeds: Pair[] = []
  for (let at = 0; at < count; at++) {
    const operation = generator.next()
    if (operation.isWatch) {
      if (feeds.length === FEEDS_MAX) await endFeed(feeds.shift()!, tally)
      feeds.push(await openFeed(operation, real, ours))
    } else {
      const { method, path, body } = operation
      const answers = [await real.call(method, path, body), await ours.call(method, path, body)]
      const [a, b] = answers as [V2Reply, V2Reply]
      expectSame(`${at}`, operation, comparable(operation, a), comparable(operation, b))
      expectTtls(operation, a.body, b.body)
      known.learn(b)
      tally.count(b)
    }
    if (at % CHECK_EVERY === 0) for (const feed of feeds) await compareFeed(feed)
  }
  for (const feed of feeds) await endFeed(feed, tally)
  return tally
}

async function openFeed(operation: Operation, real: V2Driver, ours: V2Driver): Promise<Pair> {
  const theirs = await real.watch(operation.path)
  return { operation, real: theirs, ours: await ours.watch(operation.path) }
}

async function compareFeed({ operation, real, ours }: Pair): Promise<void> {
  await real.reach(ours.lines.length)
  expectSame('watch', operation, masked(real.lines.join('\n')), masked(ours.lines.join('\n')))
}

async function endFeed(feed: Pair, tally: Tally): Promise<void> {
  await compareFeed(feed)
  tally.events += feed.ours.lines.length
  feed.real.stop()
  feed.ours.stop()
}

/** What the run has met, so that a test can tell that it met enough. */
export class Tally {
  events = 0
  /** Answers by status and action or error code: `200 get`, `412 101`, `405`. */
  readonly answers = new Map<string, number>()

  count(reply: V2Reply): void {
    const what = /^\{"(?:errorCode|action)":"?(\w+)/.exec(reply.body)?.[1]
    const kind = what === undefined ? `${reply.status}` : `${reply.status} ${what}`
    this.answers.set(kind, (this.answers.get(kind) ?? 0) + 1)
  }
}

function expectSame(at: string, operation: Operation, real: string, ours: string): void {
  if (real === ours) return
  const { method, path, body } = operation
  throw new Error(`${at}: ${method} ${path} ${body ?? ''}\nreal: ${real}\nours: ${ours}`)
}

/** The headers that do not name a member, a port, a date or a length. */
const HEADERS = ['content-type', 'x-etcd-index', 'allow', 'location', 'x-content-type-options']
/** Of these, only whether they are there. */
const PRESENT = ['x-etcd-cluster-id', 'x-raft-index', 'x-raft-term', 'access-control-allow-origin']

/** All that two etcds must have in common in an answer. */
export function comparable(operation: Operation, reply: V2Reply): string {
  const headers = HEADERS.map((name) => `${name}: ${reply.headers[name]}`)
  const present = PRESENT.filter((name) => reply.headers[name] !== undefined)
  const isOrdered = operation.path.includes('sorted=true') || !reply.body.includes('"nodes"')
  const body = isOrdered ? masked(reply.body) : sortedNodes(masked(reply.body))
  return [reply.status, ...headers, ...present, body].join('\n')
}

/** Exact times differ by the moments at which the two were asked. */
export function masked(body: string): string {
  return body
    .replace(/"expiration":"\d{4}-[^"]*Z"/g, '"expiration":"*"')
    .replace(/"ttl":\d+/g, '"ttl":0')
}

interface Listed {
  key?: string
  nodes?: Listed[]
}

/** etcd lists a directory in no order unless asked. */
function sortedNodes(body: string): string {
  const sort = (node: Listed): void => {
    node.nodes?.sort((a, b) => ((a.key ?? '') < (b.key ?? '') ? -1 : 1))
    for (const child of node.nodes ?? []) sort(child)
  }
  const event = JSON.parse(body) as { node: Listed }
  sort(event.node)
  return JSON.stringify(event)
}

function expectTtls(operation: Operation, real: string, ours: string): void {
  const ttls = (body: string) =>
    [...body.matchAll(/"ttl":(\d+)/g)].map((match) => Number(match[1])).sort((a, b) => a - b)
  const theirs = ttls(real)
  ttls(ours).forEach((ttl, at) => {
    if (Math.abs(ttl - theirs[at]!) <= 1) return
    throw new Error(`${operation.method} ${operation.path}: ttl ${theirs[at]}, ours ${ttl}`)
  })
}
