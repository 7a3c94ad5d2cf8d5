import { z } from 'zod'
import { STAGES } from '../cpu/stage.ts'
import { LIMIT_KINDS } from '../scenario/limit-kind.ts'

/** The rows of `workloads` in results: what a generator reported, and what was measured around it. */
const picoseconds = () => z.number().min(0).describe('Picoseconds.')
const count = (what: string) => z.int().min(0).describe(what)
const share = (what: string) => z.number().min(0).max(1).describe(what)

const distribution = z
  .strictObject({
    count: count('Values.'),
    min: picoseconds(),
    mean: picoseconds(),
    p50: picoseconds(),
    p90: picoseconds(),
    p99: picoseconds(),
    p999: picoseconds(),
    max: picoseconds(),
  })
  .describe('Durations; percentiles by nearest rank, within 1 per cent.')

const range = z
  .strictObject({ min: picoseconds(), mean: picoseconds(), max: picoseconds() })
  .describe('Durations, of samples: what the sockets took for the round trip.')

const window = z
  .strictObject({ start: picoseconds(), end: picoseconds() })
  .describe('The time over which rates were taken.')

/** By stage of the cost profile. */
export const stages = z.partialRecord(z.enum(STAGES), z.number().min(0))

const side = z
  .strictObject({
    hosts: z.array(z.string()),
    cores: z.number().min(0).describe('Cores busy on average.'),
    softirq: z.number().min(0).describe('Of these, in softirq.'),
    busiest: z
      .strictObject({
        machine: z.string(),
        core: z.int(),
        share: share('Of the window.'),
        softirq: share('Of the window, in softirq.'),
      })
      .nullable(),
    stages: stages.describe('Cores busy on average, by what they did.'),
  })
  .describe('The machines of one side, with everything that ran on them.')

const cpu = z
  .strictObject({
    cores: z.number().min(0).describe('Cores busy on average on both sides, each core once.'),
    perGoodput: z.number().nullable().describe('Cores for each 10 Gb/s of goodput.'),
    perPacket: z
      .number()
      .nullable()
      .describe('Picoseconds for each packet (transaction) that arrived; null for TCP streams.'),
    perByte: z.number().nullable().describe('Picoseconds for each payload byte that arrived.'),
    isShared: z.boolean().describe('Both sides are one machine: then both say the same.'),
    senders: side,
    receivers: side,
  })
  .describe('CPU time in the window; null where work takes no time.')

const limitedBy = z
  .strictObject({
    kind: z.enum(LIMIT_KINDS),
    what: z.string().describe('Which cable, core, window or queue.'),
    share: share('Of the window; of what was sent, for losses.'),
  })
  .describe('What kept it from going faster; null for what does not try to.')

const loss = z.strictObject({ reason: z.string(), place: z.string(), count: count('Frames.') })

const measuredAround = {
  cpu: cpu.nullable().optional(),
  links: z
    .array(
      z.strictObject({
        name: z.string(),
        direction: z.enum(['forward', 'backward']),
        utilisation: share('Of the window, in which it sent.'),
      }),
    )
    .describe('The busiest cables on the way, at most eight, the busiest first.')
    .optional(),
  losses: z.array(loss).describe('Frames lost anywhere in the window.').optional(),
  wireEfficiency: z
    .number()
    .nullable()
    .describe('Payload by all bytes that the receivers’ cables brought in the window.')
    .optional(),
  limitedBy: limitedBy.nullable().optional(),
}

const tcpLimits = z
  .looseObject({
    congestionWindow: z.number(),
    receiveWindow: z.number(),
    sendBuffer: z.number(),
    application: z.number(),
  })
  .describe('Shares of the window in which flows were held by each.')

