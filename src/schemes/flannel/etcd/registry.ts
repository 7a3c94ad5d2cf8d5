import type { Program } from '../../../control/program/program.ts'
import type { Process } from '../../../sim/process.ts'
import type { Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import { decodeAttributes, type LeaseAttributes, parseSubnetKey } from '../lease-record.ts'
import type { KnownLease, ManagerError, Receive } from '../subnet-manager.ts'

/** When a lease ends: by the program's own clock, or as the store said it, by the real-time clock. */
export interface Expiration {
  readonly clock: 'monotonic' | 'wall'
  /** Picoseconds. */
  readonly at: number
}

/** How long an expiration is away, picoseconds; null = a reservation, which has no end. */
export function timeUntil(program: Program, expiration: Expiration | null): number {
  if (expiration === null) return Infinity
  const { clock, at } = expiration
  return at - (clock === 'wall' ? program.wallClock : program.now)
}

/** A lease as the store has it. */
export interface StoredLease extends KnownLease {
  readonly attributes: LeaseAttributes
  /** Null = a reservation. */
  readonly expiration: Expiration | null
}

/** Another host was faster. */
export class SubnetTaken {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What comes of one lease: it is there (again), or it is gone. */
export type OwnLeaseEvent =
  | { readonly type: 'added'; readonly expiration: Expiration | null }
  | { readonly type: 'removed' }

/** flanneld's keys in an etcd (pkg/subnet/etcd, Registry). Times in picoseconds. */
export interface Registry {
  /** Whether a collision is answered by another attempt, as flanneld's v2 code does. */
  readonly retriesCollision: boolean
  getNetworkConfig(): Process<string | ManagerError>
  getSubnets(): Process<readonly StoredLease[] | ManagerError>
  createSubnet(
    subnet: Ipv4Prefix,
    value: string,
    ttl: number,
  ): Process<Expiration | null | SubnetTaken | ManagerError>
  /** @param ttl 0 = a reservation stays one. */
  updateSubnet(
    subnet: Ipv4Prefix,
    value: string,
    ttl: number,
  ): Process<Expiration | null | ManagerError>
  deleteSubnet(subnet: Ipv4Prefix): Process<ManagerError | null>
  /** Tells of all leases, first as they stand, for ever. */
  watchSubnets(receive: Receive): Process
  /** Tells of one lease; returns when it gives up. */
  watchSubnet(subnet: Ipv4Prefix, receive: (event: OwnLeaseEvent) => void): Process
}

/** @returns null when key or value is none of a lease, which is then passed over. */
export function storedLease(
  key: string,
  value: string,
  expiration: Expiration | null,
): StoredLease | null {
  const subnet = parseSubnetKey(key)
  const attributes = decodeAttributes(value)
  return subnet === null || attributes === null ? null : { subnet, attributes, expiration }
}
