import { SECOND } from '../sim/units.ts'

export interface BridgeOptions {
  /** Picoseconds; 300 s as BR_DEFAULT_AGEING_TIME. 0: nothing is learned, everything is flooded. */
  readonly ageing?: number
  /** Most learned rows; 0 is no limit, as fdb_max_learned. Newcomers are refused, none is evicted. */
  readonly fdbMaxLearned?: number
}

export const BRIDGE_AGEING = 300 * SECOND

/** The device's part of `ip -j -d link`; times in hundredths of a second, as there. */
export function bridgeDetails(options: BridgeOptions, learned: number): Record<string, unknown> {
  return {
    forward_delay: 1500,
    ageing_time: Math.round(((options.ageing ?? BRIDGE_AGEING) / SECOND) * 100),
    stp_state: 0,
    fdb_n_learned: learned,
    fdb_max_learned: options.fdbMaxLearned ?? 0,
  }
}
