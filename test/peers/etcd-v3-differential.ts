/** Sends the same random operations to two members and compares their answers. */
import { Dice } from '../chaos/dice.ts'
import type { HttpStream } from './etcd.ts'
import type { Answer, Member } from './etcd-v3-member.ts'
import { base64, chosenLease, type Operation, Operations } from './etcd-v3-operations.ts'

/** One operation in so many is a watch: the real etcd takes up to 100 ms to catch one up. */
const WATCH_SHARE = 0.02

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** A member with what tells its answers from the other's: the ids that it chose. */
class Side {
  readonly name: string
  readonly member: Member
  private readonly chosen: string[] = []

  constructor(name: string, member: Member) {
    this.name = name
    this.member = member
  }

  /** With this member's lease ids for the places in the body. */
  async post({ path, body }: Operation): Promise<Answer> {
    const own = this.chosen.reduce((text, id, n) => text.replaceAll(chosenLease(n), id), body)
    const answer = await this.member.post(path, own)
    const isChoice = path === '/v3/lease/grant' && !body.includes('"ID"')
    const id = /"ID":"(-?\d+)"/.exec(answer.body)?.[1]
    if (isChoice && id !== undefined) this.chosen.push(id)
    return { status: answer.status, body: this.comparable(answer.body) }
  }

  get choices(): number {
    return this.chosen.length
  }

  /** The order of fields stays; ids, the term and times left are taken out. */
  comparable(body: string): string {
    const values = body.split('\n').filter((line) => line !== '')
    return values.map((value) => JSON.stringify(this.strip(JSON.parse(value) as Json))).join('\n')
  }

  private strip(value: Json): Json {
    if (Array.isArray(value)) return value.map((each: Json) => this.strip(each))
    if (value === null || typeof value !== 'object') return this.placeOf(value)
    const fields = Object.entries(value as { [name: string]: Json })
      .filter(([name]) => !['cluster_id', 'member_id', 'raft_term'].includes(name))
      .map(([name, each]): [string, Json] => [name, this.stripField(name, each)])
    if (fields.some(([name]) => name === 'grantedTTL')) return withoutOrder(fields)
    return Object.fromEntries(fields)
  }

  private stripField(name: string, value: Json): Json {
    const stripped = this.strip(value)
    // Leases that end at the same time come in no order of note.
    return name === 'leases' ? sorted(stripped) : stripped
  }

  private placeOf(value: Json): Json {
    const n = typeof value === 'string' ? this.chosen.indexOf(value) : -1
    return n < 0 ? value : chosenLease(n)
  }
}

/** A lease's keys come in no order of note, and what is left of its time passes. */
function withoutOrder(fields: readonly [string, Json][]): Json {
  const kept = fields.filter(([name]) => name !== 'TTL')
  return Object.fromEntries(
    kept.map(([name, value]) => [name, name === 'keys' ? sorted(value) : value]),
  )
}

function sorted(value: Json): Json {
  const texts = (value as readonly Json[]).map((each) => JSON.stringify(each))
  return texts.sort().map((text) => JSON.parse(text) as Json)
}

export interface Tally {
  /** By path and HTTP status. */
  readonly answers: Record<string, number>
  watchEvents: number
}

/**
 * Runs `count` operations of a seed on both members, which must be new.
 * @throws with the operation and both answers at the first difference.
 */
export async function compareMembers(
  seed: string,
  count: number,
  expected: Member,
  actual: Member,
): Promise<Tally> {
  const dice = new Dice(seed)
  const operations = new Operations(dice)
  const sides = [new Side('expected', expected), new Side('actual', actual)] as const
  const tally: Tally = { answers: {}, watchEvents: 0 }
  for (let i = 0; i < count; i++) {
    const where = `seed ${seed}, operation ${i}`
    if (dice.chance(WATCH_SHARE)) {
      tally.watchEvents += await compareWatches(where, dice, operations, sides)
      continue
    }
    const operation = operations.next()
    const answer = await compareAnswers(where, operation, sides)
    learn(operations, operation, answer)
    operations.chosen = sides[0].choices
    const kind = `${operation.path} ${answer.status}`
    tally.answers[kind] = (tally.answers[kind] ?? 0) + 1
  }
  return tally
}

