import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_FRAGTIME,
  ICMP_FRAG_NEEDED,
  ICMP_HOST_ANO,
  ICMP_HOST_UNREACH,
  ICMP_NET_ANO,
  ICMP_NET_UNREACH,
  ICMP_PKT_FILTERED,
  ICMP_PORT_UNREACH,
  ICMP_PROT_UNREACH,
  ICMP_TIME_EXCEEDED,
} from '../wire/icmp.ts'
import type { Errno } from '../workload/errors.ts'
import { formatCount } from './format.ts'

const ERRNO_WORDS: Readonly<Record<Errno, string>> = {
  EMSGSIZE: 'the message is longer than the MTU that the sender knows, and DF is set',
  ENETUNREACH: 'no route to the network',
  EHOSTUNREACH: 'no route to the host',
  EINVAL: 'invalid argument: a blackhole route matched, or the datagram is too long',
  EACCES: 'permission denied: a prohibit route matched, or a rule forbids it',
  EAGAIN: 'no free port for the socket',
}

const UNREACHABLE_WORDS = new Map([
  [ICMP_NET_UNREACH, 'network unreachable'],
  [ICMP_HOST_UNREACH, 'host unreachable'],
  [ICMP_PROT_UNREACH, 'protocol unreachable'],
  [ICMP_PORT_UNREACH, 'port unreachable'],
  [ICMP_FRAG_NEEDED, 'fragmentation needed'],
  [ICMP_NET_ANO, 'network prohibited'],
  [ICMP_HOST_ANO, 'host prohibited'],
  [ICMP_PKT_FILTERED, 'filtered'],
])

/** `EMSGSIZE (the message is ...)`. */
export function errnoWords(errno: string): string {
  const known: Readonly<Record<string, string | undefined>> = ERRNO_WORDS
  const words = known[errno]
  return words === undefined ? errno : `${errno} (${words})`
}

/** One row of a workload's `errors`, with how often it came. */
export function errorWords(error: Readonly<Record<string, unknown>>): string {
  const count = formatCount(Number(error['count'] ?? 0))
  if (error['origin'] === 'local') {
    return `system call failed: ${errnoWords(String(error['errno']))} (${count})`
  }
  const mtu = Number(error['mtu'] ?? 0)
  const text = icmpWords(Number(error['type']), Number(error['code']))
  const limit = mtu === 0 ? '' : `, mtu ${mtu}`
  return `${text}${limit}, from ${String(error['from'])} (${count})`
}

function icmpWords(type: number, code: number): string {
  if (type === ICMP_DEST_UNREACH) {
    return `ICMP destination unreachable: ${UNREACHABLE_WORDS.get(code) ?? `code ${code}`}`
  }
  if (type === ICMP_TIME_EXCEEDED) {
    const what = code === ICMP_EXC_FRAGTIME ? 'fragments did not all arrive' : 'TTL expired'
    return `ICMP time exceeded: ${what}`
  }
  return `ICMP type ${type}, code ${code}`
}
