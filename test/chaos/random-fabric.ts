import type { Dice } from './dice.ts'

/** A `fabric` section with what the other sections must know of it. */
export interface RandomFabric {
  readonly section: Record<string, unknown>
  readonly mode: 'l2' | 'l3' | 'cloud' | 'bench'
  /** No cables: hosts are namespaces of one kernel. */
  readonly isBench: boolean
  readonly hosts: readonly string[]
  /** Whether the host `outside` is there. */
  readonly hasOutside: boolean
  /** Links as [from, to]; of several between two nodes one. */
  readonly links: readonly (readonly [string, string])[]
  /** Smallest MTU of a host's cable. */
  readonly mtu: number
}

/** Least that a host network over a tunnel of ours needs: RFC 791's 68 and 50 of VXLAN. */
const MTUS = [118, 576, 1000, 1280, 1450, 1500, 1500, 1500, 1600, 9000]

const SHAPES = ['racks-l2', 'racks-l3', 'racks-cloud', 'drawn-l2', 'drawn-l3', 'bench'] as const

export function randomFabric(dice: Dice): RandomFabric {
  const shape = dice.pick(SHAPES)
  const mtu = dice.pick(MTUS)
  const common = {
    links: { ...linkOf(dice), mtu },
    switch: switchOf(dice),
    ...dice.maybe(0.4, 'router', () => routerOf(dice)),
    ...dice.maybe(0.3, 'gateway', () => true),
    ...dice.maybe(0.05, 'blockProtocols', () => [dice.pick([1, 4, 17])]),
    ...dice.maybe(0.05, 'blockUdpPorts', () => [dice.pick([4789, 8472, 5001])]),
  }
  switch (shape) {
    case 'racks-l2':
      return racks(dice, 'l2', common, mtu)
    case 'racks-l3':
      return racks(dice, 'l3', common, mtu)
    case 'racks-cloud':
      return racks(dice, 'cloud', common, mtu)
    case 'drawn-l2':
      return looped(dice, common, mtu)
    case 'drawn-l3':
      return routed(dice, common, mtu)
    case 'bench':
      return bench(dice, mtu)
  }
}

function linkOf(dice: Dice): Record<string, unknown> {
  return {
    rate: dice.pick(['10Mbps', '100Mbps', '1Gbps', '10Gbps', '25Gbps', '100Gbps']),
    delay: dice.pick(['0s', '500ns', '500ns', '5us', '100us', '3ms']),
    queue: dice.pick(['200B', '3000B', '10kB', '64KiB', '512KiB']),
  }
}

function switchOf(dice: Dice): Record<string, unknown> {
  const ways = dice.pick([1, 2, 4])
  const buckets = dice.pick([1, 2, 16, 256])
  return {
    profile: dice.pick(['catalyst-2960', 'trident3', 'ce6880', 'linux-bridge', 'generic']),
    macTable: dice.chance(0.5)
      ? { capacity: ways * buckets, ways, hash: dice.pick(['random', 'crc16', 'crc32']) }
      : {
          organisation: 'cam',
          capacity: dice.pick([1, 2, 5, 64, 1024, 8192]),
          ageing: dice.pick(['0s', '5ms', '10s', '300s', '300s']),
        },
    ...dice.maybe(0.2, 'latency', () => dice.pick(['0s', '300ns', '50us'])),
    ...dice.maybe(0.2, 'learnRate', () => dice.pick(['10pps', '500pps', '100kpps'])),
    ...dice.maybe(0.1, 'portSecurity', () => ({
      maximum: dice.integer(1, 4),
      violation: dice.pick(['protect', 'restrict', 'shutdown']),
      ...dice.maybe(0.5, 'recovery', () => dice.pick(['1ms', '10ms'])),
    })),
    ...dice.maybe(0.1, 'stormControl', () => ({
      ...dice.maybe(0.7, 'broadcast', () => dice.pick(['100pps', '10kpps'])),
      ...dice.maybe(0.7, 'unknownUnicast', () => dice.pick(['100pps', '10kpps'])),
    })),
    ...dice.maybe(0.3, 'buffer', () => dice.pick(['4kB', '64KiB', '1MiB'])),
    ...dice.maybe(0.3, 'bufferAlpha', () => dice.pick([0.25, 1, 8])),
  }
}

