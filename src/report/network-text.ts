import type {
  DropResult,
  LayerResult,
  NetworkResult,
  RunResult,
  SwitchResult,
} from '../study/result.ts'
import { enumerate, formatCount, formatRate, formatShare, formatSize, plural } from './format.ts'
import { type Layout, paint, wrap } from './lines.ts'
import { classOf } from './measures.ts'

const BAR_WIDTH = 30
const PLACES_SHOWN = 8
const LINKS_SHOWN = 5
const SWITCHES_SHOWN = 8
const LOG_SHOWN = 6
const FAILURES_SHOWN = 5

/** The first `most` entries, and a line that says how many are left out. */
function limited<Item>(
  items: readonly Item[],
  most: number,
  text: (item: Item) => string,
  rest: (count: number) => string,
): string[] {
  const shown = items.length <= most + 1 ? items : items.slice(0, most)
  const left = items.length - shown.length
  return left === 0 ? shown.map(text) : [...shown.map(text), rest(left)]
}

/** The container networks: class, attach failures, what their daemons said. */
export function networkLines(
  networks: readonly NetworkResult[],
  layout: Layout,
  verbose: boolean,
): string[] {
  return networks.flatMap((network) => {
    const { name, variant, innerMtu, bytesAdded, attached, failures, log } = network
    const mtu = innerMtu === null ? '' : `, MTU ${formatCount(innerMtu)} in the containers`
    const added = bytesAdded === 0 ? '' : `, ${plural(bytesAdded, 'byte')} added to a packet`
    const containers = plural(attached, 'container')
    const text = `Network ${name}, ${variant}: ${classOf(network)}${mtu}${added}, ${containers}`
    const failed = limited(
      failures,
      verbose ? Infinity : FAILURES_SHOWN,
      ({ container, message }) => `${container} is not on it: ${message}`,
      (count) => `and ${plural(count, 'container')} more`,
    )
    const logged = limited(
      log,
      verbose ? Infinity : LOG_SHOWN,
      ({ host, line }) => `${host} logged: ${line}`,
      (count) => `and ${plural(count, 'line')} more in the logs`,
    )
    return [
      ...wrap(text, layout.columns, '  ', 4),
      ...failed
        .flatMap((line) => wrap(line, layout.columns, '    ', 6))
        .map((line) => paint(layout, 'red', line)),
      ...logged.flatMap((line) => wrap(line, layout.columns, '    ', 6)),
    ]
  })
}

export const LAYER_NAMES: readonly (readonly [keyof LayerResult, string])[] = [
  ['payload', 'payload'],
  ['headers', 'IP and transport headers'],
  ['encapsulation', 'encapsulation'],
  ['ethernet', 'Ethernet headers'],
  ['framing', 'padding, FCS, preamble, gap'],
  ['other', 'ARP and other'],
]

/** Bytes by layer, with bars. */
export function layerLines(layers: LayerResult, layout: Layout): string[] {
  const total = LAYER_NAMES.reduce((sum, [key]) => sum + layers[key], 0)
  if (total === 0) return []
  const used = LAYER_NAMES.filter(([key]) => layers[key] > 0)
  const width = Math.max(...used.map(([, name]) => name.length))
  const room = Math.max(1, Math.min(BAR_WIDTH, layout.columns - width - 16))
  const bars = used.map(([key, name]) => {
    const share = layers[key] / total
    const bar = '█'.repeat(Math.max(1, Math.round(share * room)))
    const label = `    ${name.padEnd(width)}  ${formatShare(share).padStart(8)}`
    return `${label}  ${paint(layout, 'cyan', bar)}`.trimEnd()
  })
  return [`  Bytes received on the hosts' cables: ${formatSize(total)}`, ...bars]
}

/** Losses by place; copies that ended where nobody wanted them in one line. */
export function dropLines(
  drops: readonly DropResult[],
  layout: Layout,
  verbose: boolean,
): string[] {
  const losses = drops.filter(({ kind }) => kind === 'loss').sort((a, b) => b.count - a.count)
  const lost = losses.reduce((sum, { count }) => sum + count, 0)
  const lines = [lost === 0 ? '  No frame was lost.' : `  Frames lost: ${formatCount(lost)}`]
  const texts = limited(
    losses,
    verbose ? Infinity : PLACES_SHOWN,
    dropText,
    (count) => `and at ${plural(count, 'place')} more (--verbose shows them)`,
  )
  lines.push(...texts.flatMap((text) => wrap(text, layout.columns, '    ', 6)))
  return [
    ...lines,
    ...filterLines(
      drops.filter(({ kind }) => kind === 'filter'),
      layout,
      verbose,
    ),
  ]
}

function dropText({ place, reason, kernel, meaning, count }: DropResult): string {
  const name = kernel === null ? '' : `, SKB_DROP_REASON_${kernel}`
  return `${place}: ${formatCount(count)} ${reason}${name}: ${meaning}`
}

function filterLines(filters: readonly DropResult[], layout: Layout, verbose: boolean): string[] {
  if (filters.length === 0) return []
  const totals = new Map<string, number>()
  for (const { reason, count } of filters) totals.set(reason, (totals.get(reason) ?? 0) + count)
  const all = [...totals.values()].reduce((sum, count) => sum + count, 0)
  const reasons = [...totals]
    .sort((a, b) => b[1] - a[1])
    .map(([reason, count]) => `${reason} ${formatCount(count)}`)
  const text = `Copies that ended where nobody wanted them: ${formatCount(all)} (${reasons.join(', ')})`
  const lines = wrap(text, layout.columns, '  ', 4)
  if (!verbose) return lines
  return [...lines, ...filters.flatMap((drop) => wrap(dropText(drop), layout.columns, '    ', 6))]
}

