/** Leases (lease/lessor.go of etcd 3.4): granted and revoked by the log, expired by the leader. */
import { SECOND } from '../../../sim/units.ts'
import { RPC_ERRORS, type RpcError } from './errors.ts'
import { NO_LEASE } from './types.ts'

/** Every 500 ms the leader looks for expired leases and revokes at most so many: 1000 a second. */
export const LEASE_REVOKE_LIMIT = 500

const TTL_SECONDS_MAX = 9_000_000_000
const REVOKES_PER_SECOND = 1000
/** A revocation that did not come through the log within it is proposed again. */
const REVOKE_RETRY = 3 * SECOND

interface Lease {
  readonly id: string
  /** Seconds. */
  readonly ttl: number
  readonly keys: Set<string>
  /** Infinity on a member that does not lead: it cannot know of renewals. */
  expiry: number
  retryAt: number
}

export interface LeaseSnapshot {
  readonly id: string
  readonly ttl: number
}

export class Lessor {
  private readonly minTtl: number
  private leases = new Map<string, Lease>()
  private primary = false

  /** @param minTtl seconds: 1.5 election time-outs, rounded up. */
  constructor(minTtl: number) {
    this.minTtl = minTtl
  }

  get isPrimary(): boolean {
    return this.primary
  }

  has(id: string): boolean {
    return this.leases.has(id)
  }

  /** @returns the lease's TTL in seconds. */
  grant(id: string, ttl: number, now: number): number | RpcError {
    if (id === NO_LEASE) return RPC_ERRORS.leaseNotFound
    if (ttl > TTL_SECONDS_MAX) return RPC_ERRORS.leaseTtlTooLarge
    if (this.leases.has(id)) return RPC_ERRORS.leaseExists
    return this.add(id, ttl, this.primary ? now : Infinity).ttl
  }

  private add(id: string, ttl: number, now: number): Lease {
    const actual = Math.max(ttl, this.minTtl)
    const expiry = now + actual * SECOND
    const lease = { id, ttl: actual, keys: new Set<string>(), expiry, retryAt: expiry }
    this.leases.set(id, lease)
    return lease
  }

  attach(id: string, key: string): void {
    this.leases.get(id)!.keys.add(key)
  }

  detach(id: string, key: string): void {
    this.leases.get(id)?.keys.delete(key)
  }

  /** The keys attached to a lease, in byte order, the same on every member. */
  keysOf(id: string): string[] {
    return [...(this.leases.get(id)?.keys ?? [])].sort(compareStrings)
  }

  remove(id: string): void {
    this.leases.delete(id)
  }

  /**
   * Leader only. 'expiring': the lease has expired and its revocation is under way; whether it
   * still exists is known once that is applied.
   * @returns the TTL in seconds.
   */
  renew(id: string, now: number): number | 'expiring' | RpcError {
    const lease = this.leases.get(id)
    if (lease === undefined) return RPC_ERRORS.leaseNotFound
    if (lease.expiry <= now) return 'expiring'
    this.refresh(lease, now)
    return lease.ttl
  }

  /** Seconds: what is left, rounded towards zero, and what was granted. */
  timeToLive(id: string, now: number): { remaining: number; granted: number } | undefined {
    const lease = this.leases.get(id)
    if (lease === undefined) return undefined
    return { remaining: Math.trunc((lease.expiry - now) / SECOND), granted: lease.ttl }
  }

  /** All leases, those that expire first at the front. */
  ids(): string[] {
    return this.byExpiry().map(({ id }) => id)
  }

  private byExpiry(): Lease[] {
    // Two that never expire differ by NaN, which must count as equal.
    return [...this.leases.values()].sort((a, b) => a.expiry - b.expiry || 0)
  }

  /**
   * Leader only: at most `limit` leases past their time, earliest first, to be revoked through the
   * log. One that is not revoked within 3 s is given again.
   */
  expired(now: number, limit: number): string[] {
    if (!this.primary) return []
    const due = [...this.leases.values()].filter(({ retryAt }) => retryAt <= now)
    due.sort((a, b) => a.retryAt - b.retryAt)
    const chosen = due.slice(0, limit)
    for (const lease of chosen) lease.retryAt = now + REVOKE_RETRY
    return chosen.map(({ id }) => id)
  }

  /**
   * The member leads from now on: every lease begins its whole TTL anew, and `extend` picoseconds
   * more, since renewals may have gone to the former leader. Where too many would end within a
   * second they are spread, to at most three quarters of what can be revoked.
   */
  promote(now: number, extend: number): void {
    this.primary = true
    for (const lease of this.leases.values()) this.refresh(lease, now + extend)
    if (this.leases.size >= REVOKES_PER_SECOND) this.spread(now, extend)
  }

  private spread(now: number, extend: number): void {
    const leases = this.byExpiry()
    const perSecond = (REVOKES_PER_SECOND * 3) / 4
    let base = leases[0]!.expiry - now
    let next = base + SECOND
    let expiring = 0
    for (const lease of leases) {
      const remaining = lease.expiry - now
      if (remaining > next) {
        base = remaining
        next = base + SECOND
        expiring = 1
        continue
      }
      expiring++
      if (expiring <= perSecond) continue
      const delay = Math.round((SECOND * expiring) / perSecond) - (remaining - base)
      next = base + delay
      this.refresh(lease, now + delay + extend)
    }
  }

  /** The member does not lead any more. */
  demote(): void {
    this.primary = false
    for (const lease of this.leases.values()) lease.expiry = lease.retryAt = Infinity
  }

  private refresh(lease: Lease, from: number): void {
    lease.expiry = lease.retryAt = from + lease.ttl * SECOND
  }

  snapshot(): LeaseSnapshot[] {
    return [...this.leases.values()].map(({ id, ttl }) => ({ id, ttl }))
  }

  /** The keys are to be attached again by who knows them. */
  restore(leases: readonly LeaseSnapshot[]): void {
    this.leases = new Map()
    this.primary = false
    for (const { id, ttl } of leases) this.add(id, ttl, Infinity)
  }
}

export function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
