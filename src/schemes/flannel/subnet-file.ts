import type { Ipv4Prefix } from '../../wire/ipv4-address.ts'

/**
 * /run/flannel/subnet.env: what flanneld has learnt, for the CNI plugin and for its own next start. It
 * goes with a reboot, for /run is in memory.
 */
export interface SubnetFile {
  /** FLANNEL_NETWORK. */
  readonly network: Ipv4Prefix
  /** FLANNEL_SUBNET names its first address, which is the bridge's. */
  readonly subnet: Ipv4Prefix
  /** FLANNEL_MTU. */
  readonly mtu: number
}

/** What the CNI plugin says before there is one. */
export const NO_SUBNET_FILE =
  "failed to load flannel 'subnet.env' file: open /run/flannel/subnet.env: no such file or directory"
