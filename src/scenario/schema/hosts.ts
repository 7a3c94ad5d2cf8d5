/** The section `hosts`: the Linux hosts of the fabric. */
import { z } from 'zod'
import { COST_PROFILES } from '../../cpu/cost-profile.ts'
import { size } from '../../schemes/option-types.ts'
import { KERNEL_PROFILES } from '../../stack/kernel-profile.ts'
import { KNOWN_SYSCTLS } from '../../stack/sysctl.ts'
import type { KernelVersion } from '../model.ts'
import { reference } from './names.ts'

const KERNELS = Object.keys(KERNEL_PROFILES) as KernelVersion[]
const KERNEL_DEFAULT: KernelVersion = '6.18'

const cpus = z.int().min(1).max(1024).describe('Cores.')

const coalesce = z.union([
  z.literal('adaptive').describe('By the load, as `ethtool -C adaptive-rx on`.'),
  z.strictObject({
    usecs: z
      .int()
      .min(0)
      .max(10_000)
      .default(0)
      .describe('Microseconds from a packet to the interrupt; 0 = at once.'),
    frames: z
      .int()
      .min(0)
      .max(65_536)
      .default(0)
      .describe('Packets after which it does not wait any longer; 0 = it does.'),
  }),
])

const offload = (what: string) => z.boolean().describe(what)

const nicFields = {
  mtu: size().describe('Largest IP packet. Default: that of the link.'),
  filterEntries: z
    .int()
    .min(0)
    .max(65536)
    .describe('Unicast MAC addresses that the filter holds; with more the NIC turns promiscuous.'),
  txQueue: z.int().min(1).max(1_000_000).describe('Packets of the transmit queue (txqueuelen).'),
  queues: z.int().min(1).max(64).describe('Receive queues. Default: one a core, 64 at most.'),
  rxRing: z.int().min(1).max(65_536).describe('Descriptors of a receive queue.'),
  coalesce: coalesce.describe('When the NIC interrupts.'),
  rss: z
    .enum(['ports', 'addresses'])
    .describe('What chooses the receive queue of a UDP packet; for TCP it is always the ports.'),
  rps: z
    .boolean()
    .describe('Receive packet steering: what a queue received is spread over all cores.'),
  tso: offload('TCP segmentation in hardware; it needs `txChecksum`.'),
  gro: offload('TCP segments are merged on reception, before the stack sees them.'),
  txChecksum: offload('Checksums of what is sent are made in hardware.'),
  rxChecksum: offload('Checksums of what is received are checked in hardware.'),
  tunnelOffload: offload('Both `tunnelTso` and `tunnelGro`.'),
  tunnelTso: offload('TCP segmentation inside a UDP tunnel (tx-udp_tnl-segmentation).'),
  tunnelGro: offload('TCP segments inside a UDP tunnel are merged on reception.'),
  gsoMaxSegments: z
    .int()
    .min(1)
    .max(65_535)
    .describe('Most segments that TCP hands down at once (gso_max_segs).'),
}

type Optional<F extends Record<string, z.ZodType>> = {
  [K in keyof F]: z.ZodExactOptional<F[K]>
}

/** Each of the fields may be left out. */
function optional<F extends Record<string, z.ZodType>>(fields: F): Optional<F> {
  const entries = Object.entries(fields).map(([key, field]) => [key, field.exactOptional()])
  return Object.fromEntries(entries) as Optional<F>
}

/** `5.15` without quotes is a number in YAML. */
const kernel = z
  .preprocess((value) => (typeof value === 'number' ? String(value) : value), z.enum(KERNELS))
  .describe('The Linux release whose constants apply.')
  .meta({ type: undefined, enum: [...KERNELS, ...KERNELS.map(Number)] })

const sysctls = z.strictObject(
  Object.fromEntries(
    KNOWN_SYSCTLS.map((name) => [
      name,
      z.number().min(0).exactOptional().describe('As `sysctl` knows it, in its own unit.'),
    ]),
  ),
)

const COSTS = ['none', ...Object.keys(COST_PROFILES)]
const COSTS_DEFAULT = 'server-2020s'

const costs = z
  .enum(COSTS)
  .describe(
    'What packets cost in CPU time: a cost profile, or `none`: nothing, so that only the network ' +
      'limits.',
  )

const deviceOffloads = z
  .boolean()
  .describe(
    'false: as `ethtool -K DEVICE tso off gro off` on every software device of hosts and ' +
      'containers. The NIC has keys of its own.',
  )

const override = z.strictObject({
  cpus: cpus.exactOptional(),
  nic: z.strictObject(optional(nicFields)).exactOptional().describe('The network card.'),
  kernel: kernel.exactOptional(),
  costs: costs.exactOptional(),
  deviceOffloads: deviceOffloads.exactOptional(),
  sysctls: sysctls.exactOptional().describe('Added to those of all hosts.'),
})

export const hosts = z.strictObject({
  cpus: cpus.default(8),
  nic: z
    .strictObject({
      ...optional(nicFields),
      filterEntries: nicFields.filterEntries.default(128),
      txQueue: nicFields.txQueue.default(1000),
      rxRing: nicFields.rxRing.default(1024),
      coalesce: nicFields.coalesce.default('adaptive'),
      rss: nicFields.rss.default('ports'),
      rps: nicFields.rps.default(false),
      tso: nicFields.tso.default(true),
      gro: nicFields.gro.default(true),
      txChecksum: nicFields.txChecksum.default(true),
      rxChecksum: nicFields.rxChecksum.default(true),
      tunnelOffload: nicFields.tunnelOffload.default(true),
      gsoMaxSegments: nicFields.gsoMaxSegments.default(65_535),
    })
    .prefault({})
    .describe('The network card; its rate is that of its link.'),
  kernel: kernel.prefault(KERNEL_DEFAULT),
  costs: costs.default(COSTS_DEFAULT),
  deviceOffloads: deviceOffloads.default(true),
  sysctls: sysctls
    .prefault({})
    .describe('Kernel settings by name, such as `net.ipv4.neigh.default.gc_thresh3`.'),
  override: z
    .record(reference(), override)
    .prefault({})
    .describe('The keys above for single hosts, by name.'),
})

export type HostsSection = z.output<typeof hosts>
export type NicSection = HostsSection['nic']
export type NicOverride = NonNullable<z.output<typeof override>['nic']>
