import type { Neighbour } from '../control/bgp/neighbour.ts'
import type { Path } from '../control/bgp/rib/path.ts'
import type { BgpSpeaker } from '../control/bgp/speaker.ts'
import type { Shown } from '../host/show.ts'
import { SECOND } from '../sim/units.ts'
import { formatIpv4, formatPrefix } from '../wire/ipv4-address.ts'

/** `show bgp summary` of FRR: a row for each neighbour. */
export function showBgpSummary(speaker: BgpSpeaker): Shown {
  const { as, routerId } = speaker.settings
  const rows = [...speaker.neighbours].map((neighbour) => rowOf(neighbour, speaker.clock.now))
  const head = [
    `BGP router identifier ${formatIpv4(routerId)}, local AS number ${as}`,
    `RIB entries ${[...speaker.locRib.destinations()].length}`,
    `Peers ${rows.length}`,
    '',
    'Neighbor        V         AS   MsgRcvd   MsgSent  Up/Down State/PfxRcd   PfxSnt',
  ]
  const lines = rows.map(({ neighbor, remoteAs, msgRcvd, msgSent, since, state, pfxRcd, pfxSnt }) =>
    [
      neighbor.padEnd(15),
      '4',
      `${remoteAs}`.padStart(10),
      `${msgRcvd}`.padStart(9),
      `${msgSent}`.padStart(9),
      upDown(since).padStart(8),
      (state === 'Established' ? `${pfxRcd}` : state).padStart(12),
      `${pfxSnt}`.padStart(8),
    ].join(' '),
  )
  return { lines: [...head, ...lines], json: rows }
}

function rowOf({ settings, session, changedAt, received, advertised }: Neighbour, now: number) {
  const { counters, state, remote } = session
  return {
    neighbor: formatIpv4(settings.remoteAddress),
    remoteAs: remote?.capabilities.fourOctetAs ?? settings.remoteAs,
    state,
    /** Seconds since it came up or went down; null = it never was up. */
    since: changedAt === null ? null : Math.floor((now - changedAt) / SECOND),
    msgRcvd: counters.received,
    msgSent: counters.sent,
    pfxRcd: received,
    pfxSnt: advertised,
  }
}

/** `00:01:05`. */
function upDown(seconds: number | null): string {
  if (seconds === null) return 'never'
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return parts.map((part) => `${part}`.padStart(2, '0')).join(':')
}

/** `show ip bgp` of FRR: the chosen paths, `>` the best. */
export function showBgpRoutes(speaker: BgpSpeaker): Shown {
  const rows = [...speaker.locRib.destinations()].flatMap(({ prefix, best, chosen }) =>
    chosen.map((path) => ({
      network: formatPrefix(prefix),
      isBest: path === best,
      ...pathOf(path),
    })),
  )
  const lines = rows.map(({ network, isBest, nextHop, metric, localPref, path }, i) => {
    const isFirst = rows[i - 1]?.network !== network
    const mark = isBest ? '*>' : '*='
    const numbers = [metric, localPref].map((value) => `${value ?? ''}`.padStart(7)).join('')
    return ` ${mark} ${(isFirst ? network : '').padEnd(18)} ${nextHop.padEnd(15)}${numbers} ${path}`
  })
  return {
    lines: ['    Network            Next Hop        Metric LocPrf Path', ...lines],
    json: rows,
  }
}

const ORIGINS = ['i', 'e', '?']

function pathOf({ source, attributes }: Path) {
  const { nextHop, med, localPref, asPath, origin } = attributes
  const segments = asPath.map(({ type, ases }) =>
    type === 'set' ? `{${ases.join(',')}}` : ases.join(' '),
  )
  return {
    nextHop: source === null ? '0.0.0.0' : formatIpv4(nextHop),
    metric: med,
    localPref,
    path: [...segments, ORIGINS[origin] ?? '?'].join(' '),
  }
}
