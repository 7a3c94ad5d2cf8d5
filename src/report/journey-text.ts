import { type DropReason, dropReasonInfo } from '../measure/drop-reason.ts'
import type { TraceEvent } from '../measure/trace-recorder.ts'
import type { Journey, Step } from '../study/why/journey.ts'
import { enumerate, formatTime, plural } from './format.ts'
import { type Layout, paint, widthOf, wrap } from './lines.ts'
import { REMEDIES } from './remedies.ts'
import { dropText, stageText } from './stage-words.ts'

const TIME_WIDTH = 8
const PLACE_WIDTH_MAX = 20
const PLACES_SHOWN = 3

export interface JourneyLayout extends Layout {
  /** When the probe was sent, picoseconds: times are told from it. */
  readonly start: number
  readonly indent: number
}

/** What became of a packet, in one phrase. @param arrived the word for its arrival. */
export function fateText({ fate, first, hops }: Journey, arrived = 'delivered'): string {
  const { event } = fate.end
  switch (fate.kind) {
    case 'delivered': {
      const took = formatTime(event.time - first.event.time)
      return `${arrived} at ${event.place} in ${took} over ${plural(hops, 'hop')}`
    }
    case 'dropped': {
      const row = event.row === null ? '' : `; what decided: ${event.row}`
      return `${verdictOf(fate.reason)} at ${event.place}: ${dropText(fate.reason)}${row}`
    }
    case 'unanswered':
      return 'nobody answered'
    case 'waiting': {
      const row = event.row === null ? '' : ` (${event.row})`
      return `still waiting at ${event.place}${row} when the trace ended`
    }
  }
}

/** Loss is one thing; that nobody at the place wanted the packet another. */
export function verdictOf(reason: DropReason): string {
  return dropReasonInfo(reason).kind === 'loss' ? 'LOST' : 'NOT WANTED'
}

/** What would let a dropped packet through; null for one that was not. */
export function remedyOf({ fate }: Journey): string | null {
  return fate.kind === 'dropped' ? REMEDIES[fate.reason] : null
}

/**
 * A packet hop by hop: time, place, what happened and the row that decided; the frame where it
 * changes. What others did meanwhile is put in by `between`.
 */
export function journeyLines(
  journey: Journey,
  layout: JourneyLayout,
  between: (from: number, to: number) => readonly string[],
): string[] {
  const { path } = journey
  const places = Math.max(...path.map(({ event }) => widthOf(event.place)))
  const placeWidth = Math.min(PLACE_WIDTH_MAX, places)
  const lines: string[] = []
  let frame = ''
  let time = ''
  for (const group of grouped(path)) {
    const last = group.at(-1)!
    const next = path[path.indexOf(last) + 1]
    const now = formatTime(last.event.time - layout.start)
    const prefix = `${margin(layout.indent)}${(now === time ? '' : now).padStart(TIME_WIDTH)}  `
    time = now
    lines.push(...stepLines(group, next?.event ?? null, prefix, placeWidth, layout))
    if (last.event.frame !== frame) {
      frame = last.event.frame
      const shown = wrap(frame, layout.columns, margin(layout.indent + TIME_WIDTH + placeWidth + 4))
      lines.push(...shown.map((line) => paint(layout, 'dim', line)))
    }
    const meanwhile = next === undefined ? [] : between(last.order, next.order)
    if (meanwhile.length > 0) time = ''
    lines.push(...meanwhile)
  }
  return [...lines, ...otherCopies(journey, layout)]
}

function margin(width: number): string {
  return ' '.repeat(width)
}

/** Steps at one place and time, of which all but one only say that the frame arrives or leaves. */
function grouped(path: readonly Step[]): Step[][] {
  const groups: Step[][] = []
  for (const step of path) {
    const group = groups.at(-1)
    const last = group?.at(-1)
    const isPlain = step.event.stage === 'transmit' || last?.event.stage === 'receive'
    if (group !== undefined && last !== undefined && isPlain && isTogether(last, step)) {
      group.push(step)
    } else groups.push([step])
  }
  return groups
}

function isTogether({ event: a }: Step, { event: b }: Step): boolean {
  return a.place === b.place && a.time === b.time && a.frame === b.frame
}

function stepLines(
  group: readonly Step[],
  next: TraceEvent | null,
  prefix: string,
  placeWidth: number,
  layout: JourneyLayout,
): string[] {
  const first = `${prefix}${group[0]!.event.place.padEnd(placeWidth)}  `
  const text = group.map((step) => eventText(step.event, next)).join('; ')
  const lines = wrap(text, layout.columns, first, prefix.length + placeWidth + 2)
  const isLoss = group.some((step) => step.event.drop !== null)
  return isLoss ? lines.map((line) => paint(layout, 'red', line)) : lines
}

/** A step in words. @param next the one after it, which tells how many bytes a tunnel adds. */
export function eventText(event: TraceEvent, next: TraceEvent | null): string {
  const { stage, drop, row } = event
  if (drop !== null) {
    return `${verdictOf(drop)}: ${dropText(drop)}${row === null ? '' : `; ${row}`}`
  }
  // The frame is told as it is before a tunnel takes it, and as it is after one gave it back.
  const isPush = stage?.endsWith('_encap') ?? false
  const bytes = isPush && next !== null && next.depth > event.depth ? next.length - event.length : 0
  return stageText(stage!, row, bytes)
}

/** Copies that went elsewhere, summed up. */
function otherCopies(journey: Journey, layout: JourneyLayout): string[] {
  const texts: string[] = []
  const byReason = new Map<DropReason, Set<string>>()
  for (const { event } of journey.otherDrops) {
    const places = byReason.get(event.drop!)
    if (places === undefined) byReason.set(event.drop!, new Set([event.place]))
    else places.add(event.place)
  }
  for (const [reason, places] of byReason) {
    const count = journey.otherDrops.filter(({ event }) => event.drop === reason).length
    const shown = [...places].slice(0, PLACES_SHOWN)
    if (places.size > shown.length) shown.push(`${places.size - shown.length} places more`)
    const { meaning } = dropReasonInfo(reason)
    const copies = plural(count, 'other copy', 'other copies')
    texts.push(`${copies} ended at ${enumerate(shown)}: ${reason}, ${meaning}`)
  }
  if (journey.receptions > 1) texts.push(`received ${journey.receptions} times in all`)
  if (journey.fragments > 0) {
    texts.push(`went in ${journey.fragments} fragments, of which one is shown`)
  }
  const prefix = margin(layout.indent + TIME_WIDTH + 2)
  return texts.flatMap((text) => wrap(`(${text})`, layout.columns, prefix))
}