/** MAC tables, the fullest first. */
export function switchLines(
  switches: readonly SwitchResult[],
  layout: Layout,
  verbose: boolean,
): string[] {
  const sorted = [...switches].sort((a, b) => b.refused - a.refused || b.peak - a.peak)
  const texts = limited(
    sorted,
    verbose ? Infinity : SWITCHES_SHOWN,
    switchText,
    (count) => `and ${plural(count, 'switch', 'switches')} more with fewer`,
  )
  return texts.flatMap((text) => wrap(text, layout.columns, '  ', 4))
}

function switchText(row: SwitchResult): string {
  const { name, profile, capacity, entries, peak, learned, refused, moved, aged, floods } = row
  const room = capacity === null ? '' : ` of ${formatCount(capacity)}`
  const parts = [
    `${formatCount(entries)}${room} MAC entries at the end, ${formatCount(peak)} at most`,
  ]
  const events: [number, string][] = [
    [learned, 'learned'],
    [refused, 'refused for want of room'],
    [moved, 'moved to another port'],
    [aged, 'aged out'],
  ]
  parts.push(
    enumerate(
      events.filter(([count]) => count > 0).map(([count, what]) => `${formatCount(count)} ${what}`),
    ),
  )
  const kinds: [number, string][] = [
    [floods.broadcast, 'broadcast'],
    [floods.multicast, 'multicast'],
    [floods.unknownUnicast, 'unknown unicast'],
  ]
  const flooded = kinds
    .filter(([count]) => count > 0)
    .map(([count, kind]) => `${formatCount(count)} ${kind}`)
  const flood = flooded.length === 0 ? 'nothing flooded' : `flooded: ${enumerate(flooded)}`
  const texts = [...parts.filter((part) => part !== ''), flood, ...floodedTrunks(row)]
  return `Switch ${name} (${profile}): ${texts.join('; ')}`
}

/** What its links to the rest of the fabric carried of it. */
function floodedTrunks({ trunks }: SwitchResult): string[] {
  const flooded = trunks.filter(({ rate }) => rate > 0)
  if (flooded.length === 0) return []
  const rates = flooded.map(
    ({ node, rate, share }) => `to ${node} ${formatRate(rate)} (${formatShare(share)})`,
  )
  return [`unknown unicast while measured ${enumerate(rates)}`]
}

/** The links that were busiest in either direction. */
export function linkLines(links: RunResult['links'], layout: Layout, verbose: boolean): string[] {
  const peak = (link: RunResult['links'][number]) =>
    Math.max(link.forward.utilisation, link.backward.utilisation)
  const busy = links.filter((link) => peak(link) > 0).sort((a, b) => peak(b) - peak(a))
  if (busy.length === 0) return []
  const shown = verbose ? busy : busy.slice(0, LINKS_SHOWN)
  const texts = shown.map(({ name, rate, forward, backward }) => {
    const queue = Math.max(forward.queuePeakBytes, backward.queuePeakBytes)
    const shares = `${busyText(forward.utilisation)} forth, ${busyText(backward.utilisation)} back`
    return `${name}, ${formatRate(rate)}: ${shares}, queue at most ${formatSize(queue)}`
  })
  const head = busy.length > shown.length ? `The busiest of ${busy.length} links` : 'Links'
  return [
    `  ${head}, by the share of the whole run in which they sent:`,
    ...texts.flatMap((text) => wrap(text, layout.columns, '    ', 6)),
  ]
}

function busyText(share: number): string {
  return share > 0 && share < 0.0001 ? 'under 0.01 %' : formatShare(share)
}

/** The balance of all frames. */
export function ledgerLines(ledger: RunResult['ledger'], layout: Layout): string[] {
  const { originated, copied, fragments, segments } = ledger
  const began = originated + copied + fragments + segments
  const births = partsOf([
    [originated, 'sent'],
    [copied, 'copied'],
    [fragments, 'fragments'],
    [segments, 'segments'],
  ])
  const ends = partsOf([
    [ledger.delivered, 'delivered'],
    [ledger.consumed, 'consumed'],
    [ledger.merged, 'merged'],
    [ledger.split, 'split'],
    [ledger.dropped, 'dropped'],
    [ledger.held, 'still held'],
  ])
  const text = `${formatCount(began)} began (${births}); ${ends}`
  if (ledger.balanced) {
    return wrap(`Every frame is accounted for: ${text}; balanced.`, layout.columns, '  ', 4)
  }
  const complaint = `The books do not balance, which is a bug of encap: ${text}.`
  return wrap(complaint, layout.columns, '  ', 4).map((line) => paint(layout, 'red', line))
}

function partsOf(parts: readonly (readonly [number, string])[]): string {
  const some = parts.filter(([count]) => count > 0)
  return some.length === 0
    ? 'none'
    : some.map(([count, what]) => `${formatCount(count)} ${what}`).join(', ')
}

/** What was promised and what was measured. */
export function expectationLines(
  expectations: RunResult['expectations'],
  layout: Layout,
): string[] {
  return expectations.flatMap(({ text, line, shown, passed }) => {
    const verdict = passed ? 'met' : 'NOT MET'
    const lines = wrap(`${verdict}: ${text}: ${shown} (line ${line})`, layout.columns, '  ', 4)
    const words = paint(layout, passed ? 'green' : 'red', verdict)
    return lines.map((each, i) => (i === 0 ? each.replace(verdict, words) : each))
  })
}
