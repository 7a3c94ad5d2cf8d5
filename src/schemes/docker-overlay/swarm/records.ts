import type { Ipv4Address, Ipv4Prefix } from '../../../wire/ipv4-address.ts'

/** One subnet of a network. */
export interface SwarmSubnet {
  readonly vni: number
  readonly subnet: Ipv4Prefix
  /** `--ip-range`. */
  readonly range: Ipv4Prefix | null
  readonly gateway: Ipv4Address
  /** `--aux-address`. */
  readonly reserved: readonly Ipv4Address[]
}

/** A network as the managers have it, and as they send it to nodes with a task on it. */
export interface SwarmNetwork {
  readonly id: string
  readonly name: string
  /** In the user's order. */
  readonly subnets: readonly SwarmSubnet[]
  readonly isInternal: boolean
  readonly isEncrypted: boolean
  /** Of the underlay; 0 = not given. */
  readonly mtu: number
}

/** A container's wish for a place on a network: a task whose runtime is an attachment. */
export interface SwarmTask {
  readonly id: string
  readonly node: string
  readonly network: string
  readonly container: string
  /** Asked for by the user. */
  readonly wanted: Ipv4Address | null
  /** Null until the allocator has given one. */
  readonly address: Ipv4Address | null
  /** Whether the scheduler has let it go to its node. */
  readonly isAssigned: boolean
}

export interface SwarmNode {
  readonly id: string
  /** Its host's. */
  readonly name: string
  readonly isReady: boolean
}

/** The address of a network's load balancer on one node. */
export interface Balancer {
  readonly node: string
  readonly network: string
  readonly address: Ipv4Address
}

/** A key that the managers hand to all nodes. */
export interface SwarmKey {
  readonly subsystem: 'networking:gossip' | 'networking:ipsec'
  readonly time: number
  /** 16 bytes in hexadecimal digits. */
  readonly key: string
}

/** One change of what the managers have in common. */
export type Change =
  | { readonly kind: 'network'; readonly network: SwarmNetwork }
  | { readonly kind: 'network-removed'; readonly id: string }
  | { readonly kind: 'node'; readonly node: SwarmNode }
  | { readonly kind: 'node-removed'; readonly id: string }
  | { readonly kind: 'task'; readonly task: SwarmTask }
  | { readonly kind: 'task-removed'; readonly id: string }
  | { readonly kind: 'balancer'; readonly balancer: Balancer }
  | { readonly kind: 'balancer-removed'; readonly node: string; readonly network: string }
  | { readonly kind: 'keys'; readonly keys: readonly SwarmKey[] }

/** What a node is told: all that it is to have, or what has changed. */
export interface Assignments {
  readonly isFull: boolean
  readonly networks: readonly SwarmNetwork[]
  readonly balancers: readonly Balancer[]
  readonly tasks: readonly SwarmTask[]
  readonly removedTasks: readonly string[]
  /** Networks that the node has no task on any more. */
  readonly removedNetworks: readonly string[]
  readonly keys: readonly SwarmKey[] | null
}

/** How a manager answers who asks for something that only the leader has. */
export interface Redirect {
  /** Name of the leader; null = there is none that is known. */
  readonly leader: string | null
}

export const SWARM_PORT = 2377
