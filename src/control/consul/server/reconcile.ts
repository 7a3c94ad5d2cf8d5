import { formatIpv4 } from '../../../wire/ipv4-address.ts'
import type { Member } from '../../gossip/serf/members.ts'
import type { CatalogTable } from '../store/catalog-table.ts'
import { type CheckArguments, type Command, SERF_CHECK } from '../store/commands.ts'

/** What the catalog says of a member of the gossip pool. Source: consul agent/structs, SerfCheck*. */
const ALIVE: CheckArguments = {
  check: SERF_CHECK,
  name: 'Serf Health Status',
  status: 'passing',
  output: 'Agent alive and reachable',
}
const FAILED: CheckArguments = {
  ...ALIVE,
  status: 'critical',
  output: 'Agent not live or unreachable',
}

/** A member's status, or that the pool has forgotten it. */
export type PoolStatus = Member['status'] | 'reaped'

type PoolMember = Pick<Member, 'name' | 'address'> & { readonly status: PoolStatus }

/**
 * What the leader has to change in the catalog for a member of the pool; null = nothing.
 * Source: consul agent/consul/leader.go reconcileMember.
 */
export function reconcileMember(
  catalog: CatalogTable,
  { name, address, status }: PoolMember,
  leader: string,
): Command | null {
  // Who is about to leave still works.
  if (status === 'leaving') return null
  if (status === 'left' || status === 'reaped') {
    const isThere = name !== leader && catalog.node(name) !== undefined
    return isThere ? { type: 'deregister', node: name } : null
  }
  if (status === 'failed' && catalog.node(name) === undefined) return null
  const check = status === 'alive' ? ALIVE : FAILED
  const text = formatIpv4(address)
  const isKnown =
    catalog.node(name)?.address === text && catalog.check(name, SERF_CHECK)?.status === check.status
  return isKnown ? null : { type: 'register', node: name, address: text, checks: [check] }
}

/** All of the pool, and the nodes of the catalog that it has forgotten. */
export function reconcileAll(
  catalog: CatalogTable,
  members: readonly Member[],
  leader: string,
): Command[] {
  const names = new Set(members.map(({ name }) => name))
  const reaped = catalog
    .allNodes()
    .filter(({ node }) => !names.has(node) && catalog.check(node, SERF_CHECK) !== undefined)
    .map(({ node }) => ({ name: node, address: 0, status: 'reaped' as const }))
  return [...members, ...reaped].flatMap((member) => {
    const command = reconcileMember(catalog, member, leader)
    return command === null ? [] : [command]
  })
}
