import type { Dice } from './dice.ts'
import type { RandomFabric } from './random-fabric.ts'

/** The sections `networks` and `containers`. */
export interface RandomNetworks {
  readonly section: Record<string, Record<string, unknown>>
  /** Null without networks. */
  readonly list: readonly Record<string, unknown>[] | Record<string, unknown> | null
  /** Names of the containers. */
  readonly containers: readonly string[]
}

/** The subnet of the fabric unless its file names another. */
const FABRIC_SUBNET = '192.168.0.0/16'

type Draw = (dice: Dice, fabric: RandomFabric) => Record<string, unknown>

/** Options for each scheme of the registry. */
const OPTIONS: Readonly<Record<string, Draw>> = {
  host: () => ({}),
  bridge: (dice, { mtu }) => ({
    ...dice.maybe(0.5, 'mtu', () => dice.pick([576, 1500, mtu])),
    ...dice.maybe(0.5, 'publish', () => [{ container: 'c1', port: 5001, hostPort: 5001 }]),
  }),
  macvlan: (dice, { mode }) => ({
    subnet: mode === 'l3' || dice.chance(0.3) ? '10.20.0.0/24' : FABRIC_SUBNET,
    ranges: dice.pick(['per-host', 'shared']),
    macs: dice.pick(['address', 'random']),
    mode: dice.pick(['bridge', 'bridge', 'private', 'vepa', 'passthru']),
  }),
  ipvlan: (dice) => ({
    subnet: '10.21.0.0/24',
    mode: dice.pick(['l2', 'l3']),
  }),
  weave: (dice) => ({
    ...dice.maybe(0.3, 'fastdp', () => false),
    ...dice.maybe(0.3, 'password', () => 'secret'),
    ...dice.maybe(0.3, 'expose', () => true),
  }),
  flannel: (dice, { mtu }) => ({
    backend: dice.pick(['vxlan', 'host-gw', 'ipip', 'udp']),
    ...dice.maybe(0.3, 'subnetLen', () => dice.pick([27, 28])),
    ...dice.maybe(0.3, 'ipMasq', () => false),
    ...dice.maybe(0.3, 'mtu', () => Math.max(68, mtu - dice.pick([-100, 0, 30, 50, 100]))),
    ...dice.maybe(0.3, 'port', () => dice.pick([4789, 6000])),
    ...dice.maybe(0.3, 'vni', () => dice.pick([0, 7, 9_999_999])),
  }),
}

/** Up to one network of each scheme, and a few containers on one or two of them. */
export function randomNetworks(dice: Dice, fabric: RandomFabric): RandomNetworks {
  const schemes = dice.some(Object.keys(OPTIONS), dice.integer(0, 3))
  const section = Object.fromEntries(
    schemes.map((scheme, i) => [`net${i + 1}`, { scheme, ...OPTIONS[scheme]!(dice, fabric) }]),
  )
  const networks = Object.keys(section)
  if (networks.length === 0) return { section, list: null, containers: [] }
  if (dice.chance(0.2)) {
    const perHost = dice.integer(1, 2)
    const list = { perHost, idle: dice.integer(0, 5), networks: dice.pick(networks) }
    const containers = dice.times(perHost * fabric.hosts.length, (i) => `c${i + 1}`)
    return { section, list, containers }
  }
  const list = dice.times(dice.integer(2, 8), (i) => ({
    name: `c${i + 1}`,
    host: dice.pick(fabric.hosts),
    networks: dice.some(networks, dice.chance(0.2) ? 2 : 1),
    ...dice.maybe(0.1, 'mac', () => `02:00:00:00:00:0${i + 1}`),
  }))
  return { section, list, containers: list.map(({ name }) => name) }
}

/** For the check that no scheme of the registry was forgotten. */
export const CHAOTIC_SCHEMES: readonly string[] = Object.keys(OPTIONS)
