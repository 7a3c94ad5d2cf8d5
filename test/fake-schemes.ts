/** Two schemes that exist only on paper: the scenario format must do with what a registry says. */
import { z } from 'zod'
import type { SchemeRegistry } from '../src/scenario/registry.ts'
import { duration, ipv4Prefix, size } from '../src/schemes/option-types.ts'
import { maskOf } from '../src/wire/ipv4-address.ts'

const OPTIONS: Readonly<Record<string, z.ZodObject>> = {
  tunnel: z.strictObject({
    subnet: ipv4Prefix().prefault('10.1.0.0/16').describe('Addresses of the containers.'),
    hostPrefix: z.int().min(8).max(30).default(24).describe('Prefix length of a host.'),
    backend: z.enum(['vxlan', 'udp']).default('vxlan').describe('How packets travel.'),
    mtu: size().exactOptional().describe('MTU of the containers.'),
  }),
  flat: z.strictObject({
    subnet: ipv4Prefix().prefault('192.168.0.0/16').describe('Addresses of the containers.'),
    mode: z.enum(['bridge', 'private']).default('bridge').describe('Who reaches whom.'),
    ageing: duration().prefault('300s').describe('Life of an entry.'),
  }),
}

export const FAKE_SCHEMES: SchemeRegistry = {
  names: () => Object.keys(OPTIONS),
  options: (scheme) => OPTIONS[scheme],
  summary: (scheme) => `The paper scheme ${scheme}.`,
  sharesFabricSubnet: (scheme) => scheme === 'flat',
  check: (scheme, options, { hosts }) => {
    if (scheme !== 'tunnel') return []
    const { hostPrefix } = options as { hostPrefix: number }
    const room = ~maskOf(hostPrefix) - 2
    const crowded = hosts.find((host) => host.containers > room)
    if (crowded === undefined) return []
    const message = `${crowded.name} has ${crowded.containers} containers, a /${hostPrefix} holds ${room}`
    return [{ path: ['hostPrefix'], message, remedy: 'a smaller hostPrefix' }]
  },
}
