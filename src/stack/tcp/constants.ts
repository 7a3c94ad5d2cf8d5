/** States of a connection (RFC 9293, 3.3.2). */
export type TcpState =
  | 'CLOSED'
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT'

/** Why a connection broke, as the system call's errno. */
export type TcpError =
  | 'ECONNREFUSED'
  | 'ECONNABORTED'
  | 'ECONNRESET'
  | 'EPIPE'
  | 'ETIMEDOUT'
  | 'EHOSTUNREACH'
  | 'ENETUNREACH'

/** What a congestion window is in (enum tcp_ca_state); the order counts. */
export const CA_OPEN = 0
export const CA_DISORDER = 1
export const CA_CWR = 2
export const CA_RECOVERY = 3
export const CA_LOSS = 4

/** TCP_INIT_CWND, segments (RFC 6928). */
export const INITIAL_CWND = 10
/** Round-trip time of which nothing is known yet (TCP_TIMEOUT_INIT), microseconds. */
export const RTO_INITIAL = 1_000_000
/** Of a SYN that had to be repeated (TCP_TIMEOUT_FALLBACK), microseconds. */
export const RTO_FALLBACK = 3_000_000
export const RTO_MIN = 200_000
export const RTO_MAX = 120_000_000
/** TCP_TIMEOUT_MIN_US: what timers of loss detection allow for their own inexactness. */
export const TIMEOUT_MIN = 2_000
/** TCP_ATO_MIN and TCP_DELACK_MAX, parts of a second: a delayed ACK waits 40 to 200 ms. */
export const ACK_DELAY_MIN_PART = 25
export const ACK_DELAY_MAX_PART = 5
/** TCP_MAX_QUICKACKS. */
export const QUICK_ACKS = 16
/** TCP_FASTRETRANS_THRESH. */
export const DUPLICATE_ACKS = 3
/** TCP_MSS_DEFAULT (RFC 9293, 3.7.1) and TCP_MIN_SND_MSS, bytes. */
export const MSS_DEFAULT = 536
export const MSS_SEND_MIN = 48
/** Bytes of the timestamp option with its padding. */
export const TIMESTAMP_BYTES = 12
export const TCP_HEADER_BYTES = 20
/** TIME-WAIT, seconds (TCP_TIMEWAIT_LEN). */
export const TIME_WAIT_SECONDS = 60

/**
 * Memory of a packet that TCP sends besides its content: the sk_buff with a small head of which the
 * headers and skb_shared_info take 640 bytes. Content lies in pages and counts as it is.
 */
export const SEND_OVERHEAD = 896
/** What headers of all layers take of the largest unit (MAX_TCP_HEADER + 1). */
export const UNIT_HEADER_ROOM = 321
