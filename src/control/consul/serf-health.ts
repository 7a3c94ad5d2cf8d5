import { formatIpv4 } from '../../wire/ipv4-address.ts'
import type { Member, MemberEventType } from '../gossip/serf/members.ts'
import type { CatalogTable } from './store/catalog-table.ts'
import { type Command, SERF_CHECK } from './store/commands.ts'

const CHECK_NAME = 'Serf Health Status'
const ALIVE_OUTPUT = 'Agent alive and reachable'
const FAILED_OUTPUT = 'Agent not live or unreachable'

type SerfStatus = 'passing' | 'critical'

/**
 * What the leader writes into the catalog of what its gossip pool finds: nodes with their check
 * `serfHealth`. Nothing is written that the catalog has already. Source: consul agent/consul/leader.go.
 */
export class SerfHealth {
  private readonly self: string
  private readonly catalog: CatalogTable

  /** @param self name of the leader's own node. @param catalog of its own state store. */
  constructor(self: string, catalog: CatalogTable) {
    this.self = self
    this.catalog = catalog
  }

  /** @returns what to propose on an event of the pool; null = nothing. */
  commandFor({ type, member }: { type: MemberEventType; member: Member }): Command | null {
    return type === 'member-reap' ? this.deregister(member.name) : this.reconcileMember(member)
  }

  /**
   * The whole pool, as a new leader does at first and then every 60 s: members whose events went to
   * other leaders, or to none, and nodes that the pool does not know any more.
   */
  reconcile(members: readonly Member[]): Command[] {
    const known = new Set(members.map(({ name }) => name.toLowerCase()))
    const commands = members.map((member) => this.reconcileMember(member))
    for (const { node } of this.catalog.allNodes()) {
      const wasMember = this.catalog.check(node, SERF_CHECK) !== undefined
      if (wasMember && !known.has(node.toLowerCase())) commands.push(this.deregister(node))
    }
    return commands.filter((command) => command !== null)
  }

  private reconcileMember(member: Member): Command | null {
    switch (member.status) {
      case 'alive':
        return this.register(member, formatIpv4(member.address), 'passing')
      case 'failed': {
        // One that was never registered has nothing that could fail. Its address stays what it was.
        const node = this.catalog.node(member.name)
        return node === undefined ? null : this.register(member, node.address, 'critical')
      }
      case 'left':
        return this.deregister(member.name)
      case 'leaving':
        return null
    }
  }

  private register(member: Member, address: string, status: SerfStatus): Command | null {
    const { name } = member
    const isAtAddress = this.catalog.node(name)?.address === formatIpv4(member.address)
    if (isAtAddress && this.catalog.check(name, SERF_CHECK)?.status === status) return null
    const output = status === 'passing' ? ALIVE_OUTPUT : FAILED_OUTPUT
    const check = { check: SERF_CHECK, name: CHECK_NAME, status, output }
    return { type: 'register', node: name, address, checks: [check] }
  }

  /** A leader that leaves does not remove itself: its successor does. */
  private deregister(name: string): Command | null {
    if (name.toLowerCase() === this.self.toLowerCase()) return null
    return this.catalog.node(name) === undefined ? null : { type: 'deregister', node: name }
  }
}
