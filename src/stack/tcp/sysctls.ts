import { MICROSECOND, MILLISECOND, SECOND } from '../../sim/units.ts'
import type { KernelProfile } from '../kernel-profile.ts'
import type { BufferRange, TcpParameters } from './parameters.ts'

type NumberSetter = (profile: KernelProfile, value: number) => KernelProfile
type TextSetter = (profile: KernelProfile, text: string) => KernelProfile

/** The parameters of one kind. */
type Of<T> = {
  [K in keyof TcpParameters]: TcpParameters[K] extends T ? K : never
}[keyof TcpParameters]

function change(profile: KernelProfile, changes: Partial<TcpParameters>): KernelProfile {
  return { ...profile, tcp: { ...profile.tcp, ...changes } }
}

const number =
  (field: Of<number>, unit = 1): NumberSetter =>
  (profile, value) =>
    change(profile, { [field]: value * unit })

const flag =
  (field: Of<boolean>): NumberSetter =>
  (profile, value) =>
    change(profile, { [field]: value !== 0 })

/** net.ipv4.tcp_* by name; values in the kernel's own units. */
export const TCP_SYSCTLS: Readonly<Record<string, NumberSetter>> = {
  'net.core.somaxconn': number('somaxconn'),
  'net.ipv4.tcp_syn_retries': number('synRetries'),
  'net.ipv4.tcp_syn_linear_timeouts': number('synLinearTimeouts'),
  'net.ipv4.tcp_synack_retries': number('synackRetries'),
  'net.ipv4.tcp_retries1': number('retries1'),
  'net.ipv4.tcp_retries2': number('retries2'),
  'net.ipv4.tcp_orphan_retries': number('orphanRetries'),
  'net.ipv4.tcp_moderate_rcvbuf': flag('moderateRcvbuf'),
  'net.ipv4.tcp_limit_output_bytes': number('limitOutputBytes'),
  'net.ipv4.tcp_slow_start_after_idle': flag('slowStartAfterIdle'),
  'net.ipv4.tcp_timestamps': flag('timestamps'),
  'net.ipv4.tcp_sack': flag('sack'),
  'net.ipv4.tcp_dsack': flag('dsack'),
  'net.ipv4.tcp_window_scaling': flag('windowScaling'),
  'net.ipv4.tcp_mtu_probing': (profile, value) =>
    change(profile, { mtuProbing: value === 0 ? 0 : value === 1 ? 1 : 2 }),
  'net.ipv4.tcp_base_mss': number('baseMss'),
  'net.ipv4.tcp_mtu_probe_floor': number('mtuProbeFloor'),
  'net.ipv4.tcp_reordering': number('reordering'),
  'net.ipv4.tcp_max_reordering': number('maxReordering'),
  'net.ipv4.tcp_early_retrans': (profile, value) => change(profile, { lossProbes: value >= 3 }),
  'net.ipv4.tcp_frto': flag('frto'),
  'net.ipv4.tcp_tso_win_divisor': number('tsoWinDivisor'),
  'net.ipv4.tcp_min_tso_segs': number('minTsoSegments'),
  'net.ipv4.tcp_tso_rtt_log': number('tsoRttLog'),
  'net.ipv4.tcp_pacing_ss_ratio': number('pacingSsRatio'),
  'net.ipv4.tcp_pacing_ca_ratio': number('pacingCaRatio'),
  'net.ipv4.tcp_fin_timeout': number('finTimeout', SECOND),
  'net.ipv4.tcp_pingpong_thresh': number('pingpongThreshold'),
  'net.ipv4.tcp_comp_sack_nr': number('compressedAcks'),
  'net.ipv4.tcp_comp_sack_delay_ns': number('compressedAckDelay', MICROSECOND / 1000),
  'net.ipv4.tcp_invalid_ratelimit': number('invalidRatelimit', MILLISECOND),
}

/** Three sizes: `4096 16384 4194304`. Throws RangeError on anything else. */
const buffer =
  (name: string, field: 'rmem' | 'wmem'): TextSetter =>
  (profile, text) => {
    const sizes = text.trim().split(/\s+/).map(Number)
    const isOrdered = sizes.every((size, i) => size > 0 && size >= (sizes[i - 1] ?? 1))
    if (sizes.length !== 3 || !isOrdered) {
      throw new RangeError(`sysctl ${name} = ${text}: not three sizes in order`)
    }
    const range: BufferRange = [sizes[0]!, sizes[1]!, sizes[2]!]
    return change(profile, { [field]: range })
  }

export const TCP_BUFFER_SYSCTLS: Readonly<Record<string, TextSetter>> = {
  'net.ipv4.tcp_rmem': buffer('net.ipv4.tcp_rmem', 'rmem'),
  'net.ipv4.tcp_wmem': buffer('net.ipv4.tcp_wmem', 'wmem'),
}

/** Throws RangeError on an algorithm that the model does not have. */
export function tcpCongestion(profile: KernelProfile, text: string): KernelProfile {
  if (text !== 'cubic' && text !== 'reno') {
    throw new RangeError(`sysctl net.ipv4.tcp_congestion_control = ${text}: cubic or reno`)
  }
  return change(profile, { congestion: text })
}
