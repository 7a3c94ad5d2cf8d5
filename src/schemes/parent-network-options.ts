import { z } from 'zod'
import { ipv4Address, ipv4Prefix } from './option-types.ts'

/** Keys of a network on a parent interface, whatever the driver: `docker network create`. */
export const parentNetworkFields = {
  version: z
    .enum(['20.10', '23.0', '27.1', '28.0'])
    .default('27.1')
    .describe(
      'Engine whose behaviour applies. 20.10: `internal` means no parent; up to 27.0 a parent has one ' +
        'network; from 28.0 on MAC addresses are random, and a container announces its address by ' +
        'three unsolicited ARP requests.',
    ),
  subnet: ipv4Prefix()
    .prefault('10.20.0.0/16')
    .describe('`--subnet`: what the user says, on each host anew.'),
  parent: z
    .string()
    .regex(/^(?!lo$)[^\s/:]{1,15}$/, { error: 'the name of an interface, and not lo' })
    .nullable()
    .default('eth0')
    .describe(
      '`-o parent`: the interface that the children share. `eth0.10` is made on the spot as VLAN 10 of ' +
        'eth0 and goes with the last network on it; null: a dummy, that ends at the host.',
    ),
  gateway: ipv4Address()
    .exactOptional()
    .describe(
      '`--gateway`: an external router. Default: the first address of the range, whoever has it.',
    ),
  ranges: z
    .union([z.enum(['per-host', 'shared']), z.record(z.string(), ipv4Prefix())])
    .default('per-host')
    .describe(
      '`--ip-range` of each host. `per-host`: the user cuts the subnet into equal blocks; `shared`: none, ' +
        'so that each engine begins at the first address and duplicates happen; or a block for each host ' +
        'by name.',
    ),
  auxAddresses: z
    .record(z.string(), ipv4Address())
    .prefault({})
    .describe(
      '`--aux-address`: addresses that somebody else has, by name. Unless `ranges` is `shared` the hosts ' +
        'are among them anyway.',
    ),
  internal: z
    .boolean()
    .default(false)
    .describe('`--internal`: no default route; with engine 20.10 no parent either.'),
  liveRestore: z
    .boolean()
    .default(false)
    .describe('`live-restore` of daemon.json: containers go on while the daemon is stopped.'),
  restart: z
    .enum(['no', 'always'])
    .default('no')
    .describe('`--restart`: whether containers that the daemon ended start again with it.'),
}

const parentNetworkOptions = z.strictObject(parentNetworkFields)

export type ParentNetworkOptions = z.output<typeof parentNetworkOptions>
