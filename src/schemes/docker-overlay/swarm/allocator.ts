import {
  contains,
  formatIpv4,
  type Ipv4Address,
  type Ipv4Prefix,
  lastOf,
} from '../../../wire/ipv4-address.ts'
import { AddressPool } from '../../address-pool.ts'
import { choosePool, POOL_OVERLAPS } from '../ipam.ts'
import type { DockerOverlayOptions } from '../options.ts'
import type { Balancer, Change, SwarmNetwork, SwarmTask } from './records.ts'
import type { SwarmStore } from './swarm-store.ts'

/** vxlanIDStart of ovmanager. */
const VNI_FIRST = 4096
const VNI_LAST = 2 ** 24 - 1

/** What is allocated, in the leader's memory: it is read from the store when a manager becomes leader. */
export class Allocator {
  private readonly store: SwarmStore
  private readonly version: DockerOverlayOptions['version']
  private readonly pools = new Map<string, AddressPool>()
  private readonly vnis = new Set<number>()
  /** Places that have a load balancer, or will have one with the next commit. */
  private readonly balanced = new Set<string>()
  private nextVni = VNI_FIRST

  constructor(store: SwarmStore, version: DockerOverlayOptions['version']) {
    this.store = store
    this.version = version
    for (const network of store.networks.values()) this.hold(network)
    for (const { network, address } of [...store.tasks.values(), ...store.allBalancers]) {
      if (address !== null) this.pools.get(network)?.reserve(address)
    }
    for (const { node, network } of store.allBalancers) this.balanced.add(`${node} ${network}`)
  }

  private hold(network: SwarmNetwork): void {
    const { id, subnet, range, gateway, reserved, vni } = network
    const ends = range === null ? undefined : ([range.base, lastOf(range)] as const)
    this.pools.set(id, new AddressPool('round-robin', subnet, [gateway, ...reserved], ends))
    this.vnis.add(vni)
  }

  /** A network's addresses and VNI. @returns what it cannot have. */
  network(id: string, name: string, options: DockerOverlayOptions): SwarmNetwork | string {
    const taken = [...this.store.networks.values()].map(({ subnet }) => subnet)
    const subnet = choosePool(taken, options.subnet ?? null)
    if (subnet === null) return POOL_OVERLAPS
    const range = options.ipRange ?? null
    const reserved = Object.values(options.auxAddresses)
    const gateway = options.gateway ?? firstFree(range ?? subnet, subnet, reserved)
    const network: SwarmNetwork = {
      ...{ id, name, subnet, range, gateway, reserved, vni: this.takeVni() },
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
    const pool = this.pools.get(network)
    if (pool === undefined) return `network ${network} not found`
    const address = this.claim(network, pool, wanted)
    if (typeof address === 'string')
      return `failed to allocate network IP for task ${id}: ${address}`
    const changes: Change[] = [{ kind: 'task', task: { ...task, address } }]
    const place = `${node} ${network}`
    if (this.version === '17.06' || this.balanced.has(place)) return changes
    const balancer = pool.allocate()
    if (balancer === null) {
      pool.release(address)
      return `failed to allocate load balancer for node ${node}: ${NONE_LEFT}`
    }
    this.balanced.add(place)
    return [...changes, { kind: 'balancer', balancer: { node, network, address: balancer } }]
  }

  private claim(
    network: string,
    pool: AddressPool,
    wanted: Ipv4Address | null,
  ): Ipv4Address | string {
    if (wanted === null) return pool.allocate() ?? NONE_LEFT
    const { subnet } = this.store.networks.get(network)!
    if (!contains(subnet, wanted)) return 'requested address is out of range'
    return pool.reserve(wanted) ? wanted : `Address already in use: ${formatIpv4(wanted)}`
  }

  release(network: string, address: Ipv4Address): void {
    this.pools.get(network)?.release(address)
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

  drop({ id, vni }: SwarmNetwork): void {
    this.pools.delete(id)
    this.vnis.delete(vni)
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
