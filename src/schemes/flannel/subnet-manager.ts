import type { Process } from '../../sim/process.ts'
import type { Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { MacAddress } from '../../wire/mac-address.ts'
import type { LeaseAttributes } from './lease-record.ts'
import type { NetworkConfig } from './network-config.ts'

/** Why a step of flanneld failed, in its words. */
export class ManagerError {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A subnet that a host has; `attributes` is null of a lease that has just gone. */
export interface KnownLease {
  readonly subnet: Ipv4Prefix
  readonly attributes: LeaseAttributes | null
}

export interface LeaseEvent {
  readonly type: 'added' | 'removed'
  readonly lease: KnownLease
}

/** Changes one after the other, or all leases as they stand. */
export type WatchResult =
  | { readonly kind: 'events'; readonly events: readonly LeaseEvent[] }
  | { readonly kind: 'snapshot'; readonly leases: readonly KnownLease[] }

export type Receive = (result: WatchResult) => void

/** Who hands out subnets and tells of those of the others (pkg/subnet, Manager). */
export interface SubnetManager {
  getNetworkConfig(): Process<NetworkConfig | ManagerError>
  /** Of the host's VXLAN device, as an earlier start has told the others; null where that is not kept. */
  storedMac(): MacAddress | null
  /** @returns the host's subnet. */
  acquireLease(attributes: LeaseAttributes): Process<Ipv4Prefix | ManagerError>
  /** Tells of all leases for ever. */
  watchLeases(receive: Receive): Process
  /** Keeps the lease. @returns when it has been lost. */
  completeLease(): Process
}
