/** The section `needs`: what a comparison of schemes is to be judged by. */
import { z } from 'zod'
import { duration, rate } from '../../schemes/option-types.ts'

const wanted = () => z.literal(true).exactOptional()

/** What may befall a network that containers are to live through. */
const FAILURES = [
  'host crash',
  'daemon crash',
  'store outage',
  'rules flushed',
  'cable of a host cut',
  'partial partition',
  'leaf uplink cut',
] as const

export const needs = z.strictObject({
  isolation: wanted().describe('Containers of two networks do not reach each other.'),
  layer3: wanted().describe('Containers reach each other across routers between racks.'),
  outside: wanted().describe('Containers reach what is outside of the fabric.'),
  noStore: wanted().describe('There is no distributed store to be run beside it.'),
  hosts: z
    .int()
    .min(1)
    .max(1_000_000)
    .exactOptional()
    .describe('So many hosts fit into all tables of switches, routers and hosts.'),
  containersPerHost: z
    .int()
    .min(1)
    .max(10_000)
    .default(10)
    .describe('With `hosts`: containers on each, all of which speak to all.'),
  segments: z.int().min(1).exactOptional().describe('So many networks are told apart in frames.'),
  throughput: rate().exactOptional().describe('What the TCP workloads reach, each.'),
  startWithin: duration()
    .exactOptional()
    .describe('From the order to start a container until others reach it.'),
  oldFlowsSurvive: z
    .array(z.enum(FAILURES))
    .min(1)
    .exactOptional()
    .describe('Failures in which those who talk already go on.'),
})

export type NeedsEntry = z.output<typeof needs>