function routerOf(dice: Dice): Record<string, unknown> {
  return {
    fib: dice.pick([1, 2, 4, 16384]),
    arpTimeout: dice.pick(['5ms', '10s', '4h']),
    latency: dice.pick(['0s', '1us', '50us']),
    puntRate: dice.pick(['1pps', '100pps', '1kpps']),
  }
}

type Common = Record<string, unknown>

function racks(dice: Dice, mode: RandomFabric['mode'], common: Common, mtu: number): RandomFabric {
  const count = dice.integer(1, 4)
  const hostsPerRack = dice.integer(count === 1 ? 2 : 1, Math.floor(8 / count))
  const spines = count === 1 ? 0 : dice.integer(1, 3)
  const hosts = dice.times(count * hostsPerRack, (i) => `h${i + 1}`)
  const links = hosts.map((host, i): [string, string] => [
    host,
    `leaf${Math.floor(i / hostsPerRack) + 1}`,
  ])
  for (let leaf = 1; leaf <= count; leaf++) {
    for (let spine = 1; spine <= spines; spine++) links.push([`leaf${leaf}`, `spine${spine}`])
  }
  const section = {
    mode,
    racks: count,
    hostsPerRack,
    spines,
    ...common,
    ...dice.maybe(0.5, 'uplinks', () => ({ ...linkOf(dice), mtu: dice.pick(MTUS) })),
  }
  return { section, mode, isBench: false, hosts, links, mtu, hasOutside: 'gateway' in common }
}

function bench(dice: Dice, mtu: number): RandomFabric {
  const hosts = dice.times(dice.integer(2, 4), (i) => `h${i + 1}`)
  const section = { mode: 'bench', hostsPerRack: hosts.length, links: { mtu } }
  return { section, mode: 'bench', isBench: true, hosts, links: [], mtu, hasOutside: false }
}

/** Switches in a ring with chords and doubled cables, which a spanning tree must cut. */
function looped(dice: Dice, common: Common, mtu: number): RandomFabric {
  const switches = dice.times(dice.integer(2, 5), (i) => `s${i + 1}`)
  const hosts = dice.times(dice.integer(2, 8), (i) => `h${i + 1}`)
  const links = hosts.map((host): [string, string] => [host, dice.pick(switches)])
  switches.forEach((name, i) => {
    links.push([name, switches[(i + 1) % switches.length]!])
  })
  for (let chords = dice.integer(0, 3); chords > 0; chords--) {
    const [a, b] = dice.some(switches, 2)
    links.push(dice.chance(0.5) ? [a!, b!] : [b!, a!])
  }
  return drawn(dice, 'l2', { ...common, allowLoops: true }, mtu, hosts, switches, 'switch', links)
}

/** Routers in a tree with chords; a host stands at a router or at a switch below one. */
function routed(dice: Dice, common: Common, mtu: number): RandomFabric {
  const routers = dice.times(dice.integer(1, 4), (i) => `r${i + 1}`)
  const hosts = dice.times(dice.integer(2, 8), (i) => `h${i + 1}`)
  const links = hosts.map((host): [string, string] => [host, dice.pick(routers)])
  routers.slice(1).forEach((name, i) => {
    links.push([name, dice.pick(routers.slice(0, i + 1))])
  })
  if (routers.length > 2) {
    for (let chords = dice.integer(0, 2); chords > 0; chords--) {
      const [a, b] = dice.some(routers, 2)
      links.push([a!, b!])
    }
  }
  return drawn(dice, 'l3', common, mtu, hosts, routers, 'router', links)
}

function drawn(
  dice: Dice,
  mode: 'l2' | 'l3',
  common: Common,
  mtu: number,
  hosts: readonly string[],
  devices: readonly string[],
  kind: 'switch' | 'router',
  links: readonly (readonly [string, string])[],
): RandomFabric {
  const nodes = [
    ...hosts.map((name) => ({ name, kind: 'host' })),
    ...devices.map((name) => ({
      name,
      kind,
      ...dice.maybe(0.2, kind, () => (kind === 'switch' ? switchOf(dice) : routerOf(dice))),
    })),
  ]
  const cables = links.map(([from, to]) => ({
    from,
    to,
    ...(dice.chance(0.2) ? linkOf(dice) : {}),
  }))
  const section = { mode, ...common, draw: { nodes, links: cables } }
  return { section, mode, isBench: false, hosts, links, mtu, hasOutside: 'gateway' in common }
}
