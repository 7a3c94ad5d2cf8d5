import type { Ipv4Address, Ipv4Prefix } from '../../../wire/ipv4-address.ts'

/** One `protocol bgp` of bird.cfg. */
export interface BirdPeer {
  /** As confd names it: `Mesh_10_0_0_2`, `Global_10_0_0_254`, `Node_10_0_0_254`. */
  readonly name: string
  readonly address: Ipv4Address
  readonly asNumber: number
  /** `passive on`: the peer connects. */
  readonly isPassive: boolean
  /** `rr client`. */
  readonly isReflectorClient: boolean
  readonly nextHop: 'auto' | 'self' | 'keep'
  /** `keepalive time`, seconds; null = a third of the hold time. */
  readonly keepalive: number | null
  /** `graceful restart time`, seconds. */
  readonly restartTime: number
}

/** An IP pool, as the filters of bird_ipam.cfg see it. */
export interface BirdPool {
  readonly cidr: Ipv4Prefix
  readonly isExported: boolean
  /**
   * What `calico_kernel_programming` does with routes into it: leaves their next hop, sets
   * `krt_tunnel="tunl0"`, or rejects them as Felix programs them.
   */
  readonly kernel: 'plain' | 'tunnel' | 'tunnel unless near' | 'reject'
}

/** An own block of bird_aggr.cfg. */
export interface BirdBlock {
  readonly cidr: Ipv4Prefix
  /** Of a pending one the filters know nothing. */
  readonly isConfirmed: boolean
}

/** The files that confd renders for a node's BIRD, as what they say. */
export interface BirdConfig {
  /** Router id and `source address`: the node's own. */
  readonly address: Ipv4Address
  /** The node's subnet: next hops in it are near. */
  readonly subnet: Ipv4Prefix
  readonly asNumber: number
  /** `rr cluster id`; null where the node reflects nothing. */
  readonly clusterId: Ipv4Address | null
  readonly peers: readonly BirdPeer[]
  readonly pools: readonly BirdPool[]
  readonly blocks: readonly BirdBlock[]
}
