import { z } from 'zod'
import { LIMITED_TABLES } from '../scenario/limited-table.ts'
import { bgp } from './bgp-result.ts'
import { claimPart, verdict } from './claim-result.ts'
import { store } from './store-result.ts'
import { stages, workload } from './workload-result.ts'

/**
 * What a run measured, as `--json` writes it. Durations are picoseconds, rates bits per second, sizes
 * bytes. No wall clock, host name or path of the machine is in it: same scenario, same bytes.
 */
const picoseconds = () => z.number().min(0).describe('Picoseconds.')
const count = (what: string) => z.int().min(0).describe(what)
const frames = () => z.int().min(0)

const layers = z
  .strictObject({
    payload: frames(),
    headers: frames().describe('Innermost IP and transport headers.'),
    encapsulation: frames().describe('What a tunnel added.'),
    ethernet: frames(),
    framing: frames().describe('Padding, FCS, preamble and gap.'),
    other: frames().describe('ARP and what is no IP.'),
  })
  .describe('Bytes by layer.')

const network = z
  .strictObject({
    name: z.string(),
    scheme: z.string(),
    variant: z.string().describe('Scheme and variant as tables name it.'),
    encapsulation: z
      .enum(['native', 'encapsulated'])
      .nullable()
      .describe('As seen on the cables of the hosts; null when no packet left a host.'),
    forwarding: z
      .enum(['L2', 'L3'])
      .nullable()
      .describe('L3 when the sending host had lowered the TTL of what left it.'),
    innerMtu: z.int().nullable().describe('MTU of the containers’ interfaces, null without any.'),
    bytesAdded: z.number().describe('Bytes that encapsulation added, a packet.'),
    attached: count('Containers on the network.'),
    failures: z.array(z.strictObject({ container: z.string(), message: z.string() })),
    log: z
      .array(z.strictObject({ host: z.string(), line: z.string() }))
      .describe('What the daemons logged.'),
  })
  .describe('One container network.')

const port = z.strictObject({
  frames: frames(),
  bytes: frames().describe('Without padding and FCS.'),
  wireBytes: frames().describe('With padding, FCS, preamble and gap.'),
  utilisation: z.number().describe('Share of the run in which the link was busy.'),
  queuePeakBytes: frames(),
})

const link = z.strictObject({
  name: z.string(),
  rate: z.number(),
  forward: port.describe('From the first end to the second.'),
  backward: port,
})

const floodedPort = z.strictObject({
  name: z.string(),
  host: z.string().describe('What it leads to.'),
  frames: count('Unknown unicast given to it, in the whole run.'),
  rate: z.number().min(0).describe('Bits per second of it on the wire, in the measuring window.'),
  share: z.number().min(0).describe('Of the rate of its link; above 1: more than it can carry.'),
})

const floodedTrunk = floodedPort
  .omit({ host: true })
  .extend({ node: z.string().describe('The switch or router that it leads to.') })

const l2switch = z.strictObject({
  name: z.string(),
  profile: z.string(),
  capacity: z.int().nullable().describe('Null: without limit.'),
  entries: count('MAC addresses known at the end.'),
  peak: count('Most at once.'),
  learned: count('Entries made.'),
  refused: count('Times that an address found no room.'),
  moved: count('Times that an address changed its port.'),
  aged: count('Entries that ended by age.'),
  floods: z.strictObject({
    broadcast: frames(),
    multicast: frames(),
    unknownUnicast: frames(),
  }),
  learnLimited: count('Frames whose source the limit of the learning rate left unlearned.'),
  flooded: z.array(floodedPort).describe('The ports to hosts, and what was flooded to them.'),
  trunks: z.array(floodedTrunk).describe('The ports to other switches and to routers.'),
})

const table = z
  .strictObject({
    kind: z.enum(LIMITED_TABLES),
    place: z.string().describe('Of all tables of this kind the fullest.'),
    capacity: count('Entries that fit.'),
    used: count('Entries at most; of filters, routes and ports at the end.'),
    share: z.number().min(0).describe('Used by capacity.'),
    refused: count('Times that something found no room in it.'),
  })
  .describe('A table with a limit.')

const drop = z.strictObject({
  place: z.string(),
  reason: z.string(),
  kernel: z.string().nullable().describe('SKB_DROP_REASON_ name, where Linux has one.'),
  kind: z.enum(['loss', 'filter']).describe('filter: the normal end of a copy that nobody wanted.'),
  meaning: z.string(),
  count: frames(),
})

