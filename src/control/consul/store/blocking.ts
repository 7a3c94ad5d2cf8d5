import type { RandomStream } from '../../../sim/random.ts'
import { SECOND } from '../../../sim/units.ts'

/** Source: consul agent/consul/rpc.go, defaultQueryTime, maxQueryTime, jitterFraction. */
const DEFAULT_WAIT = 300 * SECOND
const MAX_WAIT = 600 * SECOND
const JITTER_FRACTION = 16

/**
 * How long a blocking query is held, in picoseconds: what was asked for (none or nothing = 300 s, at
 * most 600 s) and up to a sixteenth more, so that clients of one change do not come back together.
 */
export function blockingWait(requested: number | undefined, random: RandomStream): number {
  const asked = requested === undefined || requested <= 0 ? DEFAULT_WAIT : requested
  const wait = Math.min(asked, MAX_WAIT)
  return wait + Math.floor(random.next() * (wait / JITTER_FRACTION))
}
