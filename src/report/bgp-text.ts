import type { RunResult } from '../study/result.ts'
import { formatCount, formatTime, plural } from './format.ts'
import { type Layout, wrap } from './lines.ts'

/** BGP of the run: who speaks, what it took and when it was settled. */
export function bgpLines({ bgp }: RunResult, { columns }: Layout): readonly string[] {
  if (bgp === undefined) return []
  const { speakers, sessions, messages, updates, routes, converged } = bgp
  const settled = converged === null ? '' : `; routes last changed at ${formatTime(converged)}`
  const who = `BGP: ${plural(speakers, 'speaker')}, ${plural(sessions, 'session')} established`
  const what = `${formatCount(messages)} messages, ${formatCount(updates)} of them UPDATEs`
  return wrap(`${who}; ${what}; ${plural(routes, 'route')}${settled}`, columns, '  ', 4)
}
