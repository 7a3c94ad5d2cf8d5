import { describe, expect, it } from 'vitest'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { RPC_ERRORS } from './errors.ts'
import { LEASE_REVOKE_LIMIT, Lessor } from './lessor.ts'

function leading(now = 0): Lessor {
  const lessor = new Lessor(2)
  lessor.promote(now, 0)
  return lessor
}

describe('Lessor', () => {
  it('grants the minimum at least, and a lease once', () => {
    const lessor = leading()
    expect(lessor.grant('1', 1, 0)).toBe(2)
    expect(lessor.grant('2', -7, 0)).toBe(2)
    expect(lessor.grant('3', 60, 0)).toBe(60)
    expect(lessor.grant('3', 60, 0)).toBe(RPC_ERRORS.leaseExists)
    expect(lessor.grant('0', 60, 0)).toBe(RPC_ERRORS.leaseNotFound)
    expect(lessor.grant('4', 9_000_000_001, 0)).toBe(RPC_ERRORS.leaseTtlTooLarge)
  })

  it('expires a lease at its time, not before, and offers it again after 3 s', () => {
    const lessor = leading()
    lessor.grant('1', 5, SECOND)
    expect(lessor.expired(6 * SECOND - 1, LEASE_REVOKE_LIMIT)).toEqual([])
    expect(lessor.expired(6 * SECOND, LEASE_REVOKE_LIMIT)).toEqual(['1'])
    expect(lessor.expired(9 * SECOND - 1, LEASE_REVOKE_LIMIT)).toEqual([])
    expect(lessor.expired(9 * SECOND, LEASE_REVOKE_LIMIT)).toEqual(['1'])
    lessor.remove('1')
    expect(lessor.expired(20 * SECOND, LEASE_REVOKE_LIMIT)).toEqual([])
  })

  it('renews for the whole TTL; an expired lease waits for its revocation', () => {
    const lessor = leading()
    lessor.grant('1', 5, 0)
    expect(lessor.renew('1', 4 * SECOND)).toBe(5)
    expect(lessor.timeToLive('1', 6.5 * SECOND)).toEqual({ remaining: 2, granted: 5 })
    expect(lessor.expired(8 * SECOND, LEASE_REVOKE_LIMIT)).toEqual([])
    expect(lessor.renew('1', 9 * SECOND)).toBe('expiring')
    lessor.remove('1')
    expect(lessor.renew('1', 9 * SECOND)).toBe(RPC_ERRORS.leaseNotFound)
  })

  it('gives the earliest first, no more than the limit', () => {
    const lessor = leading()
    lessor.grant('late', 4, 0)
    lessor.grant('early', 2, 0)
    lessor.grant('middle', 3, 0)
    expect(lessor.ids()).toEqual(['early', 'middle', 'late'])
    expect(lessor.expired(10 * SECOND, 2)).toEqual(['early', 'middle'])
    expect(lessor.expired(10 * SECOND, 2)).toEqual(['late'])
  })

  it('never expires on a member that does not lead', () => {
    const lessor = new Lessor(2)
    lessor.grant('1', 5, 0)
    expect(lessor.expired(1000 * SECOND, LEASE_REVOKE_LIMIT)).toEqual([])
    lessor.promote(1000 * SECOND, SECOND)
    // The whole TTL from the election on, and the extension.
    expect(lessor.expired(1006 * SECOND - 1, LEASE_REVOKE_LIMIT)).toEqual([])
    expect(lessor.expired(1006 * SECOND, LEASE_REVOKE_LIMIT)).toEqual(['1'])
    lessor.demote()
    expect(lessor.expired(2000 * SECOND, LEASE_REVOKE_LIMIT)).toEqual([])
    lessor.promote(3000 * SECOND, 0)
    expect(lessor.expired(3005 * SECOND, LEASE_REVOKE_LIMIT)).toEqual(['1'])
  })

  it('spreads what a new leader would have to revoke at once', () => {
    const lessor = new Lessor(2)
    for (let id = 1; id <= 3000; id++) lessor.grant(String(id), 10, 0)
    lessor.promote(0, 0)
    const revoked: number[] = []
    for (let now = 0; now < 30 * SECOND; now += 500 * MILLISECOND) {
      const ids = lessor.expired(now, LEASE_REVOKE_LIMIT)
      for (const id of ids) lessor.remove(id)
      revoked.push(ids.length)
    }
    expect(revoked.slice(0, 20).every((count) => count === 0)).toBe(true)
    expect(Math.max(...revoked)).toBeLessThanOrEqual(LEASE_REVOKE_LIMIT)
    expect(revoked.reduce((sum, count) => sum + count)).toBe(3000)
  })

  it('keeps keys in byte order and comes back from a snapshot without its times', () => {
    const lessor = leading()
    lessor.grant('9', 7, 0)
    for (const key of ['b', 'a', '\xff', 'a\0']) lessor.attach('9', key)
    lessor.detach('9', 'b')
    expect(lessor.keysOf('9')).toEqual(['a', 'a\0', '\xff'])
    const copy = new Lessor(2)
    copy.restore(lessor.snapshot())
    expect(copy.isPrimary).toBe(false)
    copy.promote(0, 0)
    expect(copy.timeToLive('9', 0)).toEqual({ remaining: 7, granted: 7 })
  })
})
