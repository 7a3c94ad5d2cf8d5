import type { RunResult } from '../study/result.ts'
import { enumerate, formatCount, formatShare, formatTime } from './format.ts'
import { isSmallPackets, LIMIT_WORDS, type Load, loadsOf } from './loads.ts'
import {
  goodput,
  latencies,
  lostFrames,
  type Measure,
  macEntries,
  macRefusals,
  transactionRates,
  unknownFloods,
  wireEfficiency,
  workloadLosses,
} from './measures.ts'

/** Smaller differences are not worth a word. */
const NOTABLE = 0.005
/** From here on a ratio is easier to read than a percentage. */
const MANY_TIMES = 3
/** With more groups than this only the ends are told. */
const GROUPS_MAX = 4
/** Fewer frames and smaller shares than these are noise beside those that matter. */
const COUNT_FLOOR = 100
const SHARE_FLOOR = 0.01

/** Subjects with about the same value. */
interface Group {
  readonly value: number
  readonly names: readonly string[]
}

interface Sentence {
  readonly text: string
  /** Greatest value by least: of several sentences the one with most to tell is chosen. */
  readonly contrast: number
}

/**
 * What follows from the numbers, in one or two sentences: how fast each was beside the first, and in
 * what else they differ most. They say what was measured, side by side, and claim no cause.
 * @param subjects names of the runs.
 */
export function conclusions(
  runs: readonly RunResult[],
  subjects: readonly string[],
): readonly string[] {
  if (runs.length < 2) return []
  // A name of several words must not run into the sentence.
  const names = subjects.map((name) => (/[\s,]/.test(name) ? `"${name}"` : name))
  const speeds = speedSentences(runs, names)
  const [first, ...further] = speeds
  const others = [...further, ...otherSentences(runs, names)].sort(
    (a, b) => b.contrast - a.contrast,
  )
  const chosen = first === undefined ? others.slice(0, 2) : [first, ...others.slice(0, 1)]
  if (chosen.length > 0) return chosen.map(({ text }) => text)
  const last = [
    ...counted(macEntries(runs), names),
    ...counted(lostFrames(runs), names),
    ...compared(wireEfficiency(runs), names, values),
  ].sort((a, b) => b.contrast - a.contrast)
  if (last.length > 0) return last.slice(0, 2).map(({ text }) => text)
  return ['In nothing that the table shows do the variants differ by more than 0.5 %.']
}

/** Of each load, TCP first; streams of UDP are one sum. */
function speedSentences(runs: readonly RunResult[], names: readonly string[]): Sentence[] {
  const loads = loadsOf(runs)
  const isStream = ({ rows }: Load) =>
    rows.some((row) => row?.kind === 'udp' && !isSmallPackets(row))
  const streams = loads.filter(isStream)
  const sum: Load[] =
    streams.length < 2
      ? streams
      : [{ ...goodput(runs), title: 'UDP goodput', rows: runs.map(() => null) }]
  return [...loads.filter((load) => !isStream(load)), ...sum].flatMap((load) =>
    compared({ ...load, name: load.title }, names, (group, base) => {
      const limit = limitText(load, group, names)
      const isTold = group !== base && limit === limitText(load, base, names)
      return ratio(group, base, isTold ? '' : limit)
    }),
  )
}

/** ` (limited by: link)`, where that is one and the same for all of them and more than a wish. */
function limitText({ rows }: Load, group: Group, names: readonly string[]): string {
  const kinds = new Set(
    rows.flatMap((row, i) => (group.names.includes(names[i]!) ? (row?.limitedBy?.kind ?? []) : [])),
  )
  const [kind] = kinds
  if (kind === undefined || kinds.size > 1 || kind === 'application') return ''
  return `limited by: ${LIMIT_WORDS[kind]}`
}

function otherSentences(runs: readonly RunResult[], names: readonly string[]): Sentence[] {
  const [round] = latencies(runs)
  const relative = [cpuCost(runs), round ?? null, ...transactionRates(runs)]
  return [
    ...relative.flatMap((each) => (each === null ? [] : compared(each, names, ratio))),
    ...workloadLosses(runs).flatMap((each) => lossSentence(each, names)),
    ...counted(macRefusals(runs), names),
    ...counted(unknownFloods(runs), names),
  ]
}

/** CPU time that what arrived has cost on both sides, of the first load. */
function cpuCost(runs: readonly RunResult[]): Measure | null {
  const [load] = loadsOf(runs)
  if (load === undefined) return null
  const isPackets = load.rows.some((row) => row !== null && isSmallPackets(row))
  return {
    name: `CPU time ${isPackets ? 'a packet' : 'a kB'}, ${load.title}`,
    values: load.rows.map((row) => {
      if (!row?.cpu) return null
      const { perPacket, perByte } = row.cpu
      return isPackets ? perPacket : perByte === null ? null : perByte * 1000
    }),
    format: formatTime,
  }
}

function lossSentence(each: Measure, names: readonly string[]): Sentence[] {
  const isWorth = spread(each) >= NOTABLE
  return isWorth ? compared(each, names, values, SHARE_FLOOR) : []
}

function counted(each: Measure, names: readonly string[]): Sentence[] {
  return compared(each, names, values, COUNT_FLOOR)
}

function spread({ values }: Measure): number {
  const known = values.filter((value) => value !== null)
  return Math.max(...known, 0) - Math.min(...known, Infinity)
}

/** Groups in ascending order; a group's first value is at most 0.5 % off its last. */
function groupsOf({ values }: Measure, names: readonly string[]): readonly Group[] {
  const known = values.flatMap((value, i) => (value === null ? [] : [{ value, name: names[i]! }]))
  const groups: { value: number; names: string[] }[] = []
  for (const { value, name } of known.sort((a, b) => a.value - b.value)) {
    const last = groups.at(-1)
    if (last !== undefined && value - last.value <= NOTABLE * Math.abs(value)) last.names.push(name)
    else groups.push({ value, names: [name] })
  }
  return groups
}

/** What is told of a group besides its value, given that with which it is compared. */
type Remark = (group: Group, base: Group) => string

/** Nothing: the values speak for themselves. */
const values: Remark = () => ''

/** How much more or less than the base; ` (...)`. */
function ratio(group: Group, base: Group, more = ''): string {
  const parts = group === base || base.value === 0 ? [] : [relationOf(group.value / base.value)]
  if (more !== '') parts.push(more)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function relationOf(ratio: number): string {
  if (ratio >= MANY_TIMES) return `${formatCount(Number(ratio.toPrecision(3)))} times as much`
  return ratio < 1 ? `${formatShare(1 - ratio)} less` : `${formatShare(ratio - 1)} more`
}

/**
 * `RTT p50: a and b 3.69 us; c 3.86 us (4.6 % more).` - beside the first subject, or the least where
 * that one has no value. Nothing where all are alike.
 */
function compared(each: Measure, names: readonly string[], remark: Remark, floor = 0): Sentence[] {
  const groups = groupsOf(each, names)
  if (groups.length < 2) return []
  const base = groups.find((group) => group.names.includes(names[0]!)) ?? groups[0]!
  const others = groups.filter((group) => group !== base)
  const shown =
    groups.length <= GROUPS_MAX
      ? others
      : [others[0]!, others.at(-1)!].filter((group, i, ends) => ends.indexOf(group) === i)
  const text = (group: Group) =>
    `${enumerate(group.names)} ${each.format(group.value)}${remark(group, base)}`
  const contrast = (groups.at(-1)!.value + floor) / (groups[0]!.value + floor)
  return [{ text: `${each.name}: ${[base, ...shown].map(text).join('; ')}.`, contrast }]
}
