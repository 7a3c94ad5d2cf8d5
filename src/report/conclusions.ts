import type { RunResult } from '../study/result.ts'
import { enumerate, formatCount, formatShare } from './format.ts'
import {
  bytesAdded,
  goodput,
  latencies,
  lostFrames,
  type Measure,
  macEntries,
  macRefusals,
  offeredRate,
  unknownFloods,
  wireEfficiency,
  workloadLosses,
} from './measures.ts'

/** Smaller differences are not worth a word. */
const NOTABLE = 0.005
/** From here on a ratio is easier to read than a percentage. */
const MANY_TIMES = 3
/** With more groups than this only the ends are told. */
const GROUPS_MAX = 3

/** Subjects with about the same value. */
interface Group {
  readonly value: number
  readonly names: readonly string[]
}

/**
 * What follows from the numbers, in sentences: for each thing measured, who differs from whom and by
 * how much. They say what was counted, side by side, and claim no cause.
 * @param subjects names of the runs.
 */
export function conclusions(
  runs: readonly RunResult[],
  subjects: readonly string[],
): readonly string[] {
  if (runs.length < 2) return []
  // A name of several words must not run into the sentence.
  const names = subjects.map((name) => (/[\s,]/.test(name) ? `"${name}"` : name))
  const told = (each: Measure, what: string) =>
    groupsOf(each, names).length > 1 ? [`${what}: ${valuesText(each, names)}.`] : []
  const losses = workloadLosses(runs).flatMap((each) => lossSentence(each, names))
  const goodputs = goodputSentences(runs, names)
  const sentences = [
    ...goodputs,
    ...(goodputs.length > 0
      ? []
      : told(wireEfficiency(runs), "Payload's share of the bytes on the hosts' cables")),
    ...losses,
    ...(losses.length > 0 ? [] : told(lostFrames(runs), 'Frames lost')),
    ...latencySentence(runs, names),
    ...told(macEntries(runs), 'MAC addresses in the fullest switch'),
    ...told(macRefusals(runs), 'Times that a switch had no room for an address'),
    ...told(unknownFloods(runs), 'Frames flooded for their unknown address'),
  ]
  if (sentences.length > 0) return sentences
  return ['In nothing that the table shows do the variants differ by more than 0.5 %.']
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

/** `2 with a and b, 4 with c`; with many groups the ends only. */
function valuesText(each: Measure, names: readonly string[]): string {
  const groups = groupsOf(each, names)
  const text = ({ value, names }: Group) => `${each.format(value)} with ${enumerate(names)}`
  if (groups.length <= GROUPS_MAX) return groups.map(text).join(', ')
  return `from ${text(groups[0]!)} to ${text(groups.at(-1)!)}`
}

function goodputSentences(runs: readonly RunResult[], names: readonly string[]): string[] {
  const rate = goodput(runs)
  const [worst, best] = endsOf(rate, names)
  if (worst === undefined || best === undefined) return []
  if (worst.value === 0) {
    return [`Goodput: ${valuesText(rate, names)}.`]
  }
  const isSameLoad = groupsOf(offeredRate(runs), names).length === 1
  const less = formatShare((best.value - worst.value) / best.value)
  const who = `${enumerate(worst.names)} delivered ${less} less than ${enumerate(best.names)}`
  const values = `${rate.format(worst.value)} against ${rate.format(best.value)}`
  const sentence = `Goodput: ${who}${isSameLoad ? ' at the same offered rate' : ''} (${values}).`
  const added = bytesAdded(runs)
  if (groupsOf(added, names).length < 2) return [sentence]
  return [sentence, `Bytes that encapsulation adds to a packet: ${valuesText(added, names)}.`]
}

function lossSentence(each: Measure, names: readonly string[]): string[] {
  const groups = groupsOf(each, names)
  if (groups.length < 2) return []
  const what = each.name.replace('Not delivered, ', '')
  const text = ({ value, names }: Group) => {
    if (value === 0) return `none with ${enumerate(names)}`
    return `${value === 1 ? 'all' : each.format(value)} with ${enumerate(names)}`
  }
  const shown = groups.length <= GROUPS_MAX ? groups : [groups[0]!, groups.at(-1)!]
  return [`Packets of ${what} that did not arrive: ${shown.map(text).join(', ')}.`]
}

/** Of the first workload only: the others stand in the table. */
function latencySentence(runs: readonly RunResult[], names: readonly string[]): string[] {
  const [each] = latencies(runs)
  if (each === undefined) return []
  const [least, most] = endsOf(each, names)
  if (least === undefined || most === undefined) return []
  const ratio = most.value / least.value
  const more =
    ratio < MANY_TIMES
      ? `${formatShare(ratio - 1)} longer than`
      : `${formatCount(Number(ratio.toPrecision(3)))} times as long as`
  const values = `${each.format(most.value)} against ${each.format(least.value)}`
  const who = `${enumerate(most.names)} took ${more} ${enumerate(least.names)}`
  return [`${each.name.replace(' p50', ', median')}: ${who} (${values}).`]
}

/** Least and greatest group; nothing where there is only one. */
function endsOf(each: Measure, names: readonly string[]): readonly Group[] {
  const groups = groupsOf(each, names)
  return groups.length < 2 ? [] : [groups[0]!, groups.at(-1)!]
}
