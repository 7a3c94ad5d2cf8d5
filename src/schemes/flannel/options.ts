import { z } from 'zod'
import { count, ipv4Prefix, mtu } from '../option-types.ts'

export const flannelOptions = z.strictObject({
  backend: z
    .enum(['vxlan', 'host-gw'])
    .default('vxlan')
    .describe('`vxlan`: packets in VXLAN; `host-gw`: routes by the hosts, no encapsulation.'),
  subnet: ipv4Prefix()
    .prefault('10.244.0.0/16')
    .describe('`Network`: the pool of which each host gets a subnet.'),
  subnetLen: count(8, 30)
    .exactOptional()
    .describe(
      '`SubnetLen`. Default: 24, or two more than the pool where that is smaller than /22.',
    ),
  subnetManager: z
    .enum(['static'])
    .default('static')
    .describe('Who hands out the subnets. `static`: they are given to every host at its start.'),
  vni: count(0, 16_777_215).default(1).describe('`VNI` of the vxlan backend.'),
  port: count(1, 65535).default(8472).describe('`Port` of the vxlan backend.'),
  ipMasq: z.boolean().default(true).describe('`--ip-masq`: NAT for what leaves the network.'),
  mtu: mtu()
    .exactOptional()
    .describe('MTU of the containers and of cni0, if not that of the backend: for wrong ones.'),
})

export type FlannelOptions = z.output<typeof flannelOptions>

/** `SubnetLen` with its default (pkg/subnet/config.go). */
export function subnetLengthOf(options: FlannelOptions): number {
  if (options.subnetLen !== undefined) return options.subnetLen
  return options.subnet.length <= 22 ? 24 : options.subnet.length + 2
}
