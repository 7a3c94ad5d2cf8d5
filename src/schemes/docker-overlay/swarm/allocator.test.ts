import { expect, it } from 'vitest'
import { Simulator } from '../../../sim/simulator.ts'
import { contains, formatIpv4, ipv4, prefix } from '../../../wire/ipv4-address.ts'
import { dockerOverlayOptions } from '../options.ts'
import { Allocator } from './allocator.ts'
import type { SwarmTask } from './records.ts'
import { SwarmStore } from './swarm-store.ts'

/** An allocator of release 17.06, which has no load balancers, and the first network that it allocates. */
function allocatorWith(options: object) {
  const store = new SwarmStore(() => {})
  const allocator = new Allocator(store, '17.06', new Simulator('1').random.stream('leader'))
  const network = allocator.network('net', 'net', dockerOverlayOptions.parse(options))
  if (typeof network === 'string') throw new Error(network)
  const task = (number: number, wanted: SwarmTask['wanted'] = null) =>
    allocator.task({
      id: `task-${number}`,
      node: 'node',
      network: 'net',
      container: `c${number}`,
      wanted,
      address: null,
      isAssigned: false,
    })
  const addressOf = (changes: ReturnType<typeof task>) => {
    const change = typeof changes === 'string' ? undefined : changes[0]
    return change?.kind === 'task' ? change.task.address! : changes
  }
  return { store, allocator, network, task, addressOf }
}

const MORE = [{ subnet: '10.0.8.0/24', gateway: '10.0.8.254' }, { subnet: '10.0.7.0/30' }]

it('gives each subnet a VNI, and one container in eight an address of the second of two', () => {
  const [second] = MORE
  const { network, task, addressOf } = allocatorWith({
    subnet: '10.0.0.0/22',
    moreSubnets: [{ ...second, subnet: '10.0.8.0/22' }],
  })
  expect(network.subnets.map(({ vni, gateway }) => [vni, formatIpv4(gateway)])).toEqual([
    [4096, '10.0.0.1'],
    [4097, '10.0.8.254'],
  ])
  const given = Array.from({ length: 800 }, (_, i) => addressOf(task(i)))
  expect(new Set(given).size).toBe(800)
  const isSecond = (each: unknown) => contains(prefix('10.0.8.0/22'), each as number)
  // A hundred, give or take three standard deviations.
  const share = given.filter(isSecond).length
  expect(Math.abs(share - 100)).toBeLessThan(28)
})

it('goes on with the others when one is full, and says so when all are', () => {
  const { allocator, task, addressOf } = allocatorWith({
    subnet: '10.0.9.0/30',
    moreSubnets: [MORE[1]!],
  })
  const given = [0, 1].map((i) => formatIpv4(addressOf(task(i)) as number))
  expect(given.sort()).toEqual(['10.0.7.2', '10.0.9.2'])
  const full = 'failed to allocate network IP for task task-2: could not find an available IP'
  expect(task(2)).toBe(full)
  allocator.release('net', ipv4('10.0.7.2'))
  expect(formatIpv4(addressOf(task(3)) as number)).toBe('10.0.7.2')
})

it('gives an address of any subnet that is asked for', () => {
  const { task, addressOf } = allocatorWith({ subnet: '10.0.9.0/24', moreSubnets: MORE })
  expect(addressOf(task(0, ipv4('10.0.8.7')))).toBe(ipv4('10.0.8.7'))
  expect(task(1, ipv4('10.0.8.7'))).toContain('Address already in use: 10.0.8.7')
  expect(task(2, ipv4('10.1.0.1'))).toContain('could not find an available IP')
})

it('takes the next default pool, also when the last is free again', () => {
  const { allocator, network, store } = allocatorWith({})
  expect(network.subnets.map(({ subnet }) => formatIpv4(subnet.base))).toEqual(['10.0.0.0'])
  allocator.drop(network)
  expect(store.networks.size).toBe(0)
  const next = allocator.network('other', 'other', dockerOverlayOptions.parse({}))
  if (typeof next === 'string') throw new Error(next)
  expect(next.subnets.map(({ subnet, vni }) => [formatIpv4(subnet.base), vni])).toEqual([
    ['10.0.1.0', 4097],
  ])
})