const ledger = z
  .strictObject({
    originated: frames(),
    copied: frames(),
    fragments: frames(),
    segments: frames(),
    delivered: frames(),
    consumed: frames(),
    merged: frames(),
    split: frames(),
    dropped: frames(),
    held: frames(),
    hops: frames().describe('Crossings of a link or a veth.'),
    balanced: z.boolean(),
  })
  .describe('Every frame instance: what began equals what ended and what is held.')

const machine = z
  .strictObject({
    name: z.string(),
    hosts: z.array(z.string()).describe('Whose kernel runs on it.'),
    costs: z.string().describe('Cost profile.'),
    cores: z.array(
      z.strictObject({
        busy: picoseconds().describe('Picoseconds, of the whole run.'),
        softirq: picoseconds().describe('Of `busy`, in softirq.'),
      }),
    ),
    stages: stages.describe('Picoseconds by what was done; their sum is that of `busy`.'),
    balanced: z
      .boolean()
      .describe('The account adds up: stages equal busy time, which is at most the time elapsed.'),
    unaccounted: count('Works that ran on no core after the start: a bug of encap.'),
  })
  .describe('One machine with cores.')

const expectation = z.strictObject({
  text: z.string(),
  line: z.int(),
  measured: z.number().nullable().describe('Null when there was nothing to measure.'),
  shown: z.string().describe('The measured value with its unit.'),
  passed: z.boolean(),
})

export const runResultSchema = z.strictObject({
  format: z.literal(1),
  version: z.string().describe('Version of encap.'),
  scenario: z.string(),
  panel: z.string().nullable().describe('Of the file’s panels; null when it has none.'),
  variant: z.string().nullable(),
  why: z.string(),
  source: z.string().nullable(),
  seed: z.string(),
  costs: z
    .string()
    .describe('CPU cost profile; `none`: work takes no time; `mixed`: see machines.'),
  costsAbout: z
    .string()
    .nullable()
    .describe('What the profile stands for, and its known error; null for none and mixed.'),
  partial: z.boolean().describe('Interrupted: measured up to `simulated`.'),
  duration: picoseconds().describe('Length of the run as planned.'),
  simulated: picoseconds().describe('Length of the run as measured.'),
  events: frames(),
  networks: z.array(network),
  store: store.nullable().describe('Null without one.'),
  bgp: bgp.exactOptional().describe('Absent where nothing speaks it.'),
  workloads: z.array(workload),
  hostLayers: layers.describe('Bytes received by the hosts’ cables in the measuring window.'),
  wireEfficiency: z
    .number()
    .nullable()
    .describe('Payload by all bytes of `hostLayers`; null when nothing was received.'),
  machines: z.array(machine).describe('Empty where work takes no time.'),
  links: z.array(link),
  switches: z.array(l2switch),
  tables: z.array(table).describe('One of each kind, the fullest first.'),
  drops: z.array(drop),
  ledger,
  notes: z.array(z.string()).describe('What an operator would have seen in logs.'),
  expectations: z.array(expectation),
  claim: claimPart.exactOptional().describe('Absent where the file claims nothing.'),
})

export const resultsSchema = z
  .strictObject({
    runs: z.array(runResultSchema),
    claims: z.array(verdict).optional().describe('Absent when no file claims anything.'),
    notBegun: z
      .array(
        z.strictObject({
          scenario: z.string(),
          panel: z.string().nullable(),
          variant: z.string().nullable(),
        }),
      )
      .describe('Runs that an interruption left out; absent when there was none.')
      .optional(),
  })
  .describe('Results of encap: one run for each file and variant.')

export type RunResult = z.output<typeof runResultSchema>
export type NetworkResult = RunResult['networks'][number]
export type DropResult = RunResult['drops'][number]
export type FloodedPort = z.output<typeof floodedPort>
export type FloodedTrunk = z.output<typeof floodedTrunk>
export type TableResult = z.output<typeof table>
export type SwitchResult = RunResult['switches'][number]
export type ExpectationResult = RunResult['expectations'][number]
export type LayerResult = RunResult['hostLayers']
export type MachineResult = RunResult['machines'][number]
export type { StoreMemberResult, StoreResult } from './store-result.ts'
export type { CpuResult, WorkloadRow } from './workload-result.ts'
