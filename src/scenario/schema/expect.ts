/** The section `expect`: what must come out, so that a scenario is a test. */
import { z } from 'zod'
import { DROP_REASONS, type DropReason } from '../../measure/drop-reason.ts'
import { count, duration, fraction, packetRate, rate } from '../../schemes/option-types.ts'
import { LIMIT_KINDS } from '../limit-kind.ts'
import { LIMITED_TABLES } from '../limited-table.ts'
import { comparison, oneOrMany, reference } from './names.ts'

const of = reference().exactOptional().describe('A workload. Default: the only one there is.')
const atSwitch = reference().exactOptional().describe('A switch. Default: all together.')
const number = () => count(0, 1e15)
const real = () => z.number().min(0).max(1e12)
const reasons = Object.keys(DROP_REASONS) as [DropReason, ...DropReason[]]

const ofWorkload = (value: () => z.ZodType<number>, what: string) =>
  z
    .strictObject({ of, ...comparison(value) })
    .exactOptional()
    .describe(what)
const ofSwitch = (what: string) =>
  z
    .strictObject({ switch: atSwitch, ...comparison(number) })
    .exactOptional()
    .describe(what)
const ofHostPort = (value: () => z.ZodType<number>, what: string) =>
  z
    .strictObject({
      at: reference().exactOptional().describe('A host. Default: the one with most.'),
      ...comparison(value),
    })
    .exactOptional()
    .describe(what)

const ofNetwork = (value: () => z.ZodType<number>, what: string) =>
  z
    .strictObject({
      network: reference()
        .exactOptional()
        .describe('A container network. Default: the only one there is.'),
      ...comparison(value),
    })
    .exactOptional()
    .describe(what)

const ofTimes = (what: string) =>
  z
    .strictObject({
      of,
      stat: z
        .string()
        .regex(/^(min|mean|max|p(100|[1-9]?[0-9](\.[0-9]+)?))$/, {
          error: 'min, mean, max or a percentile such as p50 or p99.9',
        })
        .default('p50')
        .describe('min, mean, max or a percentile such as p99.'),
      ...comparison(duration),
    })
    .exactOptional()
    .describe(what)

export const expectation = z.strictObject({
  variant: oneOrMany(reference())
    .exactOptional()
    .describe('In which variants it holds. Default: in all.'),
  panel: oneOrMany(reference())
    .exactOptional()
    .describe('In which panels it holds. Default: in all.'),
  goodput: ofWorkload(rate, 'Payload of a workload that arrived, a second.'),
  loss: ofWorkload(fraction, 'Packets of a workload that did not arrive.'),
  sent: ofWorkload(number, 'Packets (requests) of a workload sent.'),
  delivered: ofWorkload(number, 'Packets of a workload that arrived (replies, for requests).'),
  rtt: ofTimes('Round-trip time of a workload; of kv: how long an operation takes.'),
  watchDelay: ofTimes('From the call of a put to its event at a watcher, of a kv workload.'),
  watchGaps: ofWorkload(number, 'Times that a watcher of a kv workload had to read all anew.'),
  packetRate: ofWorkload(packetRate, 'Packets of a workload that arrived, a second.'),
  transactions: ofWorkload(real, 'Requests of a workload answered, a second.'),
  retransmits: ofWorkload(number, 'TCP segments of a workload that were sent again.'),
  completion: ofWorkload(
    duration,
    'From the start of a tcp workload with `bytes` until all of them were read.',
  ),
  stall: ofWorkload(
    duration,
    'The longest time in which a flow of a tcp workload got nothing; of udp and ping: between the ' +
      'sendings of two packets that arrived; of kv: no operation succeeded.',
  ),
  fairness: ofWorkload(real, 'Jain’s index of the goodput of the flows: 1 = all alike.'),
  cores: z
    .strictObject({
      of,
      side: z
        .enum(['send', 'receive', 'both'])
        .default('both')
        .describe('Machines of the senders, of the receivers, or of both.'),
      ...comparison(real),
    })
    .exactOptional()
    .describe('Cores busy while a workload was measured.'),
  coresPerGoodput: ofWorkload(real, 'Cores busy for 10 Gb/s of goodput of a workload.'),
  limitedBy: z
    .strictObject({
      of,
      is: oneOrMany(z.enum(LIMIT_KINDS)).describe('One of these.'),
    })
    .exactOptional()
    .describe('What kept a workload from going faster.'),
  drops: z
    .strictObject({
      reason: z.enum(reasons).exactOptional().describe('Default: all losses together.'),
      at: z.string().exactOptional().describe('Where: a node, or a port as `leaf1/p3`.'),
      ...comparison(number),
    })
    .exactOptional()
    .describe('Frames dropped.'),
  macEntries: ofSwitch('MAC addresses that a switch knows at the end.'),
  macRefused: ofSwitch('MAC addresses that found no room in the table.'),
  macMoves: ofSwitch('MAC addresses that changed their port.'),
  floodedFrames: ofSwitch('Frames to stations that the switch did not know.'),
  floodRate: ofHostPort(rate, 'Unknown unicast on the wire to a host, a second.'),
  floodShare: ofHostPort(fraction, 'Unknown unicast by the rate of the link to a host.'),
  tableShare: z
    .strictObject({
      table: z.enum(LIMITED_TABLES).describe('Of this kind the fullest.'),
      ...comparison(fraction),
    })
    .exactOptional()
    .describe(
      'Entries by capacity; a filter that was asked for more than it holds has over 100 %.',
    ),
  wireEfficiency: z
    .strictObject(comparison(fraction))
    .exactOptional()
    .describe('Payload by bytes on the wire, over all links.'),
  elections: z
    .strictObject(comparison(number))
    .exactOptional()
    .describe('Times that a member of the store became leader, the first included.'),
  leaderless: z
    .strictObject(comparison(duration))
    .exactOptional()
    .describe('The longest time without a leader of the store since it had one first.'),
  bgpSessions: z
    .strictObject(comparison(number))
    .exactOptional()
    .describe('BGP sessions between hosts and routers that are established at the end.'),
  bgpUpdates: z
    .strictObject(comparison(number))
    .exactOptional()
    .describe('UPDATE messages sent in these sessions and earlier ones of the same neighbours.'),
  bgpConverged: z
    .strictObject(comparison(duration))
    .exactOptional()
    .describe('When a route of BGP last changed in a kernel or in hardware, since the start.'),
  attached: ofNetwork(number, 'Containers that are on a network at the end.'),
  bytesAdded: ofNetwork(
    real,
    'Bytes that encapsulation added to a packet on the hosts’ cables; 0 = there was none.',
  ),
  reachable: z
    .strictObject({
      from: reference().describe('Container or host.'),
      to: reference().describe('Container, host or address.'),
      equals: z.boolean().default(true).describe('false: it must not be reachable.'),
    })
    .exactOptional()
    .describe('Whether an echo request of a probe is answered.'),
})

export type ExpectationEntry = z.output<typeof expectation>
