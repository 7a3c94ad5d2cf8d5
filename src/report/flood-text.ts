import type { RunResult, SwitchResult } from '../study/result.ts'
import { enumerate, formatCount, formatRate, formatShare } from './format.ts'
import { type Layout, wrap } from './lines.ts'

const PORTS_SHOWN = 3
/** Emptier tables are of interest to who asks for everything. */
const SHARE_SHOWN = 0.5

/** What bystanders' links carry because a switch did not know where to send it. */
export function floodLines(
  switches: readonly SwitchResult[],
  layout: Layout,
  verbose: boolean,
): string[] {
  const ports = switches
    .flatMap(({ flooded }) => flooded)
    .filter(({ rate }) => rate > 0)
    .sort((a, b) => b.share - a.share)
  if (ports.length === 0) return []
  const shown = verbose ? ports : ports.slice(0, PORTS_SHOWN)
  const parts = shown.map(
    ({ host, rate, share }) => `${host} ${formatRate(rate)} (${formatShare(share)} of its link)`,
  )
  const all = ports.length > shown.length ? `, the most of ${ports.length}` : ''
  const text = `Unknown unicast flooded to hosts while measured: ${enumerate(parts)}${all}.`
  return wrap(text, layout.columns, '  ', 4)
}

const NAMES: Readonly<Record<RunResult['tables'][number]['kind'], string>> = {
  'switch-mac': 'MAC table of switch',
  'port-security': 'port security of',
  'nic-filter': 'unicast filter of',
  neighbours: 'neighbours (gc_thresh3) of',
  'router-arp': 'ARP table of router',
  'router-fib': 'FIB of router',
  'bridge-ports': 'ports of bridge',
}

/** Tables with a limit, the fullest first: which one a larger network would exhaust first. */
export function limitLines(
  tables: RunResult['tables'],
  layout: Layout,
  verbose: boolean,
): string[] {
  const shown = tables.filter(({ share }) => verbose || share >= SHARE_SHOWN)
  if (shown.length === 0) return []
  const parts = shown.map(({ kind, place, used, capacity, refused }) => {
    const failed = refused === 0 ? '' : `, refused ${formatCount(refused)} times`
    return `${NAMES[kind]} ${place} ${formatCount(used)} of ${formatCount(capacity)}${failed}`
  })
  return wrap(`Fullest tables: ${parts.join('; ')}.`, layout.columns, '  ', 4)
}
