import { MICROSECOND } from '../sim/units.ts'
import type { SendError } from '../stack/ipv4.ts'
import { IPV4_HEADER_BYTES } from '../wire/frame.ts'
import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_FRAGTIME,
  ICMP_FRAG_NEEDED,
  ICMP_HEADER_BYTES,
  ICMP_HOST_ANO,
  ICMP_HOST_UNREACH,
  ICMP_NET_ANO,
  ICMP_NET_UNREACH,
  ICMP_PKT_FILTERED,
  ICMP_PORT_UNREACH,
  ICMP_PROT_UNREACH,
  ICMP_TIME_EXCEEDED,
} from '../wire/icmp.ts'
import { formatIpv4, type Ipv4Address } from '../wire/ipv4-address.ts'

/** What ping prints a line about. */
export type PingEvent =
  | {
      readonly kind: 'reply'
      readonly sequence: number
      readonly from: Ipv4Address
      /** ICMP bytes, as ping counts them. */
      readonly bytes: number
      readonly ttl: number
      /** Picoseconds. */
      readonly rtt: number
      readonly isDuplicate: boolean
    }
  | {
      readonly kind: 'icmp'
      readonly sequence: number
      readonly from: Ipv4Address
      readonly type: number
      readonly code: number
      readonly mtu: number
    }
  | { readonly kind: 'refused'; readonly errno: SendError; readonly mtu: number }

export interface PingStatistics {
  readonly destination: Ipv4Address
  /** Payload bytes. */
  readonly size: number
  readonly events: readonly PingEvent[]
  readonly sent: number
  readonly delivered: number
  readonly duplicates: number
  readonly errors: number
  /** From the first request to the last, picoseconds. */
  readonly duration: number
  /** Picoseconds; null without a reply. */
  readonly rtt: {
    readonly min: number
    readonly mean: number
    readonly max: number
    readonly deviation: number
  } | null
  /** Most requests that were under way when an answer came. */
  readonly pipe: number
}

const ERRNO_TEXT: Readonly<Record<SendError, string>> = {
  EMSGSIZE: 'Message too long',
  ENETUNREACH: 'Network is unreachable',
  EHOSTUNREACH: 'No route to host',
  EINVAL: 'Invalid argument',
  EACCES: 'Permission denied',
  EAGAIN: 'Resource temporarily unavailable',
}

/** The output of iputils' ping, line by line. */
export function pingLines(statistics: PingStatistics): string[] {
  const { destination, size, events } = statistics
  const target = formatIpv4(destination)
  const packet = size + ICMP_HEADER_BYTES + IPV4_HEADER_BYTES
  return [
    `PING ${target} (${target}) ${size}(${packet}) bytes of data.`,
    ...events.map(eventLine),
    '',
    `--- ${target} ping statistics ---`,
    ...summaryLines(statistics),
  ]
}

function eventLine(event: PingEvent): string {
  switch (event.kind) {
    case 'reply':
      return (
        `${event.bytes} bytes from ${formatIpv4(event.from)}: icmp_seq=${event.sequence & 0xffff} ` +
        `ttl=${event.ttl} time=${roundTrip(event.rtt)} ms${event.isDuplicate ? ' (DUP!)' : ''}`
      )
    case 'icmp':
      return `From ${formatIpv4(event.from)} icmp_seq=${event.sequence & 0xffff} ${icmpErrorText(event)}`
    case 'refused':
      return event.errno === 'EMSGSIZE'
        ? `ping: local error: message too long, mtu=${event.mtu}`
        : `ping: sendmsg: ${ERRNO_TEXT[event.errno]}`
    default:
      return event satisfies never
  }
}

/** What ping says of an ICMP error (iputils, pr_icmph). */
export function icmpErrorText({
  type,
  code,
  mtu,
}: {
  type: number
  code: number
  mtu: number
}): string {
  if (type === ICMP_TIME_EXCEEDED) {
    return code === ICMP_EXC_FRAGTIME ? 'Frag reassembly time exceeded' : 'Time to live exceeded'
  }
  if (type !== ICMP_DEST_UNREACH) return `Bad ICMP type: ${type}`
  switch (code) {
    case ICMP_NET_UNREACH:
      return 'Destination Net Unreachable'
    case ICMP_HOST_UNREACH:
      return 'Destination Host Unreachable'
    case ICMP_PROT_UNREACH:
      return 'Destination Protocol Unreachable'
    case ICMP_PORT_UNREACH:
      return 'Destination Port Unreachable'
    case ICMP_FRAG_NEEDED:
      return `Frag needed and DF set (mtu = ${mtu})`
    case ICMP_NET_ANO:
      return 'Destination Net Prohibited'
    case ICMP_HOST_ANO:
      return 'Destination Host Prohibited'
    case ICMP_PKT_FILTERED:
      return 'Packet filtered'
    default:
      return `Dest Unreachable, Bad Code: ${code}`
  }
}

function summaryLines(statistics: PingStatistics): string[] {
  const { sent, delivered, duplicates, errors, duration, rtt, pipe } = statistics
  const parts = [`${sent} packets transmitted`, `${delivered} received`]
  if (duplicates > 0) parts.push(`+${duplicates} duplicates`)
  if (errors > 0) parts.push(`+${errors} errors`)
  if (sent > 0) {
    const loss = Number((((sent - delivered) * 100) / sent).toPrecision(6))
    parts.push(`${loss}% packet loss`, `time ${Math.floor(duration / (1000 * MICROSECOND))}ms`)
  }
  const last: string[] = []
  if (rtt !== null) {
    const times = [rtt.min, rtt.mean, rtt.max, rtt.deviation].map((time) => milliseconds(time, 3))
    last.push(`rtt min/avg/max/mdev = ${times.join('/')} ms`)
  }
  if (pipe > 1) last.push(`pipe ${pipe}`)
  const summary = parts.join(', ')
  return last.length === 0 ? [summary] : [summary, last.join(', ')]
}

/** Fewer decimals for longer times. */
function roundTrip(time: number): string {
  const microseconds = Math.floor(time / MICROSECOND)
  if (microseconds >= 99_950) return milliseconds(time, 0)
  if (microseconds >= 9_995) return milliseconds(time, 1)
  if (microseconds >= 1_000) return milliseconds(time, 2)
  return milliseconds(time, 3)
}

function milliseconds(time: number, decimals: number): string {
  return (Math.floor(time / MICROSECOND) / 1000).toFixed(decimals)
}
