import { z } from 'zod'
import { ipv4Address } from '../option-types.ts'
import { parentNetworkFields } from '../parent-network-options.ts'

export const macvlanOptions = z.strictObject({
  ...parentNetworkFields,
  mode: z
    .enum(['bridge', 'private', 'vepa', 'passthru'])
    .default('bridge')
    .describe(
      '`-o macvlan_mode`: how children of one host see each other. `bridge`: in the host; `private`: not ' +
        'at all; `vepa`: by a switch that sends frames back; `passthru`: one child, which takes the NIC ' +
        'over.',
    ),
  macs: z
    .enum(['address', 'random'])
    .exactOptional()
    .describe(
      '`address`: 02:42 and the IPv4 address; `random`: drawn. Default: what `version` does, random ' +
        'from 28.0 on.',
    ),
  shims: z
    .record(z.string(), ipv4Address())
    .prefault({})
    .describe(
      'A child of the parent in the host itself, by host with its address: how a host reaches its own ' +
        'containers. Each is an `--aux-address`, and the host has a route for its range by way of it.',
    ),
})

export type MacvlanOptions = z.output<typeof macvlanOptions>
