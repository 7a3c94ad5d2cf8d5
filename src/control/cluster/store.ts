import type { Host } from '../../host/host.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { Role } from '../raft/types.ts'
import type { Disk } from './disk.ts'
import type { Leadership } from './leadership.ts'

/** What an operator reads of a member that runs. */
export interface MemberStatus {
  readonly role: Role
  readonly term: number
  /** Name of the leader that it knows; null = it knows none. */
  readonly leader: string | null
  /** Index of the last entry that it knows to be committed, and has applied. */
  readonly commit: number
  readonly applied: number
  /** What the store counts its changes by: etcd's revision, Consul's index. */
  readonly revision: number
}

/** A key as it stands in a member's own copy of the store. */
export interface StoredKey {
  readonly key: string
  readonly value: string
  /** What changed it last: etcd's mod revision or modifiedIndex, Consul's ModifyIndex. */
  readonly revision: number
  /** Which of the store's key spaces, such as v2 and v3. */
  readonly space: string
}

/** One member of a store: a program on a host, which can end and start again, and its disk. */
export interface StoreMember {
  readonly name: string
  readonly host: Host
  readonly disk: Disk
  readonly isRunning: boolean
  /** What it printed over all its starts, oldest first. */
  readonly log: readonly string[]
  start(): void
  /** Ends it in order (SIGTERM). */
  stop(): void
  /** SIGKILL. */
  crash(): void
  /** Null while it does not run. */
  status(): MemberStatus | null
  /** All keys of its own copy, in their order. */
  keys(): readonly StoredKey[]
}

/** Where clients find a store. */
export interface StoreAddress {
  readonly address: Ipv4Address
  readonly port: number
}

/** Where a store's programs listen. */
export interface StorePorts {
  /** TCP ports for clients. */
  readonly clients: readonly number[]
  /** TCP ports for the members themselves, and for what agents hand on to them. */
  readonly peers: readonly number[]
  /** TCP and UDP ports of gossip. */
  readonly gossip: readonly number[]
}

/** A store with all its members. */
export interface StoreCluster {
  readonly kind: string
  readonly ports: StorePorts
  readonly members: readonly StoreMember[]
  readonly leadership: Leadership
  /** Release whose behaviour is modelled. */
  readonly version: string
  /** Where the clients on a host ask: all members in their order, or the agent of the host. */
  addressesFor(host: Host): readonly StoreAddress[]
  /** What broke Raft's promises; empty, or encap has a bug. */
  readonly violations: readonly string[]
  start(): void
}
