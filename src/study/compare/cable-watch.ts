import { addTap } from '../../measure/tap.ts'
import type { Frame } from '../../wire/frame.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { cableOf } from '../cables.ts'
import type { Trial } from './trial.ts'

/** Sees what the hosts send into their cables, until it is ended. */
export class CableWatch {
  private sees: ((frame: Frame) => void) | null

  /** @param hosts that are watched; default: all with containers. */
  constructor(trial: Trial, sees: (frame: Frame) => void, hosts?: readonly string[]) {
    this.sees = sees
    for (const host of hosts ?? hostsOf(trial)) {
      addTap(cableOf(trial.world.hosts.get(host)!), {
        frame: (_time, frame, direction) => {
          if (direction === 'out') this.sees?.(frame)
        },
      })
    }
  }

  end(): void {
    this.sees = null
  }
}

/** Hosts that take part in a network. */
function hostsOf({ world }: Trial): string[] {
  return [...new Set([...world.networks.values()].flatMap(({ daemons }) => [...daemons.keys()]))]
}

/** Addresses of the hosts of the scenario, members of its store included. */
export function hostAddresses({ world }: Trial): ReadonlySet<Ipv4Address> {
  return new Set([...world.hosts.values()].map(({ address }) => address))
}
