/** Policies as the v3 API has them (https://docs.tigera.io/calico/latest/reference/resources/networkpolicy). */

export type Action = 'Allow' | 'Deny' | 'Log' | 'Pass'

export interface EntityRule {
  readonly nets?: readonly string[]
  readonly notNets?: readonly string[]
  readonly selector?: string
  readonly notSelector?: string
  readonly namespaceSelector?: string
  /** 80, "8000:8010" or the name of a port. */
  readonly ports?: readonly (number | string)[]
  readonly notPorts?: readonly (number | string)[]
}

export interface IcmpMatch {
  readonly type?: number
  readonly code?: number
}

export interface Rule {
  readonly action: Action
  readonly ipVersion?: 4 | 6
  readonly protocol?: string | number
  readonly notProtocol?: string | number
  readonly icmp?: IcmpMatch
  readonly notICMP?: IcmpMatch
  readonly source?: EntityRule
  readonly destination?: EntityRule
}

/** A port of an endpoint, which rules may call by its name. */
export interface EndpointPort {
  readonly name: string
  readonly protocol: string
  readonly port: number
}

export type PolicyType = 'Ingress' | 'Egress'

export interface NetworkPolicySpec {
  readonly tier?: string
  readonly order?: number
  readonly selector?: string
  readonly types?: readonly PolicyType[]
  readonly ingress?: readonly Rule[]
  readonly egress?: readonly Rule[]
}

export interface GlobalNetworkPolicySpec extends NetworkPolicySpec {
  readonly namespaceSelector?: string
  readonly doNotTrack?: boolean
  readonly preDNAT?: boolean
  readonly applyOnForward?: boolean
}

export interface ProfileSpec {
  readonly ingress?: readonly Rule[]
  readonly egress?: readonly Rule[]
  readonly labelsToApply?: Readonly<Record<string, string>>
}

export interface TierSpec {
  readonly order?: number
  readonly defaultAction?: 'Deny' | 'Pass'
}

export interface HostEndpointSpec {
  readonly node: string
  /** A device, or `*`. */
  readonly interfaceName?: string
  readonly expectedIPs?: readonly string[]
  readonly profiles?: readonly string[]
  readonly ports?: readonly EndpointPort[]
}
