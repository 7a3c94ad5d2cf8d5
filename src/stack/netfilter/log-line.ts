import { type Frame, PROTOCOL_ICMP } from '../../wire/frame.ts'
import { IcmpMessage } from '../../wire/icmp.ts'
import { describeProtocol } from '../../wire/ipv4.ts'
import { formatIpv4 } from '../../wire/ipv4-address.ts'
import type { NetDevice } from '../device.ts'

/** What a LOG rule writes of a packet into the kernel's log (net/netfilter/nf_log_syslog.c), in short. */
export function logLine(
  prefix: string,
  frame: Frame,
  input: NetDevice | null,
  output: NetDevice | null,
): string {
  const parts = [
    `${prefix}IN=${input?.name ?? ''}`,
    `OUT=${output?.name ?? ''}`,
    `SRC=${formatIpv4(frame.ipSrc)}`,
    `DST=${formatIpv4(frame.ipDst)}`,
    `LEN=${frame.l3Length}`,
    `TTL=${frame.ttl}`,
    `PROTO=${describeProtocol(frame.protocol)}`,
  ]
  const { header } = frame.fragmentOf ?? frame
  if (frame.fragmentOffset !== 0) parts.push(`FRAG:${frame.fragmentOffset / 8}`)
  else if (frame.protocol === PROTOCOL_ICMP && header instanceof IcmpMessage) {
    parts.push(`TYPE=${header.type}`, `CODE=${header.code}`)
  } else if (frame.sourcePort !== 0 || frame.destinationPort !== 0) {
    parts.push(`SPT=${frame.sourcePort}`, `DPT=${frame.destinationPort}`)
  }
  return parts.join(' ')
}
