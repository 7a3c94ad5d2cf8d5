import type { StoreCluster, StoreMember } from '../control/cluster/store.ts'
import type { World } from '../scenario/world.ts'
import type { StoreMemberResult, StoreResult } from './store-result.ts'
import type { StoreTraffic } from './store-traffic.ts'

/** What became of the store up to now; null without one. */
export function storeOf(world: World, traffic: StoreTraffic | null): StoreResult | null {
  const { store } = world
  if (store === null || traffic === null) return null
  const { kind, version, members, violations } = store
  const { clients, peers, gossip } = traffic
  return {
    kind,
    version,
    members: members.map(memberOf),
    ...leadershipOf(store),
    traffic: { clients: { ...clients }, peers: { ...peers }, gossip: { ...gossip } },
    violations: [...violations],
    excused: isExcused(world),
  }
}

function memberOf(member: StoreMember): StoreMemberResult {
  const { name, host, isRunning, disk, log } = member
  const status = member.status()
  return {
    name,
    host: host.name,
    running: isRunning,
    role: status?.role ?? null,
    term: status?.term ?? null,
    leader: status?.leader ?? null,
    commit: status?.commit ?? null,
    applied: status?.applied ?? null,
    revision: status?.revision ?? null,
    keys: status === null ? null : member.keys().length,
    flushes: disk.flushes,
    fsync: Number.isFinite(disk.fsyncTime) ? disk.fsyncTime : null,
    log: [...log],
  }
}

function leadershipOf({ leadership }: StoreCluster) {
  const { elections, campaigns, reigns, leaderless, longestLeaderless } = leadership
  return {
    elections,
    campaigns,
    reigns: reigns.map((reign) => ({ ...reign })),
    firstLeader: reigns[0]?.from ?? null,
    leaderless,
    longestLeaderless,
  }
}

/** Raft takes it that what a member has flushed stays: with disks that forget, anything may come of it. */
function isExcused({ scenario, simulator }: World): boolean {
  return scenario.faults.some(({ at, hostFaults }) => {
    if (at > simulator.now) return false
    return hostFaults.some(({ kind }) => kind === 'lose-disk' || kind === 'restore-disk')
  })
}
