import type { Errno } from '../workload/errors.ts'
import { icmpErrorText } from '../workload/ping-text.ts'
import { formatCount } from './format.ts'

const ERRNO_WORDS: Readonly<Record<Errno, string>> = {
  EMSGSIZE: 'the message is longer than the MTU that the sender knows, and DF is set',
  ENETUNREACH: 'no route to the network',
  EHOSTUNREACH: 'no route to the host',
  EINVAL: 'invalid argument: a blackhole route matched, or the datagram is too long',
  EACCES: 'permission denied: a prohibit route matched, or a rule forbids it',
  EAGAIN: 'no free port for the socket',
  EADDRNOTAVAIL: 'no free port for the connection',
  ECONNREFUSED: 'nobody listens on the port',
  ECONNABORTED: 'the host of this end has gone down',
  ECONNRESET: 'the other end has broken the connection off',
  EPIPE: 'the connection had been closed for sending',
  ETIMEDOUT: 'no answer, however often it was sent',
}

/** `EMSGSIZE (the message is ...)`. */
export function errnoWords(errno: string): string {
  const known: Readonly<Record<string, string | undefined>> = ERRNO_WORDS
  const words = known[errno]
  return words === undefined ? errno : `${errno} (${words})`
}

/** One row of a workload's `errors`, with how often it came. */
export function errorWords(error: Readonly<Record<string, unknown>>): string {
  const count = formatCount(Number(error['count'] ?? 0))
  if (typeof error['text'] === 'string') return `${count} failed: ${error['text']}`
  if (error['origin'] === 'local') {
    return `system call failed: ${errnoWords(String(error['errno']))} (${count})`
  }
  const [type, code, mtu] = [error['type'], error['code'], error['mtu']].map(Number)
  const text = icmpErrorText({ type: type!, code: code!, mtu: mtu! })
  return `ICMP error: ${text}, from ${String(error['from'])} (${count})`
}
