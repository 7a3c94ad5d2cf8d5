/** BGP between the routers of the fabric: which timers go together. */
import { SECOND } from '../../sim/units.ts'
import type { FabricBgpModel, FabricMode } from '../model.ts'
import type { Context } from './context.ts'

/** The OPEN has two octets for the hold time, which is 3 s at least (RFC 4271 section 4.2). */
const HOLD_MIN = 3 * SECOND
const HOLD_MAX = 65_535 * SECOND

/** @returns null where the routes are computed once. */
export function resolveBgp(context: Context, mode: FabricMode): FabricBgpModel | null {
  const { routing, bgp } = context.input.fabric
  if (routing === 'static') {
    const raw = context.raw['fabric'] as Record<string, unknown> | undefined
    if (raw?.['bgp'] !== undefined) {
      const message = '"bgp" says more of "routing: bgp", and the routes are static'
      context.report('conflict', ['fabric', 'bgp'], message, 'add routing: bgp', 'key')
    }
    return null
  }
  if (mode !== 'l3') {
    const message = `mode ${mode} has no routers that could speak BGP`
    context.report('conflict', ['fabric', 'routing'], message, 'mode: l3')
    return null
  }
  const { hosts, ...timers } = bgp
  checkTimers(context, timers)
  if (hosts === undefined) return timers
  const { as, limit } = hosts
  return { ...timers, hosts: as === undefined ? { limit } : { as, limit } }
}

function checkTimers(
  context: Context,
  { holdTime, keepalive, connectRetry }: FabricBgpModel,
): void {
  if (holdTime < HOLD_MIN || holdTime > HOLD_MAX || holdTime % SECOND !== 0) {
    const message = 'the hold time of BGP is a whole number of seconds, 3 or more'
    context.report('out_of_range', ['fabric', 'bgp', 'holdTime'], message, 'holdTime: 9s')
  }
  if (keepalive <= 0 || keepalive * 3 > holdTime) {
    const message = 'the keepalive time is at most a third of the hold time'
    context.report('out_of_range', ['fabric', 'bgp', 'keepalive'], message, 'a third of holdTime')
  }
  if (connectRetry <= 0) {
    const message = 'an attempt to connect takes some time'
    context.report('out_of_range', ['fabric', 'bgp', 'connectRetry'], message, 'connectRetry: 10s')
  }
}
