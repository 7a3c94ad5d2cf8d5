import type { StoreMemberResult, StoreResult } from '../study/result.ts'
import { formatCount, formatSize, formatTime, plural } from './format.ts'
import { type Layout, paint, wrap } from './lines.ts'

const REIGNS_SHOWN = 6
const LOG_SHOWN = 3
const VIOLATIONS_SHOWN = 5

/** The store: who led it when, what its members came to, what it cost the network. */
export function storeLines(
  store: StoreResult | null,
  layout: Layout,
  verbose: boolean,
): readonly string[] {
  if (store === null) return []
  const { kind, version, members, traffic } = store
  const title = `Store: ${kind} ${version}, ${plural(members.length, 'member')}; ${leaderText(store)}`
  const wire = (['clients', 'peers', 'gossip'] as const)
    .filter((who) => traffic[who].frames > 0)
    .map(
      (who) =>
        `${who} ${formatSize(traffic[who].bytes)} in ${plural(traffic[who].frames, 'frame')}`,
    )
  const reigns = reignTexts(store, verbose)
  return [
    ...wrap(title, layout.columns, '  ', 4),
    ...reigns.flatMap((line) => wrap(line, layout.columns, '    ', 6)),
    ...members.flatMap((member) => memberLines(member, members, layout, verbose)),
    ...(wire.length === 0
      ? []
      : wrap(`On the members' cables: ${wire.join(', ')}`, layout.columns, '    ', 6)),
    ...violationLines(store, layout, verbose),
  ]
}

function leaderText({
  elections,
  campaigns,
  firstLeader,
  leaderless,
  longestLeaderless,
}: StoreResult) {
  if (firstLeader === null) {
    const tries = campaigns === 0 ? 'nobody asked for votes' : `asked for votes ${times(campaigns)}`
    return `never had a leader (${tries})`
  }
  const first = `first leader after ${formatTime(firstLeader)}`
  const count = `${plural(elections, 'election')}, votes asked for ${times(campaigns)}`
  if (leaderless === 0) return `${first}, then never without one; ${count}`
  const isOne = leaderless === longestLeaderless
  const most = isOne ? '' : `, at most ${formatTime(longestLeaderless)} at a stretch`
  return `${first}, then ${formatTime(leaderless)} without one${most}; ${count}`
}

function times(count: number): string {
  return count === 1 ? 'once' : `${formatCount(count)} times`
}

function reignTexts({ reigns }: StoreResult, verbose: boolean): readonly string[] {
  const texts = reigns.map(({ leader, from, until }) => {
    const end = until === null ? 'the end' : formatTime(until)
    return `${leader} led from ${formatTime(from)} to ${end}`
  })
  if (verbose || texts.length <= REIGNS_SHOWN + 1) return texts
  return [
    ...texts.slice(0, REIGNS_SHOWN),
    `and ${plural(texts.length - REIGNS_SHOWN, 'time')} more that a member led`,
  ]
}

function memberLines(
  member: StoreMemberResult,
  members: readonly StoreMemberResult[],
  layout: Layout,
  verbose: boolean,
): readonly string[] {
  const { name, host, log, flushes, fsync } = member
  const place = name === host ? name : `${name} on ${host}`
  const disk =
    fsync === null ? 'its disk hangs' : `${plural(flushes, 'flush', 'flushes')} of its disk`
  const lines = wrap(`${place}: ${stateText(member, members)}; ${disk}`, layout.columns, '    ', 6)
  const shown = verbose || log.length <= LOG_SHOWN + 1 ? log : log.slice(-LOG_SHOWN)
  const left = log.length - shown.length
  const logged = [
    ...(left === 0 ? [] : [`logged ${plural(left, 'line')}, and then:`]),
    ...shown.map((line) => `logged: ${line}`),
  ]
  return [...lines, ...logged.flatMap((line) => wrap(line, layout.columns, '      ', 8))]
}

function stateText(member: StoreMemberResult, members: readonly StoreMemberResult[]): string {
  const { running, role, term, leader, revision, keys, applied } = member
  if (!running || role === null) return 'does not run'
  const whose = role === 'leader' ? '' : leader === null ? ' without a leader' : ` of ${leader}`
  const most = Math.max(...members.map((each) => each.applied ?? 0))
  const behind = most - (applied ?? 0)
  const lag = behind === 0 ? '' : `, ${plural(behind, 'entry', 'entries')} behind`
  const content = `revision ${formatCount(revision ?? 0)}, ${plural(keys ?? 0, 'key')}`
  return `${role}${whose}, term ${formatCount(term ?? 0)}, ${content}${lag}`
}

/** What Raft promises did not hold: the fault of a disk that forgets, or of encap. */
function violationLines(
  { violations, excused }: StoreResult,
  layout: Layout,
  verbose: boolean,
): readonly string[] {
  if (violations.length === 0) return []
  const cause = excused
    ? 'The members contradict each other, for a disk has lost what was written to it'
    : 'The members contradict each other, which is a bug of encap'
  const shown = verbose ? violations : violations.slice(0, VIOLATIONS_SHOWN)
  const left = violations.length - shown.length
  return [
    ...wrap(`${cause}:`, layout.columns, '    ', 6),
    ...shown.flatMap((line) => wrap(line, layout.columns, '      ', 8)),
    ...(left === 0 ? [] : wrap(`and ${formatCount(left)} more`, layout.columns, '      ', 8)),
  ].map((line) => paint(layout, 'red', line))
}
