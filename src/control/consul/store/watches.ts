import type { OrderedMap } from './ordered-map.ts'

/** `abandoned`: the whole state was replaced by a snapshot, so answer whatever the index. */
export type Wake = (why: 'changed' | 'abandoned') => void

/** What a blocking query hangs on. */
export type Scope =
  | { readonly on: 'key' | 'prefix'; readonly name: string }
  | { readonly on: 'topic'; readonly name: string }

interface Watch {
  readonly wake: Wake
}

/**
 * Blocking queries that wait. Level-triggered and one-shot: a change below a scope wakes its
 * watches once, after the whole command was applied; what changed is not said.
 */
export class Watches {
  private readonly scopes = {
    key: new Map<string, Set<Watch>>(),
    prefix: new Map<string, Set<Watch>>(),
    topic: new Map<string, Set<Watch>>(),
  }
  /** How many watched prefixes have each length: a change looks up its own prefixes of those only. */
  private readonly lengths = new Map<number, number>()
  private due = new Set<Watch>()
  private waiting = 0

  /** Queries that wait now. */
  get size(): number {
    return this.waiting
  }

  /** Returns how to cancel it. */
  add(scope: Scope, wake: Wake): () => void {
    const table = this.scopes[scope.on]
    const watch: Watch = { wake }
    const watches = table.get(scope.name)
    if (watches) watches.add(watch)
    else {
      table.set(scope.name, new Set([watch]))
      if (scope.on === 'prefix') this.count(scope.name.length, 1)
    }
    this.waiting += 1
    return () => {
      if (this.due.delete(watch)) return
      const present = table.get(scope.name)
      if (!present?.delete(watch)) return
      this.waiting -= 1
      if (present.size === 0) this.forget(scope.on, scope.name)
    }
  }

  keyChanged(key: string): void {
    if (this.waiting === 0) return
    this.collect('key', key)
    for (const length of this.lengths.keys()) {
      if (length <= key.length) this.collect('prefix', key.slice(0, length))
    }
  }

  topicChanged(topic: string): void {
    if (this.waiting > 0) this.collect('topic', topic)
  }

  /** Wakes what the changes reached, in the order in which they began to wait within a scope. */
  flush(why: 'changed' | 'abandoned' = 'changed'): void {
    while (this.due.size > 0) {
      const [first] = this.due
      this.due.delete(first!)
      first!.wake(why)
    }
  }

  abandonAll(): void {
    for (const on of ['key', 'prefix', 'topic'] as const) {
      for (const name of [...this.scopes[on].keys()]) this.collect(on, name)
    }
    this.flush('abandoned')
  }

  private collect(on: Scope['on'], name: string): void {
    const watches = this.scopes[on].get(name)
    if (watches === undefined) return
    for (const watch of watches) this.due.add(watch)
    this.waiting -= watches.size
    this.forget(on, name)
  }

  private forget(on: Scope['on'], name: string): void {
    this.scopes[on].delete(name)
    if (on === 'prefix') this.count(name.length, -1)
  }

  private count(length: number, by: 1 | -1): void {
    const left = (this.lengths.get(length) ?? 0) + by
    if (left === 0) this.lengths.delete(length)
    else this.lengths.set(length, left)
  }
}

/**
 * Where a query on a key that does not exist waits: the deepest node on its way down a radix tree of
 * the keys. Its neighbours' changes wake it too, and as a missing key's index is the whole table's,
 * clients see that. Source: go-immutable-radix GetWatch.
 */
export function scopeOfMissing(keys: OrderedMap<unknown>, key: string): Scope {
  const target = ended(key)
  const before = keys.before(key)
  const after = keys.atOrAfter(key)
  const shared = Math.max(commonLength(target, before), commonLength(target, after))
  const prefix = target.slice(0, shared)
  const first = keys.atOrAfter(prefix)
  const last = keys.lastWithPrefix(prefix)
  // The root is a node whatever the keys are.
  if (shared === 0 || first === undefined || last === undefined) return { on: 'prefix', name: '' }
  if (commonLength(ended(first), last) === shared) {
    return { on: 'prefix', name: prefix }
  }
  const parent = Math.max(
    commonLength(ended(first), keys.before(first)),
    commonLength(ended(last), keys.atOrAfter(`${last}\0`)),
  )
  return { on: 'prefix', name: target.slice(0, Math.min(parent + 1, key.length)) }
}

/** The index ends each key with a zero, so that none is another's prefix. */
function ended(key: string): string {
  return `${key}\0`
}

function commonLength(target: string, other: string | undefined): number {
  if (other === undefined) return 0
  const key = ended(other)
  const shorter = Math.min(target.length, key.length)
  let at = 0
  while (at < shorter && target.charCodeAt(at) === key.charCodeAt(at)) at += 1
  return at
}
