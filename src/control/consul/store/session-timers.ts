import type { Session } from './commands.ts'
import { fromNanoseconds, parseDuration } from './duration.ts'

/** A client has this many TTLs before it loses its session. Source: consul agent/structs/structs.go. */
const TTL_MULTIPLIER = 2

/**
 * The leader's clocks of sessions with a TTL. They are in no log: a new leader starts all of them
 * anew, so that a change of leader extends every session. Source: consul agent/consul/session_ttl.go.
 */
export class SessionTimers {
  /** Session to its expiry in picoseconds. */
  private readonly expiries = new Map<string, number>()
  /** No timer ends before: renewals do not move it, so that they cost no search. */
  private earliest = Number.POSITIVE_INFINITY
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  /** Starts or renews; a session without TTL has no timer. */
  reset(session: Pick<Session, 'id' | 'ttl'>): void {
    const ttl = parseDuration(session.ttl) ?? 0
    if (ttl <= 0) return
    const expiry = this.now() + fromNanoseconds(ttl * TTL_MULTIPLIER)
    this.expiries.set(session.id, expiry)
    this.earliest = Math.min(this.earliest, expiry)
  }

  clear(id: string): void {
    this.expiries.delete(id)
  }

  /** For a new leader: every session of the state anew. */
  initialize(sessions: readonly Session[]): void {
    this.clearAll()
    for (const session of sessions) this.reset(session)
  }

  clearAll(): void {
    this.expiries.clear()
    this.earliest = Number.POSITIVE_INFINITY
  }

  /** The sessions that expired, by expiry; their timers are gone. The leader proposes to destroy them. */
  due(): string[] {
    const now = this.now()
    if (now < this.earliest) return []
    const expired = [...this.expiries].filter(([, expiry]) => expiry <= now)
    expired.sort((a, b) => a[1] - b[1])
    for (const [id] of expired) this.expiries.delete(id)
    this.earliest = Number.POSITIVE_INFINITY
    for (const expiry of this.expiries.values()) this.earliest = Math.min(this.earliest, expiry)
    return expired.map(([id]) => id)
  }

  /** When to ask `due` next, perhaps in vain; Infinity = never. */
  nextAt(): number {
    return this.earliest
  }
}
