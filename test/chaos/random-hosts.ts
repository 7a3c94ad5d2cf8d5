import type { Dice } from './dice.ts'
import type { RandomFabric } from './random-fabric.ts'

/** A `hosts` section, and whether there is a host on which work takes no time. */
export interface RandomHosts {
  readonly section: Record<string, unknown>
  readonly hasFreeWork: boolean
  /** Cores that every host has. */
  readonly cpus: number
}

const COSTS = ['none', 'none', 'server-2020s', 'lab-6.18']

export function randomHosts(dice: Dice, fabric: RandomFabric): RandomHosts {
  const costs = dice.pick(COSTS)
  const cpus = dice.pick([1, 2, 4])
  const own = {
    nic: nicOf(dice, fabric),
    ...dice.maybe(0.3, 'deviceOffloads', () => dice.chance(0.5)),
    ...(fabric.isBench ? {} : dice.maybe(0.3, 'costs', () => dice.pick(COSTS))),
  }
  const section = {
    kernel: dice.pick(['4.15', '5.15', '6.18']),
    cpus,
    costs,
    nic: nicOf(dice, fabric),
    ...dice.maybe(0.2, 'deviceOffloads', () => false),
    ...dice.maybe(0.3, 'sysctls', () => sysctlsOf(dice)),
    ...dice.maybe(0.3, 'override', () => ({ [dice.pick(fabric.hosts)]: own })),
  }
  const isFree = (each: unknown) => each === 'none'
  return { section, cpus, hasFreeWork: isFree(costs) || isFree('costs' in own && own.costs) }
}

function nicOf(dice: Dice, { mtu, isBench }: RandomFabric): Record<string, unknown> {
  return {
    ...dice.maybe(0.3, 'mtu', () => Math.max(118, mtu - dice.pick([0, 50, 400]))),
    ...(isBench ? {} : cardOf(dice)),
    ...dice.maybe(0.2, 'tso', () => false),
    ...dice.maybe(0.2, 'gro', () => false),
    ...dice.maybe(0.1, 'txChecksum', () => false),
    ...dice.maybe(0.1, 'rxChecksum', () => false),
    ...dice.maybe(0.2, 'tunnelOffload', () => false),
    ...dice.maybe(0.1, 'tunnelTso', () => dice.chance(0.5)),
    ...dice.maybe(0.1, 'tunnelGro', () => dice.chance(0.5)),
    ...dice.maybe(0.1, 'gsoMaxSegments', () => dice.pick([1, 2, 17])),
  }
}

/** What a veth has not. */
function cardOf(dice: Dice): Record<string, unknown> {
  return {
    ...dice.maybe(0.5, 'filterEntries', () => dice.pick([0, 1, 3, 128])),
    ...dice.maybe(0.3, 'txQueue', () => dice.pick([1, 10, 1000])),
    ...dice.maybe(0.3, 'queues', () => dice.pick([1, 3, 16])),
    ...dice.maybe(0.3, 'rxRing', () => dice.pick([1, 8, 256])),
    ...dice.maybe(0.3, 'coalesce', () =>
      dice.pick(['adaptive', {}, { usecs: 50 }, { usecs: 1000, frames: 4 }]),
    ),
    ...dice.maybe(0.2, 'rss', () => 'addresses'),
    ...dice.maybe(0.2, 'rps', () => true),
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
