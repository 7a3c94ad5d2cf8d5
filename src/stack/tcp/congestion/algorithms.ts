import type { CongestionControl, CongestionState } from './congestion-control.ts'
import { Cubic } from './cubic.ts'
import { Reno } from './reno.ts'

/** The algorithms that a connection may ask for (TCP_CONGESTION). */
export type CongestionName = 'cubic' | 'reno'

export function congestionControl(name: CongestionName, state: CongestionState): CongestionControl {
  switch (name) {
    case 'cubic':
      return new Cubic(state)
    case 'reno':
      return new Reno(state)
    default:
      return name satisfies never
  }
}
