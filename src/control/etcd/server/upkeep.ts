import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND } from '../../../sim/units.ts'
import { syncCommand, V2_SYNC_INTERVAL } from '../v2/command.ts'
import { LEASE_REVOKE_LIMIT } from '../v3/lessor.ts'
import type { EtcdServer } from './server.ts'

/** syncWatchersLoop: how often watchers that lag are served. */
const WATCHER_INTERVAL = 100 * MILLISECOND
/** lessor.runLoop, and the leader's SYNC of the v2 store. */
const TURNS = Math.round(V2_SYNC_INTERVAL / WATCHER_INTERVAL)

/** What a member does by the clock: slow watchers, and as the leader the end of leases and TTLs. */
export function* keepHouse(server: EtcdServer): Process {
  for (let turn = 1; ; turn++) {
    yield* sleep(WATCHER_INTERVAL)
    const { v3, member } = server
    if (v3.unsyncedWatchers > 0) v3.syncWatchers()
    if (turn % TURNS === 0 && member.isLeader) endWhatIsOver(server)
  }
}

function endWhatIsOver(server: EtcdServer): void {
  const { program, v2Store, v3 } = server
  if (v2Store.hasTtlKeys) {
    program.spawn(server.propose({ api: 2, command: syncCommand(program.wallClock) }))
  }
  for (const id of v3.lessor.expired(program.now, LEASE_REVOKE_LIMIT)) {
    const command = { type: 'leaseRevoke', request: { id } } as const
    program.spawn(server.propose({ api: 3, command }))
  }
}
