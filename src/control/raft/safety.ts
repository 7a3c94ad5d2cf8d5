import type { Raft } from './raft.ts'
import type { Entry, Ready } from './types.ts'

/** Entries per log position that are remembered, and terms; older ones are no longer compared. */
const WINDOW = 1 << 16
const TERMS = 1024
const VIOLATIONS_MAX = 100

/** Entries whose content is kept as well: to compare two costs less than to hash one. A power of two. */
const RECENT = 1 << 10

/** Of a long string so many characters count, spread evenly; its length always does. */
const SAMPLES = 64

/** An entry that some log has held; `before` is the term of the entry before it. */
interface Seen {
  readonly term: number
  readonly before: number
  readonly hash: number
  readonly by: string
}

interface Applied {
  readonly term: number
  readonly hash: number
  /** The term of the member that applied it first: the entry was committed in this one or before. */
  readonly knownIn: number
  readonly by: string
}

interface Recent {
  readonly index: number
  readonly data: unknown
  readonly hash: number
}

interface Watched {
  raft: Raft
  applied: number
  ledTerm: number
}

/**
 * Raft's safety properties (dissertation figure 3.2), checked as a cluster runs: at most one leader
 * a term, log matching, leader completeness, state machine safety. One monitor per cluster sees
 * every Ready before the member carries it out; it keeps terms and hashes, in a bounded window.
 */
export class SafetyMonitor {
  /** What went wrong, in words; the first hundred. */
  readonly violations: readonly string[]
  private readonly found: string[] = []
  private readonly leaders = new Map<number, string>()
  private readonly logs = new Map<number, Seen[]>()
  private readonly appliedAt = new Map<number, Applied>()
  private readonly members = new Map<string, Watched>()
  /** By the low bits of the index. */
  private readonly recent: (Recent | undefined)[] = []
  private lastLogged = 0
  private lastApplied = 0

  constructor() {
    this.violations = this.found
  }

  observe(raft: Raft, ready: Ready): void {
    const member = this.memberOf(raft)
    if (raft.role === 'leader' && member.ledTerm !== raft.term) {
      member.ledTerm = raft.term
      this.onLeader(raft)
    }
    if (ready.write !== null && ready.write.entries.length > 0) {
      this.onAppend(raft, ready.write.entries)
    }
    if (ready.install !== null) member.applied = ready.install.index
    if (ready.committed.length > 0) this.onApply(raft, member, ready.committed)
  }

  private memberOf(raft: Raft): Watched {
    const known = this.members.get(raft.id)
    if (known !== undefined && known.raft === raft) return known
    // A member that restarted begins where its snapshot ends: its first Ready says where.
    const member = { raft, applied: -1, ledTerm: -1 }
    this.members.set(raft.id, member)
    return member
  }

  private violation(text: string): void {
    if (this.found.length < VIOLATIONS_MAX) this.found.push(text)
  }

  private onLeader(raft: Raft): void {
    const { id, term } = raft
    const other = this.leaders.get(term)
    if (other !== undefined && other !== id) {
      this.violation(`election safety: ${other} and ${id} both lead term ${term}`)
    }
    this.leaders.set(term, id)
    if (this.leaders.size > TERMS) this.leaders.delete(this.leaders.keys().next().value!)
    for (const [index, { term: entryTerm, knownIn, by }] of this.appliedAt) {
      // Committed by a later leader: this one need not have it.
      if (knownIn >= term || index <= raft.compacted) continue
      const own = raft.termAt(index)
      if (own === entryTerm) continue
      const has = own === undefined ? 'lacks it' : `has one of term ${own}`
      this.violation(
        `leader completeness: ${by} applied entry ${index} of term ${entryTerm}, ` +
          `but ${id}, leader of term ${term}, ${has}`,
      )
      return
    }
  }

  private onAppend(raft: Raft, entries: readonly Entry[]): void {
    let before = raft.termAt(entries[0]!.index - 1) ?? -1
    for (const { index, term, data } of entries) {
      if (index > this.lastLogged - WINDOW) this.compareLogs(raft.id, index, term, before, data)
      before = term
    }
  }