const flow = z
  .looseObject({
    from: z.string(),
    to: z.string(),
    direction: z.enum(['forward', 'reverse']).describe('reverse: the server sends.'),
    goodput: z.number().describe('Payload bits per second that were read in the window.'),
    retransmits: count('Segments, in the window.'),
    congestion: z.string().nullable(),
    cwnd: z.number().nullable().describe('Segments, at the end of the window.'),
    mss: z.int().nullable().describe('Payload bytes of a full segment.'),
    completionTime: picoseconds()
      .nullable()
      .describe('From the start until the last of a given number of bytes was read.'),
    error: z.string().nullable().describe('Why it failed or broke.'),
  })
  .describe('One TCP connection.')

const operations = z
  .strictObject({
    kind: z.enum(['put', 'get']),
    sent: count('Begun.'),
    completed: count('Which succeeded.'),
    failed: count('Which came to an error; those that never ended are in neither.'),
    latency: distribution.nullable().describe('Of those that succeeded, begun in the window.'),
  })
  .describe('Operations of one kind on the store.')

export const workload = z
  .looseObject({
    name: z.string(),
    kind: z.enum(['ping', 'udp', 'udp-rr', 'tcp', 'tcp-rr', 'tcp-crr', 'macof', 'frames', 'kv']),
    partial: z.boolean().describe('Asked before its end.'),
    window,
    sent: count('What the generator began: packets, requests, frames, connections.'),
    refused: count('Of these, what the system refused.'),
    delivered: count('Of which at least one copy arrived (a reply, for requests).').optional(),
    lost: count('Sent and not delivered.').optional(),
    duplicates: count('Further copies.').optional(),
    reordered: count('Arrived after a later one.').optional(),
    bytes: count('Payload that arrived in the window.').optional(),
    goodput: z.number().describe('Payload bits per second that arrived in the window.').optional(),
    offered: z.number().describe('Payload bits per second that were sent.').optional(),
    packetsPerSecond: z.number().describe('Packets that arrived.').optional(),
    offeredPacketsPerSecond: z.number().describe('Packets that were sent.').optional(),
    requestedPacketsPerSecond: z
      .number()
      .nullable()
      .describe('What the pace asked for; null: as fast as it goes.')
      .optional(),
    transactionsPerSecond: z.number().optional(),
    retransmits: count('TCP segments, in the window.').optional(),
    fairness: z.number().nullable().describe('Jain’s index over the flows’ goodput.').optional(),
    latency: distribution.nullable().optional(),
    rtt: z.union([distribution, range]).nullable().optional(),
    connectTime: distribution.nullable().optional(),
    jitter: z.number().nullable().describe('RFC 3550, picoseconds.').optional(),
    limits: tcpLimits.nullable().optional(),
    flows: z.array(flow).describe('TCP flows, one by one.').optional(),
    stall: z
      .number()
      .describe(
        'Longest time in which a flow got nothing, nothing that was sent arrived, or no operation on a store succeeded.',
      )
      .optional(),
    outage: z
      .strictObject({
        from: picoseconds().describe('When the last packet before it was sent that arrived.'),
        to: picoseconds()
          .nullable()
          .describe('When the next one was sent that arrived; null: none did.'),
      })
      .nullable()
      .describe('The longest, of the sender that had it; null where nothing was lost.')
      .optional(),
    operations: z.array(operations).describe('On a store, by kind.').optional(),
    watchDelay: distribution
      .nullable()
      .describe('From the call of a put to its event at a watcher; null without any.')
      .optional(),
    watchEvents: count('Which watchers got, of puts of this workload.').optional(),
    watchMissed: count(
      'Puts that a watcher never heard of: later ones had replaced them.',
    ).optional(),
    watchGaps: count('Times that a watcher had to read all anew: history was gone.').optional(),
    unfinished: count('Operations on a store under way at the end; they count as lost.').optional(),
    errors: z
      .array(z.looseObject({}))
      .describe('What sockets were told, by kind; of operations on a store, by text.'),
    ...measuredAround,
  })
  .describe('One workload; `kind` tells which of the keys it has, `pairs` breaks it down.')

export type WorkloadRow = z.output<typeof workload>
/** What the study adds to a generator's own result. */
export type Surroundings = z.output<z.ZodObject<typeof measuredAround>>
export type CpuResult = z.output<typeof cpu>
export type SideResult = z.output<typeof side>
