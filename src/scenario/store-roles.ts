import type { StoreCluster, StoreMember } from '../control/cluster/store.ts'

/** What faults may say instead of a member's name, or of its host's: whoever it is at the time. */
export const STORE_ROLES = ['leader', 'follower', 'followers', 'members'] as const

type StoreRole = (typeof STORE_ROLES)[number]

export function isStoreRole(name: string): name is StoreRole {
  return STORE_ROLES.some((role) => role === name)
}

/**
 * `leader`: of several, that of the latest term; `follower`: the first of the others that runs; `members`:
 * all of them.
 */
export function membersByRole(store: StoreCluster, role: StoreRole): readonly StoreMember[] {
  if (role === 'members') return store.members
  const leader = leaderOf(store)
  if (role === 'leader') return leader === null ? [] : [leader]
  const others = store.members.filter((member) => member !== leader)
  return role === 'followers' ? others : others.filter(({ isRunning }) => isRunning).slice(0, 1)
}

function leaderOf({ members }: StoreCluster): StoreMember | null {
  let leader: StoreMember | null = null
  let latest = -1
  for (const member of members) {
    const status = member.status()
    if (status === null || status.role !== 'leader' || status.term < latest) continue
    leader = member
    latest = status.term
  }
  return leader
}
