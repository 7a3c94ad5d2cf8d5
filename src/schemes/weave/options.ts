import { z } from 'zod'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { count, ipv4Prefix, mtu } from '../option-types.ts'
import type { BridgeType } from './net/bridge.ts'

/** All hosts, none, or those that are named. */
const someHosts = () => z.union([z.boolean(), z.array(z.string()).min(1)])

export const weaveOptions = z.strictObject({
  subnet: ipv4Prefix()
    .exactOptional()
    .describe(
      '`net:SUBNET`: where containers of this network get their addresses, within `range`. Default: all of ' +
        '`range`, one segment for all.',
    ),
  range: ipv4Prefix()
    .prefault('10.32.0.0/12')
    .describe('`--ipalloc-range`, the same for all peers.'),
  ipallocInit: z
    .enum(['consensus', 'seed'])
    .default('consensus')
    .describe(
      '`--ipalloc-init`: whether most of the peers must meet before the first address is given out, or ' +
        'each knows all of them by name beforehand.',
    ),
  fastdp: someHosts()
    .default(true)
    .describe(
      'Hosts with the fast datapath, by the kernel; the others have `WEAVE_NO_FASTDP` set, and use sleeve.',
    ),
  bridgedFastdp: z
    .boolean()
    .default(true)
    .describe(
      'Whether hosts with the fast datapath have a bridge between it and the containers. Without ' +
        '(bridge type `fastdp`) containers are ports of the datapath themselves.',
    ),
  mtu: mtu()
    .exactOptional()
    .describe('`--mtu`. Default: 1376 with the fast datapath, 65535 without.'),
  password: z
    .string()
    .exactOptional()
    .describe('`--password`: what goes from peer to peer is encrypted.'),
  trustedSubnets: z
    .array(ipv4Prefix())
    .prefault([])
    .describe('`--trusted-subnets`: between peers that trust each other data is not encrypted.'),
  connLimit: count(1, 4095)
    .default(200)
    .describe('`--conn-limit`: connections of a peer; beyond it others relay.'),
  discovery: z
    .boolean()
    .default(true)
    .describe('Whether peers connect to those that others tell of (not with `--no-discovery`).'),
  peers: z
    .record(z.string(), z.array(z.string()))
    .exactOptional()
    .describe('Hosts that each host is told to connect to. Default: every host all others.'),
  expose: someHosts()
    .default(false)
    .describe(
      'Hosts at which the operator has typed `weave expose`: they are on the network themselves, and the ' +
        'way out of it for their containers.',
    ),
  masquerade: z
    .boolean()
    .default(true)
    .describe('Whether exposed hosts translate addresses (not with `--without-masquerade`).'),
})

export type WeaveOptions = z.output<typeof weaveOptions>

/** Whether a host is among those of an option. */
export function isAmong(hosts: boolean | readonly string[], host: string): boolean {
  return typeof hosts === 'boolean' ? hosts : hosts.includes(host)
}

/** How a host's containers meet its router. */
export function bridgeTypeOf({ fastdp, bridgedFastdp }: WeaveOptions, host: string): BridgeType {
  if (!isAmong(fastdp, host)) return 'bridge'
  return bridgedFastdp ? 'bridged_fastdp' : 'fastdp'
}

/** Whom a host is told to connect to. */
export function peersOf(
  { peers }: WeaveOptions,
  host: string,
  members: readonly { readonly host: string; readonly address: Ipv4Address }[],
): Ipv4Address[] {
  const others = members.filter((member) => member.host !== host)
  const named =
    peers === undefined ? others : others.filter((one) => peers[host]?.includes(one.host))
  return named.map(({ address }) => address)
}
