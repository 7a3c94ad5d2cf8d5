import { SECOND } from '../../sim/units.ts'
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../wire/tcp.ts'

/** What conntrack makes of a TCP connection (net/netfilter/nf_conntrack_proto_tcp.c). */
const TCP_NONE = 0
export const TCP_SYN_SENT = 1
export const TCP_SYN_RECV = 2
export const TCP_ESTABLISHED = 3
const TCP_FIN_WAIT = 4
const TCP_CLOSE_WAIT = 5
const TCP_LAST_ACK = 6
export const TCP_TIME_WAIT = 7
const TCP_CLOSE = 8

/** The segment does not belong to the connection in this state. */
export const TCP_INVALID = -1
/** The segment passes, but the entry stays as it is. */
export const TCP_IGNORED = -2

const NAMES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
]

/** How long an entry stays in each state, picoseconds (nf_conntrack-sysctl.rst). */
export const TCP_TIMEOUTS: readonly number[] = [
  0,
  120 * SECOND,
  60 * SECOND,
  432_000 * SECOND,
  120 * SECOND,
  60 * SECOND,
  30 * SECOND,
  120 * SECOND,
  10 * SECOND,
]

export function tcpStateName(state: number): string {
  return NAMES[state]!
}

/**
 * The state after a segment. Sequence numbers are not checked, as with nf_conntrack_tcp_be_liberal;
 * simultaneous open is not followed.
 * @param flags TCP_* bits of the segment.
 * @param isReply whether it comes from the side that was addressed first.
 * @returns a state, TCP_INVALID or TCP_IGNORED.
 */
export function nextTcpState(state: number, flags: number, isReply: boolean): number {
  if ((flags & TCP_RST) !== 0) return state === TCP_NONE ? TCP_INVALID : TCP_CLOSE
  if ((flags & TCP_SYN) !== 0) {
    return (flags & TCP_ACK) !== 0 ? afterSynAck(state, isReply) : afterSyn(state, isReply)
  }
  if ((flags & TCP_FIN) !== 0) return afterFin(state)
  return (flags & TCP_ACK) !== 0 ? afterAck(state, isReply) : TCP_INVALID
}

function afterSyn(state: number, isReply: boolean): number {
  if (state === TCP_TIME_WAIT) return TCP_SYN_SENT
  if (isReply) return TCP_INVALID
  if (state === TCP_NONE || state === TCP_SYN_SENT || state === TCP_CLOSE) return TCP_SYN_SENT
  return TCP_IGNORED
}

function afterSynAck(state: number, isReply: boolean): number {
  if (isReply) return state === TCP_SYN_SENT ? TCP_SYN_RECV : TCP_IGNORED
  return state === TCP_SYN_RECV ? TCP_SYN_RECV : TCP_INVALID
}

function afterFin(state: number): number {
  switch (state) {
    case TCP_NONE:
    case TCP_SYN_SENT:
      return TCP_INVALID
    case TCP_SYN_RECV:
    case TCP_ESTABLISHED:
      return TCP_FIN_WAIT
    case TCP_FIN_WAIT:
    case TCP_CLOSE_WAIT:
      return TCP_LAST_ACK
    default:
      return state
  }
}

function afterAck(state: number, isReply: boolean): number {
  switch (state) {
    case TCP_NONE:
      // A connection older than the tracking is taken up (nf_conntrack_tcp_loose).
      return isReply ? TCP_INVALID : TCP_ESTABLISHED
    case TCP_SYN_SENT:
      return isReply ? TCP_IGNORED : TCP_INVALID
    case TCP_SYN_RECV:
      return isReply ? TCP_SYN_RECV : TCP_ESTABLISHED
    case TCP_FIN_WAIT:
      return TCP_CLOSE_WAIT
    case TCP_LAST_ACK:
      return TCP_TIME_WAIT
    default:
      return state
  }
}
