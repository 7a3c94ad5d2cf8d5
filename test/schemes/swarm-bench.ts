/** Hosts with dockerd in swarm mode, h1, h2 ..., on one switch; without a store. */

import { HostsOnSwitch } from '../control/hosts-on-switch.ts'
import { EngineBench } from './engine-bench.ts'

export class SwarmBench extends EngineBench {
  /** @param options of every network. */
  constructor(hosts = 2, options: object = {}, seed = '1') {
    super(new HostsOnSwitch(hosts, { seed }), hosts, { mode: 'swarm', ...options })
  }

  startNetwork(name: string, options: object = {}): void {
    this.startOn(name, options, 1, null)
  }
}
