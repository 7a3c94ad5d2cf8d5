/** The section `containers`: so many a host, or one by one. */
import { z } from 'zod'
import { ipv4Address, macAddress } from '../../schemes/option-types.ts'
import { name, oneOrMany, reference } from './names.ts'

const networks = oneOrMany(reference())
  .exactOptional()
  .describe('Networks, the first of which has the default route. Default: the only one there is.')

const labels = z
  .record(z.string(), z.string().max(63))
  .prefault({})
  .describe('What its orchestrator says of it, such as { app: web }, for schemes that go by that.')

const listed = z.strictObject({
  name: name().describe('What workloads call it.'),
  host: reference().describe('The host that it runs on.'),
  networks,
  address: ipv4Address().exactOptional().describe('A fixed address on its first network.'),
  mac: macAddress().exactOptional().describe('A fixed MAC address on its first network.'),
  labels,
  duplicate: z
    .boolean()
    .default(false)
    .describe('Its address or MAC may be that of another container: a mistake to be studied.'),
})

const perHost = z.strictObject({
  perHost: z
    .int()
    .min(0)
    .max(10_000)
    .default(1)
    .describe('Containers of each host, named c1, c2, ... through all hosts.'),
  networks,
  labels,
  idle: z
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe('Further containers of each host, that hold an address and send nothing.'),
})

export const containers = z.union([
  z.array(listed).max(100_000).describe('One by one.'),
  perHost.describe('The same number on each host.'),
])

export type ContainersSection = z.output<typeof containers>
