/** The section `hosts`: the Linux hosts of the fabric. */
import { z } from 'zod'
import { size } from '../../schemes/option-types.ts'
import { KERNEL_PROFILES } from '../../stack/kernel-profile.ts'
import { KNOWN_SYSCTLS } from '../../stack/sysctl.ts'
import type { KernelVersion } from '../model.ts'
import { reference } from './names.ts'

const KERNELS = Object.keys(KERNEL_PROFILES) as KernelVersion[]
const KERNEL_DEFAULT: KernelVersion = '6.18'

const cpus = z.int().min(1).max(1024).describe('Cores.')

const nicFields = {
  mtu: size().describe('Largest IP packet. Default: that of the link.'),
  filterEntries: z
    .int()
    .min(0)
    .max(65536)
    .describe('Unicast MAC addresses that the filter holds; with more the NIC turns promiscuous.'),
  txQueue: z.int().min(1).max(1_000_000).describe('Packets of the transmit queue (txqueuelen).'),
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

const costs = z.enum(['none'])

const override = z.strictObject({
  cpus: cpus.exactOptional(),
  nic: z
    .strictObject({
      mtu: nicFields.mtu.exactOptional(),
      filterEntries: nicFields.filterEntries.exactOptional(),
      txQueue: nicFields.txQueue.exactOptional(),
    })
    .exactOptional()
    .describe('The network card.'),
  kernel: kernel.exactOptional(),
  sysctls: sysctls.exactOptional().describe('Added to those of all hosts.'),
})

export const hosts = z.strictObject({
  cpus: cpus.default(8),
  nic: z
    .strictObject({
      mtu: nicFields.mtu.exactOptional(),
      filterEntries: nicFields.filterEntries.default(128),
      txQueue: nicFields.txQueue.default(1000),
    })
    .prefault({})
    .describe('The network card; its rate is that of its link.'),
  kernel: kernel.prefault(KERNEL_DEFAULT),
  costs: costs
    .default('none')
    .describe('What packets cost in CPU time. `none`: nothing, so that only the network limits.'),
  sysctls: sysctls
    .prefault({})
    .describe('Kernel settings by name, such as `net.ipv4.neigh.default.gc_thresh3`.'),
  override: z
    .record(reference(), override)
    .prefault({})
    .describe('The keys above for single hosts, by name.'),
})
