import { SECOND } from '../../../sim/units.ts'
import { LAN, type MemberlistConfig } from '../memberlist/config.ts'

const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Parameters of networkdb (networkdb.go, cluster.go); times in picoseconds. */
export interface NetworkDbConfig {
  readonly memberlist: MemberlistConfig
  readonly port: number
  /** Each network of a node is compared with that of one other node so often. */
  readonly bulkSyncInterval: number
  /** How long a bulk sync waits for its answer. */
  readonly bulkSyncTimeout: number
  /** How long a deleted row is remembered, so that late news of it are known as late. */
  readonly reapEntryInterval: number
  readonly reapPeriod: number
  /** The same of a node that failed or left. */
  readonly nodeReapInterval: number
  /** One failed node is tried so often. */
  readonly reconnectInterval: number
  /** When none of those that it joined by is there it joins again so often. */
  readonly rejoinInterval: number
  /** Rows that a bulk sync brought are not told on when so many wait to be told. */
  readonly queueMax: number
}

export const NETWORKDB: NetworkDbConfig = {
  memberlist: LAN,
  port: 7946,
  bulkSyncInterval: 30 * SECOND,
  bulkSyncTimeout: 30 * SECOND,
  reapEntryInterval: 30 * MINUTE,
  reapPeriod: 5 * SECOND,
  nodeReapInterval: 24 * HOUR,
  reconnectInterval: SECOND,
  rejoinInterval: 60 * SECOND,
  queueMax: 500,
}
