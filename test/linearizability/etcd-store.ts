import { type MemberParts, SOUND_PARTS } from '../../src/control/cluster/parts.ts'
import { EtcdCluster } from '../../src/control/etcd/cluster.ts'
import { MILLISECOND } from '../../src/sim/units.ts'
import type { Dice } from '../chaos/dice.ts'
import type { HostsOnSwitch } from '../control/hosts-on-switch.ts'
import type { Store } from './trial.ts'

/** An etcd as chance would have it. */
export function etcdStore(parts: MemberParts = SOUND_PARTS) {
  return (bench: HostsOnSwitch, members: number, dice: Dice): Store => {
    const [heartbeat, election] = dice.pick([
      [100, 1000],
      [100, 500],
      [200, 1000],
    ] as const)
    const settings = {
      version: '3.4',
      heartbeat: heartbeat * MILLISECOND,
      election: election * MILLISECOND,
      preVote: dice.chance(0.5),
      snapshotCount: dice.pick([5, 20, 10_000]),
      quota: 2 ** 31,
    }
    const places = Array.from({ length: members }, (_, i) => ({
      name: `store-${i + 1}`,
      host: bench.host(i + 1),
    }))
    const fsync = dice.pick([0.1, 1, 10]) * MILLISECOND
    const cluster = new EtcdCluster(places, settings, fsync, parts)
    return { cluster, members, unit: settings.election, fsync }
  }
}
