/** Random scenario files, as text: whatever they say, the loader must take it. */
import { stringify } from 'yaml'
import { Dice } from './dice.ts'
import { type RandomFabric, randomFabric } from './random-fabric.ts'
import { randomNetworks } from './random-networks.ts'

/** The file of one seed. Traffic is over within 50 ms of simulated time. */
export function randomScenario(seed: string): string {
  const dice = new Dice(seed)
  const fabric = randomFabric(dice)
  const networks = randomNetworks(dice, fabric)
  const outside = fabric.hasOutside ? ['outside'] : []
  const ends = [...networks.containers, ...dice.some(fabric.hosts, 3), ...outside]
  return stringify({
    name: 'chaos',
    seed,
    duration: dice.pick(['40ms', '60ms', '1.2s', '4s']),
    fabric: fabric.section,
    hosts: hostsOf(dice, fabric),
    networks: networks.section,
    ...(networks.list === null ? {} : { containers: networks.list }),
    workload: dice.times(dice.integer(1, 5), () => workloadOf(dice, ends)),
    faults: dice.times(dice.integer(0, 5), () => faultOf(dice, fabric)),
    captures: dice.some([...fabric.hosts, ...networks.containers], 3).map((end) => `${end}/eth0`),
    expect: dice.times(dice.chance(0.2) ? 2 : 0, () => {
      const [from, to] = dice.some(ends, 2)
      return { reachable: { from, to, equals: dice.chance(0.5) } }
    }),
  })
}

function hostsOf(dice: Dice, fabric: RandomFabric): Record<string, unknown> {
  const { hosts, mtu } = fabric
  const nic = () => ({
    ...dice.maybe(0.3, 'mtu', () => Math.max(118, mtu - dice.pick([0, 50, 400]))),
    ...dice.maybe(0.5, 'filterEntries', () => dice.pick([0, 1, 3, 128])),
    ...dice.maybe(0.3, 'txQueue', () => dice.pick([1, 10, 1000])),
  })
  return {
    kernel: dice.pick(['4.15', '5.15', '6.18']),
    nic: nic(),
    ...dice.maybe(0.3, 'sysctls', () => sysctlsOf(dice)),
    ...dice.maybe(0.3, 'override', () => ({ [dice.pick(hosts)]: { nic: nic() } })),
  }
}

function sysctlsOf(dice: Dice): Record<string, number> {
  const name = (key: string) => `net.ipv4.neigh.default.${key}`
  return {
    ...dice.maybe(0.5, name('gc_thresh3'), () => dice.pick([1, 2, 4, 1024])),
    ...dice.maybe(0.5, name('retrans_time_ms'), () => dice.pick([4, 100, 1000])),
    ...dice.maybe(0.5, name('base_reachable_time_ms'), () => dice.pick([8, 30_000])),
    ...dice.maybe(0.3, name('unres_qlen_bytes'), () => dice.pick([1, 3000, 212_992])),
    ...dice.maybe(0.3, 'net.ipv4.ipfrag_time', () => dice.pick([1, 30])),
    ...dice.maybe(0.3, 'net.ipv4.ipfrag_high_thresh', () => dice.pick([2000, 4_194_304])),
  }
}

const ms = (value: number) => `${value}ms`

function workloadOf(dice: Dice, ends: readonly string[]): Record<string, unknown> {
  const at = ms(dice.integer(0, 10))
  const [from, to] = dice.some(ends, 2)
  const pair = dice.chance(0.5) ? { from, to } : { from: to, to: from }
  const pairs = dice.chance(0.3) ? { pairs: 'ring', among: 'hosts' } : pair
  const target = dice.chance(0.1) ? { from, to: strayAddress(dice) } : pairs
  const header = {
    ...dice.maybe(0.3, 'dontFragment', () => true),
    ...dice.maybe(0.2, 'ttl', () => dice.pick([1, 2, 255])),
    ...dice.maybe(0.2, 'tos', () => dice.integer(0, 255)),
  }
  const size = dice.pick([0, 1, 56, 500, 1472, 3000])
  switch (dice.pick(['ping', 'udp', 'udp-rr', 'macof'] as const)) {
    case 'ping':
      return { kind: 'ping', at, ...target, ...header, count: 5, interval: '3ms', size }
    case 'udp': {
      const packetRate = dice.pick(['200pps', '5kpps', '50kpps'])
      const parallel = dice.integer(1, 4)
      return { kind: 'udp', at, ...target, ...header, size, packetRate, parallel, for: '10ms' }
    }
    case 'udp-rr': {
      const replySize = dice.pick([0, 64, 3000])
      const outstanding = dice.integer(1, 3)
      const timeout = dice.pick(['2ms', '1s'])
      return { kind: 'udp-rr', at, ...target, size, replySize, outstanding, timeout, for: '300us' }
    }
    case 'macof': {
      const macs = dice.maybe(0.5, 'macs', () => dice.integer(1, 50))
      return { kind: 'macof', at, from, rate: '10kpps', for: '5ms', ...macs }
    }
  }
}

/** Nobody's, a broadcast address, a group, ourselves. */
function strayAddress(dice: Dice): string {
  return dice.pick(['192.168.200.7', '10.244.0.9', '8.8.8.8', '255.255.255.255', '224.0.0.1'])
}

function faultOf(dice: Dice, fabric: RandomFabric): Record<string, unknown> {
  const at = dice.integer(0, 20)
  const [from, to] = dice.pick(fabric.links)
  const place = dice.pick<Record<string, unknown>>([
    { node: dice.pick(fabric.links.flat()) },
    { link: { from, to } },
    { link: { from: to, to: from } },
  ])
  return {
    at: ms(at),
    ...dice.maybe(0.7, 'until', () => ms(at + dice.integer(1, 15))),
    ...place,
    ...dice.maybe(0.4, 'oneWay', () => true),
    ...Object.assign({}, ...dice.times(dice.pick([1, 1, 2, 3]), () => actionOf(dice))),
  }
}

function actionOf(dice: Dice): Record<string, unknown> {
  const share = dice.pick(['0.5%', '2%', '10%', '50%', '100%'])
  return dice.pick<Record<string, unknown>>([
    { cut: true },
    { cut: true },
    { loss: share },
    { corrupt: share },
    { corrupt: share, undetected: true },
    { duplicate: share },
    { reorder: share, reorderBy: dice.pick(['10us', '2ms']) },
    { delay: dice.pick(['50us', '5ms']), jitter: dice.pick(['0s', '200us', '3ms']) },
    { jitter: dice.pick(['1us', '1ms']) },
    { blockUdpPort: dice.pick([4789, 5001, 8472, 12865]) },
    { blockProtocol: dice.pick([1, 4, 17]) },
    { maxPacket: dice.pick(['68B', '600B', '1450B']) },
    { filterIcmp: true },
  ])
}