async function compareAnswers(
  where: string,
  operation: Operation,
  sides: readonly [Side, Side],
): Promise<Answer> {
  const [expected, actual] = await Promise.all(sides.map((side) => side.post(operation)))
  if (expected!.status !== actual!.status || expected!.body !== actual!.body) {
    const request = `${operation.path} ${operation.body}`
    throw new Error(difference(where, request, textOf(expected!), textOf(actual!)))
  }
  return expected!
}

function textOf({ status, body }: Answer): string {
  return `${status} ${body}`
}

function difference(where: string, request: string, expected: string, actual: string): string {
  return `${where}: ${request}\nexpected ${expected}\nactual   ${actual}`
}

function learn(operations: Operations, { path, body }: Operation, { status, body: text }: Answer) {
  const revision = /"header":\{"revision":"(\d+)"/.exec(text)?.[1]
  if (revision !== undefined) operations.revision = Number(revision)
  if (path === '/v3/kv/compaction' && status === 200) {
    operations.compacted = (JSON.parse(body) as { revision: number }).revision
  }
}

/**
 * Opens a watch, often from the past, on both members; changes a key that it covers, and reads on
 * until that is told.
 */
async function compareWatches(
  where: string,
  dice: Dice,
  operations: Operations,
  sides: readonly [Side, Side],
): Promise<number> {
  const key = operations.key()
  const body = JSON.stringify({ create_request: watchRequest(dice, operations, key) })
  const streams = await Promise.all(sides.map(({ member }) => member.watch(body)))
  const put = { path: '/v3/kv/put', body: JSON.stringify({ key: base64(key) }) }
  const remove = { path: '/v3/kv/deleterange', body: put.body }
  // A future start is three revisions away at most.
  for (const change of [put, put, put, remove, put, remove]) {
    learn(operations, change, await compareAnswers(where, change, sides))
  }
  const last = operations.revision
  const [expected, actual] = await Promise.all(
    streams.map((stream, i) => eventsUntil(stream, last, sides[i]!)),
  )
  for (const stream of streams) stream.stop()
  if (expected !== actual) throw new Error(difference(where, body, expected!, actual!))
  return expected!.split('"kv"').length - 1
}

function watchRequest(dice: Dice, operations: Operations, key: string): object {
  const ranges = [
    { key: base64(key) },
    { key: base64(key), range_end: base64('\0') },
    { key: base64(key[0]!), range_end: base64(String.fromCharCode(key.charCodeAt(0) + 1)) },
    { range_end: base64('\0') },
    { key: base64(key), range_end: base64(key) },
  ]
  return {
    ...dice.pick(ranges),
    ...dice.maybe(0.8, 'start_revision', () => operations.pastRevision()),
    ...dice.maybe(0.5, 'prev_kv', () => true),
    ...dice.maybe(0.2, 'filters', () => ['NOPUT']),
    ...dice.maybe(0.2, 'watch_id', () => dice.integer(0, 5)),
  }
}

/** All that came but for the batches that it came in, up to a deletion at `last` or the end. */
async function eventsUntil(stream: HttpStream, last: number, side: Side): Promise<string> {
  const isLast = (line: string): boolean =>
    line.includes('"canceled":true') || line.includes(`"mod_revision":"${last}"}`)
  await stream.wait((lines) => lines.some(isLast))
  const results = stream.lines.map((line) => (JSON.parse(line) as { result: Result }).result)
  const answers = results.filter(({ events }) => events === undefined)
  const events = results.flatMap((result) => result.events ?? [])
  const ids = [...new Set(results.map(({ watch_id = '0' }) => watch_id))]
  return side.comparable(JSON.stringify({ answers, ids, events }))
}

interface Result {
  readonly watch_id?: string
  readonly events?: readonly Json[]
}
