/** Random operations of etcd's v3 API, for members whose answers are compared. */
import type { Dice } from '../chaos/dice.ts'

/** In a body, the id of the nth lease whose id the member itself chose. */
export function chosenLease(n: number): string {
  return `@${n}@`
}

export interface Operation {
  readonly path: string
  readonly body: string
}

type Json = Readonly<Record<string, unknown>>

const FIRST = ['a', 'b', 'c', '\xfe']
const SECOND = ['', '\0', '/', 'x', 'y', 'z', '\x80', '\xff']
const VALUES = ['', 'v', 'w', '\0\xff', 'longer value']
const TARGETS = ['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE']
const RESULTS = ['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL']
const LEASE_IDS = ['1', '2', '77', '-5', '9223372036854775807']
/** No lease of so many seconds ends while a test runs. */
const TTLS = [3600, 86_400, 8_000_000_000]

export function base64(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('base64')
}

/** Draws operations; what it learns of revisions and leases makes them hit. */
export class Operations {
  /** The last one that an answer's header named. */
  revision = 1
  compacted = 0
  /** How many leases have an id that the member chose. */
  chosen = 0
  private readonly dice: Dice

  constructor(dice: Dice) {
    this.dice = dice
  }

  next(): Operation {
    const kinds = [
      ...this.often(30, () => ['/v3/kv/put', this.put()] as const),
      ...this.often(20, () => ['/v3/kv/range', this.range()] as const),
      ...this.often(22, () => ['/v3/kv/txn', this.txn(2)] as const),
      ...this.often(8, () => ['/v3/kv/deleterange', this.deleteRange()] as const),
      ...this.often(2, () => ['/v3/kv/compaction', this.compaction()] as const),
      ...this.often(5, () => ['/v3/lease/grant', this.grant()] as const),
      ...this.often(4, () => [this.revokePath(), { ID: this.leaseId() }] as const),
      ...this.often(2, () => ['/v3/lease/keepalive', { ID: this.leaseId() }] as const),
      ...this.often(2, () => ['/v3/lease/timetolive', this.timeToLive()] as const),
      ...this.often(1, () => ['/v3/lease/leases', {}] as const),
      ...this.often(1, () => ['/v3/maintenance/alarm', this.alarm()] as const),
      ...this.often(2, () => this.malformed()),
    ]
    const [path, body] = this.dice.pick(kinds)()
    return { path, body: typeof body === 'string' ? body : JSON.stringify(body) }
  }

  private often<T>(weight: number, draw: () => T): (() => T)[] {
    return Array.from({ length: weight }, () => draw)
  }

  key(): string {
    return this.dice.pick(FIRST) + this.dice.pick(SECOND)
  }

  private keyField(): Json {
    return this.dice.chance(0.01) ? {} : { key: base64(this.key()) }
  }

  /** One key, a prefix, a span (empty ones too), from a key on, or everything. */
  keyRange(): Json {
    const { dice } = this
    if (dice.chance(0.3)) return this.keyField()
    if (dice.chance(0.1)) return { key: base64('\0'), range_end: base64('\0') }
    if (dice.chance(0.15)) return { ...this.keyField(), range_end: base64('\0') }
    if (dice.chance(0.4)) return { key: base64(this.key()), range_end: base64(this.key()) }
    return this.prefix()
  }

  private prefix(): Json {
    const first = this.dice.pick(FIRST)
    const end = String.fromCharCode(first.charCodeAt(0) + 1)
    return { key: base64(first), range_end: base64(end) }
  }

  /** int64 as JSON has it either way. */
  private number(value: number): number | string {
    return this.dice.chance(0.5) ? value : String(value)
  }

  /** A revision of the past, the present or, rarely, the future. */
  pastRevision(): number {
    const { dice, revision, compacted } = this
    if (dice.chance(0.05)) return revision + dice.integer(1, 3)
    if (dice.chance(0.05)) return dice.integer(-2, 0)
    const from = dice.chance(0.05) ? 1 : Math.max(compacted - 2, 1)
    return dice.integer(Math.min(from, revision), revision)
  }

  private someRevision(probability: number, field: string): Json {
    return this.dice.maybe(probability, field, () => this.number(this.pastRevision()))
  }

  private range(): Json {
    const { dice } = this
    // Above twelve keys etcd's sort is not stable: equal ones come in no order of note.
    const isSorted = dice.chance(0.25)
    return {
      ...(isSorted ? this.prefix() : this.keyRange()),
      ...(isSorted ? { sort_target: dice.pick(['VERSION', 'CREATE', 'MOD', 'VALUE', 0, 3]) } : {}),
      ...dice.maybe(0.3, 'sort_order', () => dice.pick(['NONE', 'ASCEND', 'DESCEND', 1, 2])),
      ...dice.maybe(0.3, 'limit', () => this.number(dice.integer(-1, 9))),
      ...this.someRevision(0.3, 'revision'),
      ...dice.maybe(0.2, dice.pick(['serializable', 'keys_only', 'keysOnly']), () => true),
      ...dice.maybe(0.1, 'count_only', () => true),
      ...this.someRevision(0.06, 'min_mod_revision'),
      ...this.someRevision(0.06, 'max_mod_revision'),
      ...this.someRevision(0.06, 'min_create_revision'),
      ...this.someRevision(0.06, 'maxCreateRevision'),
    }
  }

