import { z } from 'zod'
import { DROP_REASONS, dropReasonInfo } from '../measure/drop-reason.ts'
import { CAUSE_KINDS } from '../study/why/cause.ts'
import type { Journey } from '../study/why/journey.ts'
import type { ProbeOutcome } from '../study/why.ts'
import { remedyOf } from './journey-text.ts'
import { causeRemedy, causeText } from './why-cause.ts'

const time = () => z.number().min(0).describe('Picoseconds.')
const reason = () => z.enum(Object.keys(DROP_REASONS) as [string, ...string[]])
const kernel = () => z.string().nullable().describe('SKB_DROP_REASON_* of Linux, where it has one.')

const step = z.strictObject({
  time: time(),
  place: z.string().describe('host/namespace/device or switch/port.'),
  stage: z.string().nullable().describe('What it passed; null where it was dropped.'),
  drop: reason().nullable(),
  row: z.string().nullable().describe('The table row or rule that decided.'),
  tunnels: z.int().min(0).describe('How many carry it.'),
  frame: z.string(),
  length: z.int().min(0).describe('Bytes without FCS.'),
})

const packet = z.strictObject({
  kind: z.string(),
  fate: z.enum(['delivered', 'dropped', 'unanswered', 'waiting']),
  place: z.string().describe('Where it ended.'),
  reason: reason().nullable(),
  kernel: kernel(),
  remedy: z.string().nullable(),
  hops: z.int().min(0),
  waited: time().describe('In queues, picoseconds.'),
  fragments: z.int().min(0),
  steps: z.array(step),
  otherDrops: z.array(z.strictObject({ place: z.string(), reason: reason() })),
})

const cause = z.strictObject({
  kind: z.enum(CAUSE_KINDS),
  finding: z.enum(['missing', 'wrong', 'present']),
  place: z.string(),
  subject: z.string().describe('Destination of a route, address, MAC, rule, MTU.'),
  row: z.string().nullable(),
  pattern: z.string().nullable().describe('A row of the same kind elsewhere.'),
  reason: reason().nullable(),
  kernel: kernel(),
  text: z.string(),
  remedy: z.string().nullable(),
})

const connection = z.strictObject({
  establishedAt: time().nullable(),
  written: z.int().min(0),
  acknowledged: z.int().min(0),
  read: z.int().min(0).nullable(),
  retransmissions: z.int().min(0),
  timeouts: z.int().min(0),
  mss: z.int().min(0),
  state: z.string(),
  error: z.string().nullable(),
})

/** What `encap why --json` prints. */
export const whySchema = z.strictObject({
  scenario: z.string(),
  variant: z.string().nullable(),
  seed: z.string(),
  request: z.strictObject({
    from: z.string(),
    to: z.string(),
    at: time().nullable(),
    protocol: z.enum(['icmp', 'udp', 'tcp']),
    port: z.int(),
    size: z.int().min(0),
    dontFragment: z.boolean(),
    ttl: z.int(),
  }),
  source: z.string(),
  destination: z.string(),
  sentAt: time(),
  sendError: z.string().nullable(),
  knownMtu: z.int(),
  delivered: z.boolean(),
  latency: time().nullable(),
  connection: connection.nullable(),
  cause: cause.nullable(),
  packets: z.array(packet),
  missed: z.int().min(0).describe('Events that could not be kept.'),
  cpu: z.array(
    z.strictObject({
      machine: z.string(),
      stages: z.array(z.strictObject({ stage: z.string(), time: time() })),
    }),
  ),
})

export type WhyJson = z.infer<typeof whySchema>

/** A probe as data; the same as the text, and every step. */
export function whyJson(outcome: ProbeOutcome): WhyJson {
  const { events: _, cables: __, journeys, cpu, cause: found, ...rest } = outcome
  return {
    ...rest,
    cause:
      found === null
        ? null
        : {
            ...found,
            kernel: kernelName(found.reason),
            text: causeText(found),
            remedy: causeRemedy(found),
          },
    packets: journeys.map(packetOf),
    cpu: cpu.map(({ machine, stages }) => ({
      machine,
      stages: [...stages].map(([stage, spent]) => ({ stage, time: spent })),
    })),
  }
}

function kernelName(drop: Parameters<typeof dropReasonInfo>[0] | null): string | null {
  const name = drop === null ? undefined : dropReasonInfo(drop).kernel
  return name === undefined ? null : `SKB_DROP_REASON_${name}`
}

function packetOf(journey: Journey): WhyJson['packets'][number] {
  const { kind, fate, hops, waited, fragments, path, otherDrops } = journey
  const lost = fate.kind === 'dropped' ? fate.reason : null
  return {
    kind,
    fate: fate.kind,
    place: fate.end.event.place,
    reason: lost,
    kernel: kernelName(lost),
    remedy: remedyOf(journey),
    hops,
    waited,
    fragments,
    steps: path.map(({ event }) => {
      const { time: at, place, stage, drop, row, depth, frame, length } = event
      return { time: at, place, stage, drop, row, tunnels: depth, frame, length }
    }),
    otherDrops: otherDrops.map(({ event }) => ({ place: event.place, reason: event.drop! })),
  }
}
