import type { RandomStream } from '../../../sim/random.ts'
import {
  contains,
  formatIpv4,
  type Ipv4Address,
  type Ipv4Prefix,
  lastOf,
} from '../../../wire/ipv4-address.ts'
import { AddressPool } from '../../address-pool.ts'
import { choosePool, POOL_OVERLAPS, poolAfter } from '../ipam.ts'
import { type DockerOverlayOptions, subnetWishes } from '../options.ts'
import type { Balancer, Change, SwarmNetwork, SwarmSubnet, SwarmTask } from './records.ts'
import type { SwarmStore } from './swarm-store.ts'

/** vxlanIDStart of ovmanager. */
const VNI_FIRST = 4096
const VNI_LAST = 2 ** 24 - 1

/** Slots of a bucket of Go's maps: their iteration begins at any, so that the first subnet has the most. */
const MAP_SLOTS = 8

interface SubnetPool {
  readonly subnet: Ipv4Prefix
  readonly addresses: AddressPool
}

/** What is allocated, in the leader's memory: it is read from the store when a manager becomes leader. */
export class Allocator {
  private readonly store: SwarmStore
  private readonly version: DockerOverlayOptions['version']
  private readonly random: RandomStream
  /** By network. */
  private readonly pools = new Map<string, readonly SubnetPool[]>()
  private readonly vnis = new Set<number>()
  /** Places that have a load balancer, or will have one with the next commit. */
  private readonly balanced = new Set<string>()
  private nextVni = VNI_FIRST
  /** Default pools are looked through from behind the last that was given. */
  private firstPool = 0

  constructor(store: SwarmStore, version: DockerOverlayOptions['version'], random: RandomStream) {
    this.store = store
    this.version = version
    this.random = random
    for (const network of store.networks.values()) this.hold(network)
    for (const { network, address } of [...store.tasks.values(), ...store.allBalancers]) {
      if (address !== null) this.poolOf(network, address)?.addresses.reserve(address)
    }
    for (const { node, network } of store.allBalancers) this.balanced.add(`${node} ${network}`)
  }

  private poolOf(network: string, address: Ipv4Address): SubnetPool | undefined {
    return this.pools.get(network)?.find(({ subnet }) => contains(subnet, address))
  }

  private hold({ id, subnets }: SwarmNetwork): void {
    const pools = subnets.map(({ subnet, range, gateway, reserved }) => {
      const ends = range === null ? undefined : ([range.base, lastOf(range)] as const)
      const taken = [gateway, ...reserved]
      return { subnet, addresses: new AddressPool('round-robin', subnet, taken, ends) }
    })
    this.pools.set(id, pools)
    for (const { vni } of subnets) this.vnis.add(vni)
  }

  /** A network's addresses and VNIs. @returns what it cannot have. */
  network(id: string, name: string, options: DockerOverlayOptions): SwarmNetwork | string {
    const taken = [...this.store.networks.values()].flatMap(({ subnets }) =>
      subnets.map(({ subnet }) => subnet),
    )
    const subnets: Omit<SwarmSubnet, 'vni'>[] = []
    for (const wish of subnetWishes(options)) {
      const subnet = choosePool(taken, wish.subnet, this.firstPool)
      if (subnet === null) return POOL_OVERLAPS
      if (wish.subnet === null) this.firstPool = poolAfter(subnet)
      taken.push(subnet)
      const { ipRange: range } = wish
      const reserved = Object.values(wish.auxAddresses)
      const gateway = wish.gateway ?? firstFree(range ?? subnet, subnet, reserved)
      subnets.push({ subnet, range, gateway, reserved })
    }
    const network: SwarmNetwork = {
      ...{ id, name, subnets: subnets.map((subnet) => ({ ...subnet, vni: this.takeVni() })) },
      isInternal: options.internal,
      isEncrypted: options.encrypted,
      mtu: options.mtu ?? 0,
    }
    this.hold(network)
    return network
  }

  /** The next one after the last that was given. */
  private takeVni(): number {
    while (this.vnis.has(this.nextVni)) {
      this.nextVni = this.nextVni === VNI_LAST ? VNI_FIRST : this.nextVni + 1
    }
    return this.nextVni++
  }

  /** A task's address, and one for the load balancer of its node's first. @returns why there is none. */
  task(task: SwarmTask): readonly Change[] | string {
    const { id, network, node, wanted } = task
    const pools = this.pools.get(network)
    if (pools === undefined) return `network ${network} not found`
    const address = wanted === null ? this.allocate(pools) : this.claim(network, wanted)
    if (typeof address === 'string')
      return `failed to allocate network IP for task ${id}: ${address}`
    const changes: Change[] = [{ kind: 'task', task: { ...task, address } }]
    const place = `${node} ${network}`
    if (this.version === '17.06' || this.balanced.has(place)) return changes
    const balancer = this.allocate(pools)
    if (typeof balancer === 'string') {
      this.release(network, address)
      return `failed to allocate load balancer for node ${node}: ${balancer}`
    }
    this.balanced.add(place)
    return [...changes, { kind: 'balancer', balancer: { node, network, address: balancer } }]
  }

  private allocate(pools: readonly SubnetPool[]): Ipv4Address | string {
    const slots = Math.max(MAP_SLOTS, pools.length)
    const start = pools.length === 1 ? 0 : this.random.integer(0, slots - 1)
    for (let i = 0; i < slots; i++) {
      const address = pools[(start + i) % slots]?.addresses.allocate() ?? null
      if (address !== null) return address
    }
    return NONE_LEFT
  }

  private claim(network: string, wanted: Ipv4Address): Ipv4Address | string {
    const pool = this.poolOf(network, wanted)
    if (pool === undefined) return NONE_LEFT
    return pool.addresses.reserve(wanted) ? wanted : `Address already in use: ${formatIpv4(wanted)}`
  }

  release(network: string, address: Ipv4Address): void {
    this.poolOf(network, address)?.addresses.release(address)
  }

  releaseBalancer({ node, network, address }: Balancer): void {
    this.balanced.delete(`${node} ${network}`)
    this.release(network, address)
  }

  /** What was allocated was not committed. */
  takeBack(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'balancer') this.releaseBalancer(change.balancer)
      else if (change.kind === 'task') this.release(change.task.network, change.task.address!)
    }
  }

  drop({ id, subnets }: SwarmNetwork): void {
    this.pools.delete(id)
    for (const { vni } of subnets) this.vnis.delete(vni)
  }
}

const NONE_LEFT = 'could not find an available IP'

function firstFree(
  range: Ipv4Prefix,
  subnet: Ipv4Prefix,
  reserved: readonly Ipv4Address[],
): Ipv4Address {
  let address = range.base
  while (address === subnet.base || reserved.includes(address)) address = (address + 1) | 0
  return address
}
