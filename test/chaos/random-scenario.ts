/** Random scenario files, as text: whatever they say, the loader must take it. */
import { stringify } from 'yaml'
import { Dice } from './dice.ts'
import { type RandomFabric, randomFabric } from './random-fabric.ts'
import { randomHosts } from './random-hosts.ts'
import { randomNetworks } from './random-networks.ts'
import { randomWorkload } from './random-workload.ts'

/** The file of one seed. Traffic is over within 50 ms of simulated time. */
export function randomScenario(seed: string): string {
  const dice = new Dice(seed)
  const fabric = randomFabric(dice)
  const hosts = randomHosts(dice, fabric)
  const networks = randomNetworks(dice, fabric)
  const outside = fabric.hasOutside ? ['outside'] : []
  const ends = [...networks.containers, ...dice.some(fabric.hosts, 3), ...outside]
  return stringify({
    name: 'chaos',
    seed,
    duration: dice.pick(['40ms', '60ms', '1.2s', '4s']),
    fabric: fabric.section,
    hosts: hosts.section,
    networks: networks.section,
    ...(networks.list === null ? {} : { containers: networks.list }),
    workload: dice.times(dice.integer(1, 5), () => randomWorkload(dice, ends, hosts)),
    faults: fabric.isBench ? [] : dice.times(dice.integer(0, 5), () => faultOf(dice, fabric)),
    captures: dice.some([...fabric.hosts, ...networks.containers], 3).map((end) => `${end}/eth0`),
    expect: dice.times(dice.chance(0.2) ? 2 : 0, () => {
      const [from, to] = dice.some(ends, 2)
      return { reachable: { from, to, equals: dice.chance(0.5) } }
    }),
  })
}

const ms = (value: number) => `${value}ms`

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
