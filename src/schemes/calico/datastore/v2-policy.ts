/** Policies as etcd v2 has them: of all endpoints, in one tier (libcalico-go 1.7, lib/backend/model/policy.go). */
import { type Resource, resource } from './model.ts'
import type { PolicyType } from './policy-model.ts'
import { decodeRule, encodeRule, type V2Rule } from './v2-rules.ts'

interface V2Policy {
  readonly order?: number | undefined
  readonly inbound_rules?: readonly V2Rule[] | undefined
  readonly outbound_rules?: readonly V2Rule[] | undefined
  readonly selector: string
  readonly untracked?: boolean | undefined
  readonly pre_dnat?: boolean | undefined
  readonly types?: readonly string[] | undefined
}

const WORDS: Readonly<Record<PolicyType, string>> = { Ingress: 'ingress', Egress: 'egress' }

/** Types are written out, by the rules where the user names none. */
export function encodePolicy({ spec }: Resource<'GlobalNetworkPolicy'>): V2Policy {
  const { order, selector = '', ingress = [], egress = [], types } = spec
  const byRules: readonly PolicyType[] =
    egress.length === 0 ? ['Ingress'] : ingress.length === 0 ? ['Egress'] : ['Ingress', 'Egress']
  return {
    order,
    inbound_rules: ingress.length === 0 ? undefined : ingress.map((one) => encodeRule(one, false)),
    outbound_rules: egress.length === 0 ? undefined : egress.map((one) => encodeRule(one, false)),
    selector,
    untracked: spec.doNotTrack || undefined,
    pre_dnat: spec.preDNAT || undefined,
    types: (types ?? byRules).map((type) => WORDS[type]),
  }
}

export function decodePolicy(value: V2Policy, name: string): Resource<'GlobalNetworkPolicy'> {
  const { order, selector, untracked = false, pre_dnat: preDNAT = false, types = [] } = value
  return resource(
    'GlobalNetworkPolicy',
    { name },
    {
      ...(order === undefined ? {} : { order }),
      selector,
      types: types.map((type) => (type === 'egress' ? 'Egress' : 'Ingress')),
      ingress: (value.inbound_rules ?? []).map(decodeRule),
      egress: (value.outbound_rules ?? []).map(decodeRule),
      doNotTrack: untracked,
      preDNAT,
      // The word is younger; what it asks for went without saying.
      applyOnForward: untracked || preDNAT,
    },
  )
}
