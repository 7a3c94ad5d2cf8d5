import type { Ipv4Prefix } from '../../wire/ipv4-address.ts'

/** /run/flannel/subnet.env: what flanneld has learnt, for the CNI plugin and for its own next start. */
export interface SubnetFile {
  /** FLANNEL_NETWORK. */
  readonly network: Ipv4Prefix
  /** FLANNEL_SUBNET names its first address, which is the bridge's. */
  readonly subnet: Ipv4Prefix
  /** FLANNEL_MTU. */
  readonly mtu: number
}
