/** TTLs in seconds, and the times that they end at, in picoseconds of the wall clock. */
import { MILLISECOND, NANOSECOND } from '../../../sim/units.ts'
import { EPOCH_MILLISECONDS } from '../../program/wall-clock.ts'

/** Of a node that never expires. */
export const PERMANENT = Infinity

/** 2000-01-01: creating a key that expires before this creates a permanent one. */
export const MIN_EXPIRATION = (946_684_800_000 - EPOCH_MILLISECONDS) * MILLISECOND

/** Of Go, in nanoseconds: 292 years. Longer ones are cut. */
const DURATION_MAX = 9.223372036854776e18

const NANOSECONDS_PER_SECOND = 1_000_000_000n
const EPOCH_UNIX_NANOSECONDS = BigInt(EPOCH_MILLISECONDS) * 1_000_000n

/**
 * The absolute time that a request's TTL means. etcd counts nanoseconds in 64 bits, so a TTL above
 * 292 years wraps around, into the past perhaps.
 *
 * @param ttl seconds, decimal digits
 * @param now wall clock, picoseconds
 */
export function expirationAfter(ttl: string, now: number): number {
  const duration = BigInt.asIntN(64, BigInt(ttl) * NANOSECONDS_PER_SECOND)
  const wallClock = BigInt(Math.floor(now / NANOSECOND)) + EPOCH_UNIX_NANOSECONDS
  const unix = BigInt.asIntN(64, wallClock + duration)
  return Number(unix - EPOCH_UNIX_NANOSECONDS) * NANOSECOND
}

/** Seconds from `now` to `expiration`, rounded up; negative ones towards zero, as Go divides. */
export function ttlOf(expiration: number, now: number): number {
  // Whole nanoseconds first: a float's rounding must not turn 60 s into 61.
  const nanoseconds = Math.round((expiration - now) / NANOSECOND)
  const duration = Math.max(-DURATION_MAX, Math.min(DURATION_MAX, nanoseconds))
  return Math.ceil(duration / 1e9) || 0
}
