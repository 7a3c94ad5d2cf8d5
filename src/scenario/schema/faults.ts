/** The section `faults`: what befalls links, when. */
import { z } from 'zod'
import { duration, fraction, size } from '../../schemes/option-types.ts'
import { ipProtocol, name, portNumber, reference } from './names.ts'

const linkEnds = z.strictObject({
  from: reference().describe('One end.'),
  to: reference().describe('The other end.'),
})

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
})

export type FaultEntry = z.output<typeof fault>
