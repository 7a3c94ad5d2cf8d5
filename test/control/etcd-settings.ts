import type { EtcdSettings } from '../../src/control/etcd/settings.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'

/** etcd 3.4 as it comes. */
export const ETCD_3_4: EtcdSettings = {
  version: '3.4',
  heartbeat: 100 * MILLISECOND,
  election: SECOND,
  preVote: false,
  snapshotCount: 100_000,
  quota: 2 ** 31,
}
