import { endpointChain, WORKLOAD_FROM, WORKLOAD_TO } from './chain-names.ts'
import { endpointRules } from './endpoint-chain.ts'
import type { TierPolicies } from './policy-index.ts'

/** The chains of a workload: to it, by its ingress policies, and from it, by those for egress. */
export function workloadChains(
  device: string,
  tiers: readonly TierPolicies[],
  profiles: readonly string[],
  vxlanPort: number,
): Map<string, string[]> {
  // Policies before conntrack or NAT are for host endpoints only.
  const own = tiers.map((tier) => ({
    ...tier,
    policies: tier.policies.filter(({ doNotTrack, preDNAT }) => !doNotTrack && !preDNAT),
  }))
  const spec = { kind: 'normal', tiers: own, profiles, failsafeChain: '' } as const
  return new Map([
    [
      endpointChain(WORKLOAD_TO, device),
      endpointRules({ ...spec, direction: 'ingress', vxlanPort: null }),
    ],
    [
      endpointChain(WORKLOAD_FROM, device),
      endpointRules({ ...spec, direction: 'egress', vxlanPort }),
    ],
  ])
}
