/** A distributed store of a scenario: its members, what they run on, and what befalls them. */

import type { ConsulRelease, ConsulSettings } from '../control/consul/settings.ts'

export interface StoreMemberModel {
  /** `store-1` and so on: what faults, inspect and captures call it. */
  readonly name: string
  readonly host: string
}

interface StoreBase {
  readonly version: string
  readonly members: readonly StoreMemberModel[]
  /** How long a flush to the disk takes, picoseconds. */
  readonly fsync: number
}

export interface EtcdModel extends StoreBase {
  readonly kind: 'etcd'
  /** Picoseconds. */
  readonly heartbeat: number
  readonly election: number
  readonly preVote: boolean
  /** Entries after which a member makes a snapshot. */
  readonly snapshotCount: number
  /** Bytes of the database; writes fail beyond. */
  readonly quota: number
}

export interface ConsulModel extends StoreBase {
  readonly kind: 'consul'
  readonly version: ConsulRelease
  readonly settings: ConsulSettings
  /** Hosts on which an agent runs without being a server. */
  readonly agents: readonly string[]
}

/** The API server of Kubernetes, with nodes only. */
export interface KubeModel extends StoreBase {
  readonly kind: 'kube'
}

export type StoreModel = EtcdModel | ConsulModel | KubeModel

/** A program that a fault may stop: a member of the store, or the daemon of a network on a host. */
export type ProgramRef =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'daemon'; readonly host: string; readonly network: string }
  /** The whole machine. */
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'container'; readonly name: string }

/** What a fault does to hosts and programs; `until` undoes it where that is said. */
export type HostFault =
  /** Ends a program, in order or not; `until` starts it again. */
  | { readonly kind: 'stop' | 'crash'; readonly program: ProgramRef }
  | { readonly kind: 'restart'; readonly program: ProgramRef }
  /** The operator takes a host out of a network, or of all; `until` takes it in again. */
  | { readonly kind: 'leave'; readonly host: string; readonly network: string | null }
  /** A user removes a network by a command at a host; `until` makes it again. */
  | { readonly kind: 'remove-network'; readonly host: string; readonly network: string }
  /** The container ends, and starts on another host. */
  | {
      readonly kind: 'move'
      readonly container: string
      readonly to: string
      readonly keepsAddress: boolean
    }
  /** `iptables -F` in every table of the host. */
  | { readonly kind: 'flush-rules'; readonly host: string }
  /** The member's disk is empty from now on. */
  | { readonly kind: 'lose-disk'; readonly member: string }
  /** The member's disk is again as it was at a time, picoseconds. */
  | { readonly kind: 'restore-disk'; readonly member: string; readonly of: number }
  /** A flush takes so long until `until`, picoseconds; Infinity = it hangs. */
  | { readonly kind: 'slow-disk'; readonly member: string; readonly fsync: number }
  /** Nothing of `from` reaches `to`, until `until`. */
  | {
      readonly kind: 'partition'
      readonly from: readonly string[]
      readonly to: readonly string[]
      readonly isOneWay: boolean
    }
  /** The host's real-time clock jumps, picoseconds; `until` does not undo it. */
  | { readonly kind: 'clock-step'; readonly host: string; readonly by: number }
