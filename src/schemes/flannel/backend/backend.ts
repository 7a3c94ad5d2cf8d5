import type { Program } from '../../../control/program/program.ts'
import type { Host } from '../../../host/host.ts'
import type { Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { MacAddress } from '../../../wire/mac-address.ts'
import type { Lease } from '../lease.ts'
import type { FlannelOptions } from '../options.ts'

/** How packets reach the subnets of other hosts. It ends with its program; the kernel keeps its own. */
export interface Backend {
  /** As leases name it; empty = its leases name none, and it takes those of every other. */
  readonly type: string
  /** MTU that is left for containers. */
  readonly mtu: number
  /** Of the device that the others are told of; null where there is none. */
  readonly vtepMac: MacAddress | null
  /** The host's own subnet is known. @returns why the network cannot be set up, or null. */
  configure(subnet: Ipv4Prefix): string | null
  /** A lease of another host has come or changed. */
  leaseAdded(lease: Lease): void
  leaseRemoved(lease: Lease): void
}

/** What a backend works with. */
export interface BackendContext {
  readonly host: Host
  /** flanneld. */
  readonly program: Program
  readonly options: FlannelOptions
}

/** Bytes before an inner packet: outer IPv4, UDP and VXLAN, inner Ethernet. */
export const VXLAN_OVERHEAD = 50
/** Outer IPv4. */
export const IPIP_OVERHEAD = 20
/** Outer IPv4 and UDP. */
export const UDP_OVERHEAD = 28

/** What of a host's MTU the backend takes, bytes. */
export function overheadOf({ backend }: FlannelOptions): number {
  switch (backend) {
    case 'vxlan':
      return VXLAN_OVERHEAD
    case 'host-gw':
      return 0
    case 'ipip':
      return IPIP_OVERHEAD
    case 'udp':
      return UDP_OVERHEAD
  }
}
