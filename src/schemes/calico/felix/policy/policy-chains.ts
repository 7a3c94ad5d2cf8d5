import type { ProfileSpec } from '../../datastore/policy-model.ts'
import type { ChainTables, Ipsets, TableName } from '../dataplane-part.ts'
import { type Direction, policyChain, profileChain } from './chain-names.ts'
import { type CompiledRule, compileRule, type SetSpec, setsOf } from './compiled-rule.ts'
import { appliesIn, rulesOf } from './endpoint-chain.ts'
import { OwnedChains } from './owned-chains.ts'
import type { Policy } from './policy-index.ts'
import { renderRules } from './rule-renderer.ts'

const DIRECTIONS: readonly Direction[] = ['ingress', 'egress']

/** The chains of policies and profiles that some endpoint of the node uses, and the sets that they ask. */
export class PolicyChains {
  private readonly ipsets: Ipsets
  private readonly owned: ReadonlyMap<TableName, OwnedChains>
  private asked = new Map<string, SetSpec>()

  constructor(tables: ChainTables, ipsets: Ipsets) {
    this.ipsets = ipsets
    const names: readonly TableName[] = ['filter', 'raw', 'mangle']
    this.owned = new Map(names.map((name) => [name, new OwnedChains(tables, name)]))
  }

  /** By id. */
  get sets(): ReadonlyMap<string, SetSpec> {
    return this.asked
  }

  set(
    policies: readonly Policy[],
    profiles: readonly { readonly name: string; readonly spec: ProfileSpec }[],
  ): void {
    this.asked = new Map()
    const chains = new Map<TableName, Map<string, string[]>>()
    for (const name of this.owned.keys()) chains.set(name, new Map())
    for (const policy of new Set(policies)) {
      const table = chains.get(tableOf(policy))!
      for (const direction of DIRECTIONS) {
        if (!appliesIn(policy, direction)) continue
        const rules = this.render(rulesOf(policy, direction), `Policy ${policy.id} ${direction}`)
        table.set(policyChain(direction, policy.id), rules)
      }
    }
    for (const { name, spec } of profiles) {
      for (const direction of DIRECTIONS) {
        const rules = (spec[direction] ?? []).map((rule) => compileRule(rule, null))
        const rendered = this.render(rules, `Profile ${name} ${direction}`)
        chains.get('filter')!.set(profileChain(direction, name), rendered)
      }
    }
    for (const [name, owned] of this.owned) owned.set(chains.get(name)!)
  }

  private render(rules: readonly CompiledRule[], name: string): string[] {
    for (const rule of rules) for (const spec of setsOf(rule)) this.asked.set(spec.id, spec)
    return renderRules(rules, name, this.ipsets)
  }
}

function tableOf({ doNotTrack, preDNAT }: Policy): TableName {
  if (doNotTrack) return 'raw'
  return preDNAT ? 'mangle' : 'filter'
}
