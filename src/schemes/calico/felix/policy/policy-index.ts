import type { Resource, Update } from '../../datastore/model.ts'
import { keyOf } from '../../datastore/model.ts'
import type { GlobalNetworkPolicySpec, Rule } from '../../datastore/policy-model.ts'
import { parseSelector } from '../../policy/selector/parser.ts'
import { both, type Labels, type Selector } from '../../policy/selector/selector.ts'
import { type CompiledRule, compileRule, inNamespace, ofNamespaces } from './compiled-rule.ts'

/** Without an order: last. */
const LAST = Number.POSITIVE_INFINITY
const DEFAULT_TIER = 'default'

/** A policy made ready: of which endpoints, in which directions, with which rules. */
export interface Policy {
  /** Its name in chains: `default.p`, or `namespace/default.p`. */
  readonly id: string
  readonly kind: string
  readonly tier: string
  readonly order: number
  readonly selector: Selector
  readonly ingress: readonly CompiledRule[]
  readonly egress: readonly CompiledRule[]
  readonly isIngress: boolean
  readonly isEgress: boolean
  readonly doNotTrack: boolean
  readonly preDNAT: boolean
  readonly applyOnForward: boolean
}

/** The policies of one tier, in order. */
export interface TierPolicies {
  readonly name: string
  /** Whether what no policy of it decides is passed on, not dropped. */
  readonly passes: boolean
  readonly policies: readonly Policy[]
}

type PolicyUpdate = Extract<Update, { kind: 'NetworkPolicy' | 'GlobalNetworkPolicy' }>
type TierUpdate = Extract<Update, { kind: 'Tier' }>

/** All policies and tiers, and in which order which apply to an endpoint (felix/calc: PolicyResolver). */
export class PolicyIndex {
  private readonly policies = new Map<string, Policy>()
  private readonly tiers = new Map<string, { order: number; passes: boolean }>()
  private sorted: readonly TierPolicies[] | null = null

  onPolicy({ kind, key, value }: PolicyUpdate): void {
    const id = `${kind}/${key}`
    if (value === null) this.policies.delete(id)
    else this.policies.set(id, compilePolicy(value))
    this.sorted = null
  }

  onTier({ key, value }: TierUpdate): void {
    if (value === null) this.tiers.delete(key)
    else {
      const { order = LAST, defaultAction } = value.spec
      this.tiers.set(key, { order, passes: defaultAction === 'Pass' })
    }
    this.sorted = null
  }

  /** The tiers with a policy for an endpoint with these labels, and those policies. */
  forEndpoint(labels: Labels): TierPolicies[] {
    const found: TierPolicies[] = []
    for (const tier of this.ordered()) {
      const policies = tier.policies.filter(({ selector }) => selector.matches(labels))
      if (policies.length > 0) found.push({ ...tier, policies })
    }
    return found
  }

  private ordered(): readonly TierPolicies[] {
    if (this.sorted !== null) return this.sorted
    const byTier = new Map<string, Policy[]>()
    for (const policy of this.policies.values()) {
      const policies = byTier.get(policy.tier)
      if (policies === undefined) byTier.set(policy.tier, [policy])
      else policies.push(policy)
    }
    const tiers = [...byTier].map(([name, policies]) => ({ name, policies, ...this.tier(name) }))
    tiers.sort((a, b) => compare(a.order, b.order) || compare(a.name, b.name))
    this.sorted = tiers.map(({ name, passes, policies }) => ({
      name,
      passes,
      policies: policies.sort(
        (a, b) => compare(a.order, b.order) || compare(a.id, b.id) || compare(a.kind, b.kind),
      ),
    }))
    return this.sorted
  }

  private tier(name: string): { order: number; passes: boolean } {
    const known = this.tiers.get(name)
    if (known !== undefined) return known
    return { order: name === DEFAULT_TIER ? DEFAULT_TIER_ORDER : LAST, passes: false }
  }
}

const DEFAULT_TIER_ORDER = 1_000_000

function compare<T extends number | string>(a: T, b: T): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function compilePolicy(
  resource: Resource<'NetworkPolicy'> | Resource<'GlobalNetworkPolicy'>,
): Policy {
  const { kind, metadata } = resource
  const spec: GlobalNetworkPolicySpec = resource.spec
  const namespace = metadata.namespace ?? null
  const { ingress = [], egress = [] } = spec
  const types = spec.types ?? defaultTypes(ingress, egress)
  return {
    id: keyOf(resource),
    kind,
    tier: spec.tier ?? DEFAULT_TIER,
    order: spec.order ?? LAST,
    selector: policySelector(spec, namespace),
    ingress: ingress.map((rule) => compileRule(rule, namespace)),
    egress: egress.map((rule) => compileRule(rule, namespace)),
    isIngress: types.includes('Ingress'),
    isEgress: types.includes('Egress'),
    doNotTrack: spec.doNotTrack ?? false,
    preDNAT: spec.preDNAT ?? false,
    applyOnForward: spec.applyOnForward ?? false,
  }
}

function defaultTypes(ingress: readonly Rule[], egress: readonly Rule[]) {
  if (egress.length === 0) return ['Ingress']
  return ingress.length === 0 ? ['Egress'] : ['Ingress', 'Egress']
}

function policySelector(spec: GlobalNetworkPolicySpec, namespace: string | null): Selector {
  const own = parseSelector(spec.selector ?? '')
  if (namespace !== null) return both(own, inNamespace(namespace))
  const { namespaceSelector } = spec
  return namespaceSelector === undefined ? own : both(own, ofNamespaces(namespaceSelector))
}
