import { SECOND } from '../../../sim/units.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'

/** One neighbour as the operator names it. */
export interface NeighbourSettings {
  readonly localAs: number
  /** `external`: any but ours (FRR's `remote-as external`); for who only listens. */
  readonly remoteAs: number | 'external'
  readonly routerId: Ipv4Address
  /** Ours on the connection: the next hop of what we send ourselves. */
  readonly localAddress: Ipv4Address
  readonly remoteAddress: Ipv4Address
  readonly timers: SessionTimers
  /** Only listens. */
  readonly isPassive: boolean
  readonly gracefulRestart: GracefulRestartSettings
}

/** Picoseconds, but for the hold time, which the OPEN carries in seconds. */
export interface SessionTimers {
  /** Proposed; the lower one of two peers holds. 0 = no keepalives, 3 or more otherwise. */
  readonly holdTime: number
  /** Null = a third of the hold time. In proportion when the peer's hold time is lower. */
  readonly keepalive: number | null
  /** From the start, or the end of an error wait, to the first attempt. 0 = at once. */
  readonly startDelay: number
  /** How long an attempt to connect may take. */
  readonly connectRetry: number
  /** From the end of a connection, or a refused attempt, to the next attempt. */
  readonly connectDelay: number
  /** After an error nothing is tried or accepted for so long: doubled with each further one, up to `most`. */
  readonly errorWait: { readonly least: number; readonly most: number }
  /** Without an error for so long, the first wait is `least` again. */
  readonly errorForget: number
}

/**
 * `aware`: keeps the routes of a peer that restarts; `on`: also asks peers to keep ours, as one whose
 * kernel goes on forwarding; `off`: neither.
 */
export interface GracefulRestartSettings {
  readonly mode: 'off' | 'aware' | 'on'
  /** Seconds that peers are to wait for us. */
  readonly restartTime: number
}

/** BIRD 2's own (protocol BGP in its manual). */
export const BIRD_TIMERS: SessionTimers = {
  holdTime: 240,
  keepalive: null,
  startDelay: 5 * SECOND,
  connectRetry: 120 * SECOND,
  connectDelay: 5 * SECOND,
  errorWait: { least: 60 * SECOND, most: 300 * SECOND },
  errorForget: 300 * SECOND,
}

/** BIRD 2's own. */
export const BIRD_GRACEFUL_RESTART: GracefulRestartSettings = {
  mode: 'aware',
  restartTime: 120,
}
