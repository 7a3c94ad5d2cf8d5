import { TCP_ACK, TCP_FIN } from '../../wire/tcp.ts'
import type { Connection } from './connection.ts'
import type { TcpError, TcpState } from './constants.ts'
import { NAGLE_OFF, pushPending } from './output.ts'
import { readableBytes } from './receive.ts'
import { Segment } from './segment.ts'
import { cancelTimers } from './timers.ts'
import { sendReset } from './transmit.ts'

/** Whether the peer has acknowledged our FIN. */
export function isOwnFinAcked(tcp: Connection): boolean {
  return tcp.sndUna === tcp.writeSeq
}

/** The connection is over (tcp_done). @param error null when it ended in order. */
export function breakConnection(
  tcp: Connection,
  error: TcpError | null,
  state: TcpState = 'CLOSED',
): void {
  if (tcp.isGone) return
  tcp.isGone = true
  tcp.state = state
  tcp.error = error
  cancelTimers(tcp)
  tcp.queue.clear()
  tcp.packetsOut = 0
  tcp.sackedOut = 0
  tcp.lostOut = 0
  tcp.retransOut = 0
  tcp.release()
  tcp.onClose?.(error)
}

/** What remains is left to a smaller object (tcp_time_wait). @param isHalfOpen the peer's FIN is missing. */
export function enterTimeWait(tcp: Connection, isHalfOpen: boolean): void {
  tcp.leaveTimeWait(isHalfOpen)
  breakConnection(tcp, null, isHalfOpen ? 'FIN-WAIT-2' : 'TIME-WAIT')
}

/** The application will send no more: FIN, behind what was written (tcp_send_fin). */
function sendFin(tcp: Connection): void {
  const { queue } = tcp
  if (queue.unsent !== null) {
    const tail = queue.tail!
    tail.flags |= TCP_FIN
    tail.end++
    tail.count = 0
  } else {
    const fin = new Segment(tcp.writeSeq, tcp.writeSeq + 1)
    fin.flags = TCP_ACK | TCP_FIN
    queue.append(fin)
  }
  tcp.writeSeq++
  pushPending(tcp, NAGLE_OFF)
}

/** shutdown(SHUT_WR). */
export function shutdownSending(tcp: Connection): void {
  if (tcp.isSendShut) return
  tcp.isSendShut = true
  tcp.refreshClock()
  switch (tcp.state) {
    case 'ESTABLISHED':
      tcp.state = 'FIN-WAIT-1'
      return sendFin(tcp)
    case 'CLOSE-WAIT':
      tcp.state = 'LAST-ACK'
      return sendFin(tcp)
    case 'SYN-SENT':
      return breakConnection(tcp, null)
    default:
  }
}

/** close(): the application lets go of the socket (tcp_close). */
export function closeSocket(tcp: Connection): void {
  if (tcp.isOrphan) return
  tcp.refreshClock()
  const hasUnread = readableBytes(tcp) > 0
  tcp.isOrphan = true
  tcp.isReceiveShut = true
  tcp.received.clear()
  tcp.copiedSeq += readableBytes(tcp)
  if (tcp.isGone) return
  if (hasUnread) {
    // The peer believes that it was read (RFC 2525, 2.17).
    sendReset(tcp)
    return breakConnection(tcp, null)
  }
  shutdownSending(tcp)
  if (tcp.state === 'FIN-WAIT-2') enterTimeWait(tcp, true)
}

/** Ends at once, without a word of farewell but a reset (SO_LINGER 0). */
export function abortConnection(tcp: Connection): void {
  tcp.refreshClock()
  const hasPeer = tcp.state !== 'CLOSED' && tcp.state !== 'SYN-SENT'
  if (hasPeer) sendReset(tcp)
  tcp.isOrphan = true
  breakConnection(tcp, null)
}
