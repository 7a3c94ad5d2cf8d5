import type { IPPoolSpec, Update } from '../datastore/model.ts'
import type { DataplanePart, FelixContext } from './dataplane-part.ts'

const ALL_POOLS = 'all-ipam-pools'
const MASQUERADED = 'masq-ipam-pools'

/** NAT of what leaves all pools out of one that asks for it (masq_mgr.go). */
export class MasqueradePart implements DataplanePart {
  private readonly context: FelixContext
  private readonly pools = new Map<string, IPPoolSpec>()
  private isDirty = true

  constructor(context: FelixContext) {
    this.context = context
  }

  onUpdate(update: Update): void {
    if (update.kind !== 'IPPool') return
    if (update.value === null) this.pools.delete(update.key)
    else this.pools.set(update.key, update.value.spec)
    this.isDirty = true
  }

  prepare(): void {
    if (!this.isDirty) return
    this.isDirty = false
    const { ipsets, tables } = this.context
    const pools = [...this.pools.values()]
    const masqueraded = pools.filter(({ natOutgoing }) => natOutgoing === true)
    ipsets.replace(
      ALL_POOLS,
      'hash:net',
      pools.map(({ cidr }) => cidr),
    )
    ipsets.replace(
      MASQUERADED,
      'hash:net',
      masqueraded.map(({ cidr }) => cidr),
    )
    const isFromPool = `-m set --match-set ${ipsets.nameOf(MASQUERADED)} src`
    const isToOutside = `-m set ! --match-set ${ipsets.nameOf(ALL_POOLS)} dst`
    const rules = [`${isFromPool} ${isToOutside} -j MASQUERADE`]
    tables.setChain('nat', 'cali-nat-outgoing', masqueraded.length > 0 ? rules : [])
  }
}
