import { SECOND } from '../../../sim/units.ts'

/** FastHeartbeat: until the other end has answered. */
export const FAST_HEARTBEAT = 0.5 * SECOND
/** SlowHeartbeat. */
export const SLOW_HEARTBEAT = 10 * SECOND
/** HeartbeatTimeout: six slow ones. */
export const HEARTBEAT_TIMEOUT = 60 * SECOND
