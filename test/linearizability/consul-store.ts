import { ConsulCluster } from '../../src/control/consul/cluster.ts'
import { CONSUL_DEFAULTS } from '../../src/control/consul/settings.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import type { Dice } from '../chaos/dice.ts'
import type { HostsOnSwitch } from '../control/hosts-on-switch.ts'
import type { Store } from './trial.ts'

/** A Consul as chance would have it, without agents but the servers' own. */
export function consulStore(bench: HostsOnSwitch, members: number, dice: Dice): Store {
  const release = dice.pick(['1.2', '1.8'] as const)
  const settings = {
    ...CONSUL_DEFAULTS[release],
    raftMultiplier: 1,
    snapshotThreshold: dice.pick([5, 20, 10_000]),
    trailingLogs: dice.pick([0, 5, 10_000]),
  }
  const servers = Array.from({ length: members }, (_, i) => ({
    name: `consul-${i + 1}`,
    host: bench.host(i + 1),
  }))
  const fsync = dice.pick([0.1, 1, 10]) * MILLISECOND
  const cluster = new ConsulCluster({ release, settings, servers, agents: [], fsync })
  return { cluster, members, unit: SECOND, fsync }
}
