import type { DeviceFeatures } from '../stack/device-features.ts'

/** When a receive queue interrupts. */
export type Coalesce =
  /** By what comes in, as dynamic interrupt moderation does (adaptive-rx on). */
  | 'adaptive'
  | {
      /** From the first frame until the interrupt, microseconds (rx-usecs). */
      readonly usecs: number
      /** Frames that make it come at once (rx-frames). */
      readonly frames: number
    }

/** Which fields of a UDP packet choose its receive queue; TCP is always hashed on its ports. */
export type RssFields = 'ports' | 'addresses'

/** What is set up on a network card, most of it by `ethtool`. */
export interface NicOptions {
  /** Unicast addresses that the receive filter holds besides its own: 128 as an Intel 82599. */
  readonly filterEntries?: number
  /** txqueuelen: packets, or units that the card cuts; without it the queue has no limit. */
  readonly txQueue?: number
  readonly features?: Partial<DeviceFeatures>
  /** Receive queues, one a core unless this says otherwise; at most 64. */
  readonly queues?: number
  /** Descriptors of each receive queue. */
  readonly rxRing?: number
  readonly coalesce?: Coalesce
  readonly rss?: RssFields
  /** Receive packet steering: the stack runs on a core that the flow's hash chooses. */
  readonly rps?: boolean
}

export const RX_RING = 1024
/** Drivers give each core a channel, up to about this many. */
export const MAX_QUEUES = 64
