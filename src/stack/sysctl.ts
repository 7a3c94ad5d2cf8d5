import { MILLISECOND, SECOND } from '../sim/units.ts'
import type { KernelProfile, NeighbourParameters } from './kernel-profile.ts'
import { TCP_BUFFER_SYSCTLS, TCP_SYSCTLS, tcpCongestion } from './tcp/sysctls.ts'

type Setter = (profile: KernelProfile, value: number) => KernelProfile

const neighbour =
  (field: keyof NeighbourParameters, unit: number): Setter =>
  (profile, value) => ({
    ...profile,
    neighbour: { ...profile.neighbour, [field]: value * unit },
  })

/** The settings that the model knows, by sysctl name; values in the kernel's own units. */
const SETTERS: Readonly<Record<string, Setter>> = {
  'net.ipv4.neigh.default.gc_thresh1': neighbour('gcThresh1', 1),
  'net.ipv4.neigh.default.gc_thresh2': neighbour('gcThresh2', 1),
  'net.ipv4.neigh.default.gc_thresh3': neighbour('gcThresh3', 1),
  'net.ipv4.neigh.default.gc_stale_time': neighbour('gcStaleTime', SECOND),
  'net.ipv4.neigh.default.base_reachable_time_ms': neighbour('baseReachableTime', MILLISECOND),
  'net.ipv4.neigh.default.retrans_time_ms': neighbour('retransTime', MILLISECOND),
  'net.ipv4.neigh.default.delay_first_probe_time': neighbour('delayFirstProbe', SECOND),
  'net.ipv4.neigh.default.ucast_solicit': neighbour('ucastSolicit', 1),
  'net.ipv4.neigh.default.mcast_solicit': neighbour('mcastSolicit', 1),
  'net.ipv4.neigh.default.unres_qlen_bytes': neighbour('queueBytes', 1),
  'net.core.wmem_default': (profile, value) => ({ ...profile, wmemDefault: value }),
  'net.core.rmem_default': (profile, value) => ({ ...profile, rmemDefault: value }),
  'net.ipv4.ip_default_ttl': (profile, value) => ({ ...profile, defaultTtl: value }),
  'net.ipv4.route.mtu_expires': (profile, value) => ({ ...profile, pmtuExpires: value * SECOND }),
  'net.ipv4.route.min_pmtu': (profile, value) => ({ ...profile, minPmtu: value }),
  'net.ipv4.ipfrag_time': (profile, value) => ({ ...profile, fragmentTimeout: value * SECOND }),
  'net.ipv4.ipfrag_high_thresh': (profile, value) => ({ ...profile, fragmentMemory: value }),
  ...TCP_SYSCTLS,
  'net.ipv4.icmp_ratelimit': (profile, value) => ({
    ...profile,
    icmp: { ...profile.icmp, rateLimit: value * MILLISECOND },
  }),
  'net.ipv4.icmp_msgs_per_sec': (profile, value) => ({
    ...profile,
    icmp: { ...profile.icmp, messagesPerSecond: value },
  }),
}

/** Settings whose values are no numbers. */
const TEXT_SETTERS: Readonly<
  Record<string, (profile: KernelProfile, text: string) => KernelProfile>
> = {
  ...TCP_BUFFER_SYSCTLS,
  'net.ipv4.tcp_congestion_control': tcpCongestion,
}

export const KNOWN_SYSCTLS: readonly string[] = [
  ...Object.keys(SETTERS),
  ...Object.keys(TEXT_SETTERS),
]

/** A kernel with settings changed. Throws RangeError on a name that the model does not know. */
export function withSysctls(
  profile: KernelProfile,
  sysctls: ReadonlyMap<string, string>,
): KernelProfile {
  let changed = profile
  for (const [name, text] of sysctls) {
    const textSetter = TEXT_SETTERS[name]
    if (textSetter !== undefined) {
      changed = textSetter(changed, text)
      continue
    }
    const setter = SETTERS[name]
    const value = Number(text)
    if (setter === undefined || !Number.isFinite(value) || value < 0) {
      throw new RangeError(`sysctl ${name} = ${text}: not a setting of the model, or not a number`)
    }
    changed = setter(changed, value)
  }
  return changed
}
