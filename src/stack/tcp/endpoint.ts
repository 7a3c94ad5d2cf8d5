import type { DropReason } from '../../measure/drop-reason.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { Kernel } from '../kernel.ts'
import type { Incoming } from './incoming.ts'
import type { SocketLock } from './socket-lock.ts'

/**
 * What became of a segment: its data was kept, it was a control segment, or it was dropped. `retry`: the
 * endpoint is gone, and another one is to be looked for.
 */
export type Verdict = DropReason | 'delivered' | 'consumed' | 'retry'

/** One side of a connection, in whatever state: what segments of four addresses and ports belong to. */
export abstract class Endpoint {
  localAddress: Ipv4Address = 0
  localPort = 0
  remoteAddress: Ipv4Address = 0
  remotePort = 0
  /** The next one of its bucket in the table. */
  chained: Endpoint | null = null
  /** Of a socket that was used by a task; null where work takes no time. */
  lock: SocketLock | null = null

  /** When an out-of-window segment was last answered, picoseconds. */
  private answeredAt = -Infinity

  /**
   * Whether the answer to an out-of-window segment has to wait, lest two ends that disagree acknowledge
   * each other without end (tcp_oow_rate_limited). Data is no part of such a loop.
   */
  protected isAnswerLimited(segment: Incoming, kernel: Kernel): boolean {
    if (segment.start !== segment.end && !segment.isSyn) return false
    const { now } = kernel.simulator
    if (now - this.answeredAt < kernel.profile.tcp.invalidRatelimit) return true
    this.answeredAt = now
    return false
  }

  /** A segment for this connection, in kernel context. The table books its end. */
  abstract receive(segment: Incoming): Verdict

  /** Its host is gone: it ends without a word to its peer. */
  abstract abandon(): void
}
