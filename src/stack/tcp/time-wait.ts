import { KernelTimer } from '../../sim/jiffies.ts'
import { MICROSECOND, SECOND } from '../../sim/units.ts'
import { TCP_ACK, TcpHeader } from '../../wire/tcp.ts'
import type { Connection } from './connection.ts'
import { type TcpState, TIME_WAIT_SECONDS } from './constants.ts'
import { Endpoint, type Verdict } from './endpoint.ts'
import type { Incoming } from './incoming.ts'
import { advertisedWindow } from './offered-window.ts'
import { timestampOptions } from './options.ts'
import { reply, replyReset } from './reply.ts'
import type { Tcp } from './tcp.ts'

/**
 * What is left of a connection that has sent its FIN and has no owner (tcp_timewait_sock): it waits for
 * the peer's FIN (FIN-WAIT-2), then until old segments have died out (TIME-WAIT).
 */
export class TimeWait extends Endpoint {
  private readonly tcp: Tcp
  private isHalfOpen: boolean
  /** What the socket shows as its state. */
  private readonly status: { state: TcpState }
  private readonly irs: number
  private readonly iss: number
  private readonly sndNxt: number
  private rcvNxt: number
  private readonly window: number
  private readonly headerWindow: number
  private readonly usesTimestamps: boolean
  private readonly timestampOffset: number
  private readonly txHash: number
  private tsRecent: number
  private readonly timer = new KernelTimer(() => this.end())

  constructor(tcp: Tcp, connection: Connection, isHalfOpen: boolean) {
    super()
    this.tcp = tcp
    this.isHalfOpen = isHalfOpen
    this.status = connection.status
    this.localAddress = connection.localAddress
    this.localPort = connection.localPort
    this.remoteAddress = connection.remoteAddress
    this.remotePort = connection.remotePort
    this.irs = connection.irs
    this.iss = connection.iss
    this.sndNxt = connection.sndNxt
    this.rcvNxt = connection.rcvNxt
    this.window = connection.receiveWindow
    this.headerWindow = advertisedWindow(connection, this.window)
    this.usesTimestamps = connection.usesTimestamps
    this.timestampOffset = connection.timestampOffset
    this.tsRecent = connection.tsRecent
    this.txHash = connection.txHash
    this.restart()
  }

  private restart(): void {
    const { kernel } = this.tcp.namespace
    const { finTimeout } = kernel.profile.tcp
    kernel.timers.arm(this.timer, this.isHalfOpen ? finTimeout : TIME_WAIT_SECONDS * SECOND)
  }

  private end(): void {
    this.tcp.namespace.kernel.timers.cancel(this.timer)
    this.status.state = 'CLOSED'
    this.tcp.forget(this)
  }

  abandon(): void {
    this.end()
  }

  /** tcp_timewait_state_process. */
  receive(segment: Incoming): Verdict {
    segment.locate(this.irs, this.rcvNxt, this.iss, this.sndNxt)
    const isOld =
      this.usesTimestamps && segment.hasTimestamps && ((this.tsRecent - segment.tsValue) | 0) > 1
    return this.isHalfOpen ? this.inFinWait(segment, isOld) : this.inTimeWait(segment, isOld)
  }

  private inFinWait(segment: Incoming, isOld: boolean): Verdict {
    const { start, end } = segment
    const { rcvNxt } = this
    const isInWindow = end >= rcvNxt && start <= rcvNxt + this.window
    if (isOld || !isInWindow) return this.acknowledge(segment)
    if (segment.isReset) {
      this.end()
      return 'consumed'
    }
    if (segment.isSyn && start >= rcvNxt) return this.refuse(segment)
    if (!segment.hasAck || end <= rcvNxt || start === end) return 'consumed'
    // Nobody is there to read it.
    if (!segment.isFin || end !== rcvNxt + 1) return this.refuse(segment)
    this.isHalfOpen = false
    this.status.state = 'TIME-WAIT'
    this.rcvNxt = end
    this.keepTimestamp(segment)
    this.restart()
    return this.acknowledge(segment)
  }

  private inTimeWait(segment: Incoming, isOld: boolean): Verdict {
    const { start, end } = segment
    if (!isOld && start === this.rcvNxt && (start === end || segment.isReset)) {
      if (segment.isReset) this.end()
      else this.restart()
      return 'consumed'
    }
    const isNewSyn = segment.isSyn && !segment.isReset && !segment.hasAck && !isOld
    if (isNewSyn && (start > this.rcvNxt || this.isNewer(segment))) {
      // A new connection with the old ports: its numbers cannot be taken for ours.
      this.end()
      return 'retry'
    }
    if (segment.isReset) return 'consumed'
    if (isOld || segment.hasAck) this.restart()
    return this.acknowledge(segment)
  }

  private isNewer(segment: Incoming): boolean {
    return segment.hasTimestamps && ((this.tsRecent - segment.tsValue) | 0) < 0
  }

  private keepTimestamp(segment: Incoming): void {
    if (segment.hasTimestamps) this.tsRecent = segment.tsValue
  }

  private refuse(segment: Incoming): Verdict {
    replyReset(this.tcp.namespace, segment)
    this.end()
    return segment.length > 0 ? 'tcp_closed' : 'consumed'
  }

  private acknowledge(segment: Incoming): Verdict {
    const { namespace } = this.tcp
    const verdict = segment.length > 0 ? 'tcp_closed' : 'consumed'
    if (this.isAnswerLimited(segment, namespace.kernel)) return verdict
    const clock = Math.floor(namespace.kernel.simulator.now / (1000 * MICROSECOND))
    const header = new TcpHeader(
      (this.iss + this.sndNxt) | 0,
      (this.irs + this.rcvNxt) | 0,
      TCP_ACK,
      this.headerWindow,
      this.usesTimestamps
        ? timestampOptions((clock + this.timestampOffset) | 0, this.tsRecent)
        : undefined,
    )
    reply(namespace, segment.frame, header, this.txHash)
    return verdict
  }
}