  put(): Json {
    const { dice } = this
    return {
      ...this.keyField(),
      ...dice.maybe(0.8, 'value', () => base64(dice.pick(VALUES))),
      ...dice.maybe(0.2, 'lease', () => this.leaseId()),
      ...dice.maybe(0.3, dice.pick(['prev_kv', 'prevKv']), () => true),
      ...dice.maybe(0.06, 'ignore_value', () => true),
      ...dice.maybe(0.06, 'ignore_lease', () => true),
    }
  }

  private deleteRange(): Json {
    const range = this.dice.chance(0.7) ? this.keyField() : this.keyRange()
    return { ...range, ...this.dice.maybe(0.5, 'prev_kv', () => true) }
  }

  private txn(depth: number): Json {
    const { dice } = this
    const isLong = depth === 2 && dice.chance(0.01)
    const list = (): Json[] => dice.times(dice.integer(0, 3), () => this.op(depth))
    const long = (): Json[] =>
      dice.times(dice.integer(127, 130), (i) => ({ request_put: { key: base64(`l${i}`) } }))
    return {
      ...dice.maybe(0.8, 'compare', () => dice.times(dice.integer(0, 2), () => this.compare())),
      ...dice.maybe(0.9, 'success', isLong ? long : list),
      ...dice.maybe(0.7, 'failure', list),
    }
  }

  private op(depth: number): Json {
    const { dice } = this
    if (dice.chance(0.01)) return {}
    const kind = dice.integer(0, depth > 0 ? 7 : 6)
    if (kind <= 2) return { request_range: this.range() }
    if (kind <= 5) return { [dice.pick(['request_put', 'requestPut'])]: this.put() }
    return kind === 6
      ? { request_delete_range: this.deleteRange() }
      : { request_txn: this.txn(depth - 1) }
  }

  private compare(): Json {
    const { dice } = this
    const target = dice.pick(TARGETS)
    return {
      ...(dice.chance(0.7) ? this.keyField() : this.keyRange()),
      target: dice.chance(0.2) ? TARGETS.indexOf(target) : target,
      ...dice.maybe(0.9, 'result', () => dice.pick(RESULTS)),
      ...dice.maybe(0.9, this.unionField(target), () => this.compared(target)),
    }
  }

  private unionField(target: string): string {
    if (target === 'CREATE') return 'create_revision'
    return target === 'MOD' ? 'mod_revision' : target.toLowerCase()
  }

  private compared(target: string): unknown {
    const { dice } = this
    if (target === 'VALUE') return base64(dice.pick(VALUES))
    if (target === 'LEASE') return dice.pick([...LEASE_IDS, '0'])
    return this.number(target === 'VERSION' ? dice.integer(0, 3) : this.pastRevision())
  }

  /** Waits until the deletion is done: meanwhile etcd answers from what is left. */
  private compaction(): Json {
    const { dice, compacted, revision } = this
    const to = Math.min(compacted + dice.integer(0, 60), revision)
    return { revision: dice.chance(0.1) ? this.pastRevision() : to, physical: true }
  }

  private grant(): Json {
    const { dice } = this
    const TTL = this.number(dice.chance(0.05) ? 9_000_000_001 : dice.pick(TTLS))
    return dice.chance(0.2) ? { TTL } : { TTL, ID: dice.pick(LEASE_IDS) }
  }

  private leaseId(): string {
    const { dice, chosen } = this
    return chosen > 0 && dice.chance(0.3)
      ? chosenLease(dice.integer(Math.max(0, chosen - 4), chosen - 1))
      : dice.pick(LEASE_IDS)
  }

  private revokePath(): string {
    return this.dice.pick(['/v3/lease/revoke', '/v3/kv/lease/revoke'])
  }

  private timeToLive(): Json {
    return { ID: this.leaseId(), ...this.dice.maybe(0.7, 'keys', () => true) }
  }

  private alarm(): Json {
    const { dice } = this
    const action = dice.pick(['GET', 'DEACTIVATE'])
    return { action, ...dice.maybe(0.5, 'alarm', () => 'NOSPACE'), memberID: '5' }
  }

  /** What no client should send. */
  private malformed(): readonly [string, string] {
    const key = base64(this.key())
    const bodies = [
      '',
      '{',
      '[]',
      'x',
      '{"key":"***"}',
      '{"key":"YQ"}',
      '{"key":"YQ=="} {',
      '{"key":7}',
      `{"key":"${key}","limit":"x"}`,
      `{"key":"${key}","limit":1.5}`,
      `{"key":"${key}","limit":null,"sort_order":null}`,
      `{"key":"${key}","limit":"9223372036854775808"}`,
      `{"key":"${key}","sort_order":"UP"}`,
      `{"key":"${key}","serializable":"true"}`,
      `{"key":"${key}","unknown":[{}]}`,
    ]
    return ['/v3/kv/range', this.dice.pick(bodies)]
  }
}
