import type { KernelTimer } from '../../sim/jiffies.ts'
import { SECOND } from '../../sim/units.ts'
import { breakConnection } from './close.ts'
import type { Connection } from './connection.ts'
import { sendReset, sendWindowProbe } from './transmit.ts'

/** SO_KEEPALIVE with TCP_KEEPIDLE, TCP_KEEPINTVL (picoseconds) and TCP_KEEPCNT. */
export interface KeepaliveOptions {
  readonly idle: number
  readonly interval: number
  /** Probes without an answer after which the connection is broken. Default: that of the kernel. */
  readonly probes?: number
}

/** net.ipv4.tcp_keepalive_probes. */
const PROBES_DEFAULT = 9

/** What a connection with the option holds. */
export interface Keepalive {
  readonly options: KeepaliveOptions
  readonly timer: KernelTimer
}

/** Looks whether the peer still answers (tcp_keepalive_timer). */
export function keepaliveTimeout(tcp: Connection): void {
  const { keepalive } = tcp
  if (keepalive === null || tcp.isGone || tcp.state === 'SYN-SENT') return
  const { options } = keepalive
  tcp.refreshClock()
  // What is under way asks by itself.
  if (tcp.packetsOut > 0 || tcp.queue.unsent !== null) return arm(tcp, options.idle)
  const silence = ((tcp.jiffies - tcp.heardJiffy) / tcp.hz) * SECOND
  if (silence < options.idle) return arm(tcp, options.idle - silence)
  if (tcp.probesOut >= (options.probes ?? PROBES_DEFAULT)) {
    sendReset(tcp)
    return breakConnection(tcp, tcp.softError ?? 'ETIMEDOUT')
  }
  sendWindowProbe(tcp)
  tcp.probesOut++
  arm(tcp, options.interval)
}

function arm(tcp: Connection, delay: number): void {
  tcp.kernel.timers.arm(tcp.keepalive!.timer, delay)
}
