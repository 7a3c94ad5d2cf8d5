import type { ChainTables } from '../dataplane-part.ts'
import {
  type Direction,
  endpointChain,
  FAILSAFE_IN,
  FAILSAFE_OUT,
  FROM_HOST_ENDPOINT,
  FROM_HOST_FORWARD,
  HOST_FROM,
  HOST_FROM_FORWARD,
  HOST_TO,
  HOST_TO_FORWARD,
  TO_HOST_ENDPOINT,
  TO_HOST_FORWARD,
} from './chain-names.ts'
import { dispatchChains } from './dispatch-chains.ts'
import { type ChainKind, endpointRules } from './endpoint-chain.ts'
import { comment, goto, jump, rule } from './marks.ts'
import { OwnedChains } from './owned-chains.ts'
import type { Policy, TierPolicies } from './policy-index.ts'

/** Stands for every device in names of chains. */
const ANY_DEVICE = 'any-interface-at-all'

export interface HostEndpoint {
  /** null = all devices without an endpoint of their own. */
  readonly device: string | null
  readonly profiles: readonly string[]
  readonly tiers: readonly TierPolicies[]
}

/** One chain of each endpoint, and the dispatch to it. */
interface HostChainKind {
  readonly kind: ChainKind
  readonly direction: Direction
  readonly prefix: string
  readonly dispatch: string
  readonly failsafeChain: string
  /** Which policies have a say in it. */
  readonly takes: (policy: Policy) => boolean
}

const isTracked = ({ doNotTrack, preDNAT }: Policy) => !doNotTrack && !preDNAT
const isForwarded = (policy: Policy) => isTracked(policy) && policy.applyOnForward
const isUntracked = ({ doNotTrack }: Policy) => doNotTrack
const isPreDnat = ({ preDNAT }: Policy) => preDNAT

function kind(
  kindOf: ChainKind,
  direction: Direction,
  [prefix, dispatch]: readonly [string, string],
  takes: (policy: Policy) => boolean,
): HostChainKind {
  const failsafe = direction === 'ingress' ? FAILSAFE_IN : FAILSAFE_OUT
  const failsafeChain = kindOf === 'forward' ? '' : failsafe
  return { kind: kindOf, direction, prefix, dispatch, failsafeChain, takes }
}

const FROM = [HOST_FROM, FROM_HOST_ENDPOINT] as const
const TO = [HOST_TO, TO_HOST_ENDPOINT] as const

const KINDS = {
  filter: [
    kind('normal', 'ingress', FROM, isTracked),
    kind('normal', 'egress', TO, isTracked),
    kind('forward', 'ingress', [HOST_FROM_FORWARD, FROM_HOST_FORWARD], isForwarded),
    kind('forward', 'egress', [HOST_TO_FORWARD, TO_HOST_FORWARD], isForwarded),
  ],
  raw: [
    kind('untracked', 'ingress', FROM, isUntracked),
    kind('untracked', 'egress', TO, isUntracked),
  ],
  mangle: [kind('pre-dnat', 'ingress', FROM, isPreDnat)],
} as const

/** The chains of host endpoints in the three tables that know them (felix/rules/endpoints.go). */
export class HostChains {
  private readonly owned: readonly (readonly [keyof typeof KINDS, OwnedChains])[]

  constructor(tables: ChainTables) {
    this.owned = (['filter', 'raw', 'mangle'] as const).map((name) => [
      name,
      new OwnedChains(tables, name),
    ])
  }

  set(endpoints: readonly HostEndpoint[]): void {
    for (const [table, owned] of this.owned) {
      owned.set(new Map(KINDS[table].flatMap((one) => [...chainsOf(one, endpoints)])))
    }
  }
}

function chainsOf(chain: HostChainKind, endpoints: readonly HostEndpoint[]) {
  const { prefix, direction, failsafeChain } = chain
  const named = endpoints.flatMap(({ device }) => (device === null ? [] : [device]))
  const isAny = endpoints.some(({ device }) => device === null)
  const way = direction === 'ingress' ? 'in' : 'out'
  const end = isAny ? defaultEnd(chain) : []
  const chains = dispatchChains({ chain: chain.dispatch, way, prefix, end }, named)
  for (const { device, profiles, tiers } of endpoints) {
    const own = tiers.map((tier) => ({ ...tier, policies: tier.policies.filter(chain.takes) }))
    const rules = endpointRules({
      kind: chain.kind,
      direction,
      tiers: own,
      profiles: chain.kind === 'normal' ? profiles : [],
      failsafeChain,
      vxlanPort: null,
    })
    chains.set(endpointChain(prefix, device ?? ANY_DEVICE), rules)
  }
  return chains
}

/** What a host sends to its own workloads is not for the endpoint of all devices. */
function defaultEnd({ prefix }: HostChainKind): string[] {
  const toAny = goto(endpointChain(prefix, ANY_DEVICE))
  if (prefix !== HOST_TO) return [toAny]
  const skipped = comment('Skip egress WHEP policy for traffic to local workload')
  return [rule(skipped, '--out-interface cali+', jump('RETURN')), toAny]
}
