/** The section `faults`: what befalls links, hosts and programs, when. */
import { z } from 'zod'
import { duration, fraction, size } from '../../schemes/option-types.ts'
import { ipProtocol, name, portNumber, reference } from './names.ts'

const linkEnds = z.strictObject({
  from: reference().describe('One end.'),
  to: reference().describe('The other end.'),
})

const hostList = z.array(reference()).min(1)

/** `leader` and so on: STORE_ROLES. */
const program = (what: string) =>
  reference()
    .exactOptional()
    .describe(
      `A store's member, \`store-1\` or \`leader\`, or all \`members\`, a daemon, \`h1/net\`, a router's \`leaf1/bgpd\`, a ` +
        `host, or a container. ${what}`,
    )

const member = (what: string) =>
  reference()
    .exactOptional()
    .describe(
      `A member of the store, \`store-1\`, \`leader\` or \`follower\`, or all \`members\`. ${what}`,
    )

export const fault = z.strictObject({
  name: name().exactOptional().describe('Default: fault-1 and so on.'),
  at: duration().prefault(0).describe('Start, from the beginning of the run.'),
  until: duration().exactOptional().describe('End. Default: the end of the run.'),
  link: z
    .union([z.string(), linkEnds])
    .exactOptional()
    .describe('The link, `h1-leaf1` or { from, to }.'),
  node: reference().exactOptional().describe('Instead of `link`: all links of this node.'),
  oneWay: z
    .boolean()
    .default(false)
    .describe('Only from the first end of `link` to the second, or only out of `node`.'),
  cut: z.boolean().default(false).describe('Nothing passes.'),
  loss: fraction().exactOptional().describe('Share of frames lost.'),
  corrupt: fraction().exactOptional().describe('Share of frames with a wrong checksum.'),
  undetected: z
    .boolean()
    .default(false)
    .describe('With `corrupt`: the FCS is right, so that only a transport checksum tells.'),
  duplicate: fraction().exactOptional().describe('Share of frames that arrive twice.'),
  reorder: fraction().exactOptional().describe('Share of frames held back, so that others pass.'),
  reorderBy: duration().prefault('1ms').describe('How long `reorder` holds a frame back.'),
  delay: duration().exactOptional().describe('Further delay of every frame.'),
  jitter: duration().exactOptional().describe('Random delay of every frame, from 0 to this.'),
  blockUdpPort: portNumber().exactOptional().describe('Packets to this UDP port are dropped.'),
  blockProtocol: ipProtocol().exactOptional().describe('This IP protocol is dropped; 4 is IPIP.'),
  maxPacket: size().exactOptional().describe('Longer IP packets are dropped without a word.'),
  filterIcmp: z.boolean().default(false).describe('All ICMP is dropped.'),
  partition: z
    .tuple([hostList, hostList])
    .exactOptional()
    .describe(
      '[[h1], [h2, h3]]: nothing passes between the two sides; `oneWay`: from the first. `leader`, ' +
        '`follower`, `followers`: hosts of members of the store, as they are at `at`.',
    ),
  stop: program('Ends it in order (SIGTERM, `poweroff`); it starts again at `until`.'),
  crash: program('Kills it (SIGKILL; a host loses its power); it starts again at `until`.'),
  restart: program(
    'Kills it if it runs; it is there again 100 ms later, as systemd does it. Not of a host.',
  ),
  leave: reference()
    .exactOptional()
    .describe(
      'A host, which its operator takes out of all networks, or `h1/net`, out of one, as the ' +
        "scheme's manual has it. It joins again at `until`.",
    ),
  removeNetwork: reference()
    .exactOptional()
    .describe(
      "`h1/net`: at h1 a user types the scheme's command that removes a network, where there is one; it " +
        'may refuse. The network is made again at `until`.',
    ),
  move: reference()
    .exactOptional()
    .describe('A container, which ends where it is and starts on the host `to`.'),
  to: reference().exactOptional().describe('With `move`: the other host.'),
  keepAddress: z
    .boolean()
    .default(false)
    .describe('With `move`: it asks there for the address that it had on its first network.'),
  flushRules: reference()
    .exactOptional()
    .describe('A host, on which somebody types `iptables -F` for every table.'),
  loseDisk: member('Its disk is empty from then on; it is killed and started again.'),
  restoreDisk: member('Its disk is as it was at `of`; it is killed and started again.'),
  of: duration().exactOptional().describe('Time of the backup that `restoreDisk` puts back.'),
  slowDisk: member('Flushes of its disk take `fsync`.'),
  fsync: z
    .union([z.literal('hang'), duration()])
    .exactOptional()
    .describe('With `slowDisk`. Default: hang.'),
  clockStep: reference()
    .exactOptional()
    .describe('Host whose real-time clock jumps, `by` so much; also `leader` of the store.'),
  by: duration().exactOptional().describe('With `clockStep`: forward, unless `backwards`.'),
  backwards: z.boolean().default(false).describe('With `clockStep`: the clock is turned back.'),
})

export type FaultEntry = z.output<typeof fault>
