import { MILLISECOND, SECOND } from '../sim/units.ts'
import {
  TCP_LINUX_4_15,
  TCP_LINUX_5_15,
  TCP_LINUX_6_18,
  type TcpParameters,
} from './tcp/parameters.ts'

/**
 * Constants of a Linux release that differ between releases, or that users tune. Durations are
 * picoseconds, sizes bytes. Sources: net/ipv4/arp.c, net/core/neighbour.c, ip-sysctl.rst; the 6.18
 * column was read from a running kernel.
 */
export interface KernelProfile {
  readonly name: string
  /** CONFIG_HZ. */
  readonly hz: number
  readonly neighbour: NeighbourParameters
  readonly icmp: IcmpParameters
  readonly tcp: TcpParameters
  /** How long a learned path MTU is kept (mtu_expires), and the least that is believed (min_pmtu). */
  readonly pmtuExpires: number
  readonly minPmtu: number
  /** ipfrag_time and ipfrag_high_thresh. */
  readonly fragmentTimeout: number
  readonly fragmentMemory: number
  /** ip_local_port_range. */
  readonly localPorts: readonly [number, number]
  readonly defaultTtl: number
  /** wmem_default and rmem_default: buffers of sockets other than TCP's, bytes of skb truesize. */
  readonly wmemDefault: number
  readonly rmemDefault: number
  /**
   * Whether PERMANENT neighbours count against gc_thresh. They do not since 5.0, whose forced collection
   * is also a gentler one.
   */
  readonly permanentNeighboursCount: boolean
  /** Whether a bridged tunnel answers too large packets itself (skb_tunnel_check_pmtu, since 5.9). */
  readonly tunnelAnswersPmtu: boolean
}

export interface NeighbourParameters {
  readonly baseReachableTime: number
  /** Whether reachable times are drawn from 0.5 to 1.5 times the base (RFC 4861). */
  readonly randomReachable: boolean
  readonly retransTime: number
  readonly delayFirstProbe: number
  readonly gcStaleTime: number
  readonly ucastSolicit: number
  readonly mcastSolicit: number
  /** unres_qlen_bytes, of skb truesize. */
  readonly queueBytes: number
  readonly locktime: number
  readonly gcThresh1: number
  readonly gcThresh2: number
  readonly gcThresh3: number
}

export interface IcmpParameters {
  /** icmp_ratelimit: least time between two rate-limited messages to one target. */
  readonly rateLimit: number
  /** icmp_msgs_per_sec and icmp_msgs_burst, for the whole kernel. */
  readonly messagesPerSecond: number
  readonly burst: number
}

const neighbour: NeighbourParameters = {
  baseReachableTime: 30 * SECOND,
  randomReachable: true,
  retransTime: SECOND,
  delayFirstProbe: 5 * SECOND,
  gcStaleTime: 60 * SECOND,
  ucastSolicit: 3,
  mcastSolicit: 3,
  queueBytes: 212992,
  locktime: SECOND,
  gcThresh1: 128,
  gcThresh2: 512,
  gcThresh3: 1024,
}

const linux618: KernelProfile = {
  name: '6.18',
  hz: 250,
  neighbour,
  icmp: { rateLimit: 1000 * MILLISECOND, messagesPerSecond: 1000, burst: 50 },
  tcp: TCP_LINUX_6_18,
  pmtuExpires: 600 * SECOND,
  minPmtu: 552,
  fragmentTimeout: 30 * SECOND,
  fragmentMemory: 4 * 1024 * 1024,
  localPorts: [32768, 60999],
  defaultTtl: 64,
  wmemDefault: 212992,
  rmemDefault: 212992,
  permanentNeighboursCount: false,
  tunnelAnswersPmtu: true,
}

export const KERNEL_PROFILES: Readonly<Record<string, KernelProfile>> = {
  '6.18': linux618,
  '5.15': { ...linux618, name: '5.15', tcp: TCP_LINUX_5_15 },
  '4.15': {
    ...linux618,
    name: '4.15',
    tcp: TCP_LINUX_4_15,
    permanentNeighboursCount: true,
    tunnelAnswersPmtu: false,
  },
}
