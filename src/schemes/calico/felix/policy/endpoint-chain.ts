import { type Direction, policyChain, profileChain } from './chain-names.ts'
import type { CompiledRule } from './compiled-rule.ts'
import {
  clearMark,
  comment,
  isMarked,
  isUnmarked,
  jump,
  MARK_ACCEPT,
  MARK_PASS,
  rule,
  setMark,
} from './marks.ts'
import type { Policy, TierPolicies } from './policy-index.ts'
import { DENY } from './rule-renderer.ts'

/** What an endpoint's chain is for: policies before conntrack or NAT decide nothing at their end. */
export type ChainKind = 'normal' | 'forward' | 'untracked' | 'pre-dnat'

export interface EndpointChainSpec {
  readonly kind: ChainKind
  readonly direction: Direction
  readonly tiers: readonly TierPolicies[]
  readonly profiles: readonly string[]
  /** '' = none: workloads. */
  readonly failsafeChain: string
  /** The UDP port of VXLAN, to keep tunnels of the endpoint's own from passing by its policy; null = may. */
  readonly vxlanPort: number | null
}

/** A policy's rules in a direction, and whether it has a say there. */
export function rulesOf(policy: Policy, direction: Direction): readonly CompiledRule[] {
  return direction === 'ingress' ? policy.ingress : policy.egress
}

export function appliesIn(policy: Policy, direction: Direction): boolean {
  return direction === 'ingress' ? policy.isIngress : policy.isEgress
}

/**
 * The chain of an endpoint in one direction (felix/rules/endpoints.go). It returns with the accept mark what
 * is allowed, for another endpoint may yet have its say, and drops the rest.
 */
export function endpointRules(spec: EndpointChainSpec): string[] {
  const rules: string[] = []
  if (spec.kind !== 'untracked') {
    rules.push(
      rule('-m conntrack --ctstate RELATED,ESTABLISHED', jump('ACCEPT')),
      rule('-m conntrack --ctstate INVALID', DENY),
    )
  }
  if (spec.failsafeChain !== '') rules.push(jump(spec.failsafeChain))
  rules.push(clearMark(MARK_ACCEPT | MARK_PASS))
  if (spec.vxlanPort !== null) rules.push(...ownTunnels(spec.vxlanPort))
  let hasPolicies = false
  for (const tier of spec.tiers) {
    const policies = tier.policies.filter((policy) => appliesIn(policy, spec.direction))
    if (policies.length === 0) continue
    hasPolicies = true
    rules.push(...tierRules({ ...tier, policies }, spec))
  }
  if (spec.kind === 'forward' && !hasPolicies) {
    rules.push(
      rule(comment('Allow forwarded traffic by default'), setMark(MARK_ACCEPT)),
      rule(comment('Return for accepted forward traffic'), jump('RETURN')),
    )
  }
  if (spec.kind === 'normal') rules.push(...profileRules(spec))
  return rules
}

function ownTunnels(port: number): string[] {
  return [
    rule(
      comment('Drop VXLAN encapped packets originating in workloads'),
      `-p udp -m multiport --destination-ports ${port}`,
      DENY,
    ),
    rule(comment('Drop IPinIP encapped packets originating in workloads'), '-p 4', DENY),
  ]
}

function tierRules(tier: TierPolicies, { kind, direction }: EndpointChainSpec): string[] {
  const rules = [rule(comment(`Start of tier ${tier.name}`), clearMark(MARK_PASS))]
  for (const { id } of tier.policies) {
    rules.push(rule(isUnmarked(MARK_PASS), jump(policyChain(direction, id))))
    if (kind === 'untracked') rules.push(rule(isMarked(MARK_ACCEPT), jump('NOTRACK')))
    const accepted = [isMarked(MARK_ACCEPT), jump('RETURN')]
    rules.push(rule(comment('Return if policy accepted'), ...accepted))
  }
  if ((kind === 'normal' || kind === 'forward') && !tier.passes) {
    const end = comment(`End of tier ${tier.name}. Drop if no policies passed packet`)
    rules.push(rule(end, isUnmarked(MARK_PASS), DENY))
  }
  return rules
}

function profileRules({ profiles, direction }: EndpointChainSpec): string[] {
  const rules = profiles.flatMap((name) => [
    jump(profileChain(direction, name)),
    rule(comment('Return if profile accepted'), isMarked(MARK_ACCEPT), jump('RETURN')),
  ])
  return [...rules, rule(comment('Drop if no profiles matched'), DENY)]
}
