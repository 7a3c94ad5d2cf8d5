import { describe, expect, it } from 'vitest'
import { ipv4 } from '../../../wire/ipv4-address.ts'
import type { Member, MemberStatus } from '../../gossip/serf/members.ts'
import { CatalogTable } from '../store/catalog-table.ts'
import { reconcileAll, reconcileMember } from './reconcile.ts'

const member = (name: string, status: MemberStatus, address = '10.0.0.9'): Member => ({
  name,
  address: ipv4(address),
  port: 8301,
  tags: new Map(),
  status,
})

function catalogOf(...nodes: readonly (readonly [name: string, status: string])[]): CatalogTable {
  const catalog = new CatalogTable()
  nodes.forEach(([name, status], i) => {
    catalog.ensureNode(i + 1, name, '10.0.0.9')
    const check = { check: 'serfHealth', name: 'Serf Health Status', status, output: '' }
    catalog.ensureCheck(i + 1, name, check)
  })
  return catalog
}

/** `register n passing`, and the like. */
function words(command: ReturnType<typeof reconcileMember>): string {
  if (command?.type === 'register') {
    return `register ${command.node} ${command.address} ${command.checks[0]!.status}`
  }
  return command?.type === 'deregister' ? `deregister ${command.node}` : 'nothing'
}

describe('reconcileMember', () => {
  const passing = catalogOf(['n', 'passing'])
  const critical = catalogOf(['n', 'critical'])
  it.each([
    ['alive and new', catalogOf(), 'alive', 'register n 10.0.0.9 passing'],
    ['alive and known', passing, 'alive', 'nothing'],
    ['alive again', critical, 'alive', 'register n 10.0.0.9 passing'],
    ['failed', passing, 'failed', 'register n 10.0.0.9 critical'],
    ['failed and known to have', critical, 'failed', 'nothing'],
    ['failed and unknown', catalogOf(), 'failed', 'nothing'],
    ['about to leave', passing, 'leaving', 'nothing'],
    ['gone on purpose', passing, 'left', 'deregister n'],
    ['gone and unknown', catalogOf(), 'left', 'nothing'],
  ] as const)('a member that is %s', (_what, catalog, status, expected) => {
    expect(words(reconcileMember(catalog, member('n', status), 'leader'))).toBe(expected)
  })

  it('registers a member with a new address', () => {
    const moved = member('n', 'alive', '10.0.0.5')
    expect(words(reconcileMember(passing, moved, 'leader'))).toBe('register n 10.0.0.5 passing')
  })

  it('never takes the leader itself away', () => {
    expect(reconcileMember(passing, member('n', 'left'), 'n')).toBeNull()
  })
})

describe('reconcileAll', () => {
  it('takes nodes away that the pool has forgotten, but not those that never were in it', () => {
    const catalog = catalogOf(['a', 'passing'], ['b', 'critical'])
    catalog.ensureNode(9, 'outside', '10.9.9.9')
    const commands = reconcileAll(catalog, [member('a', 'alive'), member('c', 'alive')], 'a')
    expect(commands.map(words)).toEqual(['register c 10.0.0.9 passing', 'deregister b'])
  })
})