  private compareLogs(by: string, index: number, term: number, before: number, data: unknown) {
    const hash = this.hashAt(index, data)
    const seen = this.logs.get(index)
    const same = seen?.find((each) => each.term === term)
    if (same === undefined) {
      const fresh = { term, before, hash, by }
      if (seen === undefined) this.logs.set(index, [fresh])
      else seen.push(fresh)
      if (index > this.lastLogged) this.advanceLogs(index)
      return
    }
    // Equal here, and equal in the entry before: by induction equal all the way down.
    const linked = same.before === before || same.before < 0 || before < 0
    if (same.hash === hash && linked) return
    const what = same.hash === hash ? 'other terms before it' : 'other content'
    this.violation(
      `log matching: entry ${index} of term ${term} has ${what} at ${by} than at ${same.by}`,
    )
  }

  /** `hashOf` an entry's data: each member has it twice, when it is written and when it is applied. */
  private hashAt(index: number, data: unknown): number {
    const slot = index & (RECENT - 1)
    const latest = this.recent[slot]
    if (latest?.index === index && isSame(latest.data, data)) return latest.hash
    const hash = hashOf(data)
    this.recent[slot] = { index, data, hash }
    return hash
  }

  private advanceLogs(index: number): void {
    for (let old = this.lastLogged + 1; old <= index; old++) this.logs.delete(old - WINDOW)
    this.lastLogged = index
  }

  private onApply(raft: Raft, member: Watched, entries: readonly Entry[]): void {
    for (const { index, term, data } of entries) {
      if (member.applied >= 0 && index !== member.applied + 1) {
        this.violation(`${raft.id} applied entry ${index} after ${member.applied}`)
      }
      member.applied = index
      if (index > this.lastApplied - WINDOW) this.compareApplied(raft, index, term, data)
    }
  }

  private compareApplied(raft: Raft, index: number, term: number, data: unknown): void {
    const hash = this.hashAt(index, data)
    const first = this.appliedAt.get(index)
    if (first === undefined) {
      this.appliedAt.set(index, { term, hash, knownIn: raft.term, by: raft.id })
      if (index <= this.lastApplied) return
      for (let old = this.lastApplied + 1; old <= index; old++) this.appliedAt.delete(old - WINDOW)
      this.lastApplied = index
    } else if (first.term !== term || first.hash !== hash) {
      this.violation(
        `state machine safety: ${raft.id} applied entry ${index} of term ${term}, ` +
          `${first.by} another one of term ${first.term}`,
      )
    }
  }
}

/** Whether two JSON values are the same, their objects' keys in the same order. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [keys, others] = [Object.keys(a), Object.keys(b)]
  if (keys.length !== others.length) return false
  const [from, to] = [a as Fields, b as Fields]
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    if (key !== others[i] || !isSame(from[key], to[key])) return false
  }
  return true
}

type Fields = Readonly<Record<string, unknown>>

/** 32 bits of a JSON value; an object's keys count in their order. */
export function hashOf(value: unknown): number {
  return mixValue(0x811c9dc5 | 0, value)
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x01000193)
  return mixed ^ (mixed >>> 15)
}

function mixValue(hash: number, value: unknown): number {
  if (typeof value === 'string') return mixString(mix(hash, 1), value)
  if (typeof value === 'number') return mixNumber(mix(hash, 2), value)
  if (typeof value !== 'object' || value === null) return mix(hash, value === true ? 3 : 4)
  if (Array.isArray(value)) {
    hash = mix(hash, 5 + value.length)
    for (const each of value) hash = mixValue(hash, each)
    return hash
  }
  for (const [key, each] of Object.entries(value)) hash = mixValue(mixString(hash, key), each)
  return mix(hash, 6)
}

function mixNumber(hash: number, value: number): number {
  hash = mix(hash, value | 0)
  if (Number.isInteger(value)) return mix(hash, (value / 2 ** 32) | 0)
  return mix(hash, ((value % 1) * 2 ** 31) | 0)
}

function mixString(hash: number, text: string): number {
  hash = mix(hash, text.length)
  const step = text.length <= SAMPLES ? 1 : text.length / SAMPLES
  for (let at = 0; at < text.length; at += step) hash = mix(hash, text.charCodeAt(Math.floor(at)))
  return hash
}
