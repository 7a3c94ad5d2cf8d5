import type { RandomStream } from '../../../sim/random.ts'
import { SECOND } from '../../../sim/units.ts'
import { type BgpError, bgpError, CEASE, ERROR, OPEN_ERROR } from '../wire/error.ts'
import { AS_TRANS, type OpenMessage, type UpdateMessage } from '../wire/message.ts'
import { type Clock, jittered, RestartableTimer } from './clock.ts'
import {
  Connection,
  type ConnectionEnd,
  type ConnectionOwner,
  type NegotiatedTimes,
  type Transport,
} from './connection.ts'
import { MessageCounters } from './message-counters.ts'
import type { NeighbourSettings } from './settings.ts'

/** States of RFC 4271 section 8.2.2. */
export type SessionState =
  | 'Idle'
  | 'Connect'
  | 'Active'
  | 'OpenSent'
  | 'OpenConfirm'
  | 'Established'

/** What a session needs of the program around it, and tells it. */
export interface SessionUser {
  /** Whether the speaker follows one that ended a moment ago: peers are to know that it lost its state. */
  readonly isRestarting: boolean
  /** Opens a TCP connection to the peer; `connected` or `refused` tells how it went. */
  connect(): void
  established(remote: OpenMessage): void
  update(update: UpdateMessage): void
  /** The peer wants everything again. */
  refresh(): void
  /** @param keepsRoutes whether the peer's routes stay, stale, as it may only be restarting. */
  down(end: ConnectionEnd, keepsRoutes: boolean): void
  /** What is still stale is to go: the peer has not come back in time, or not with the same state. */
  restartOver(): void
}

/**
 * The finite state machine of one peer, as BIRD runs it: at most one connection that we open and one that
 * the peer opens, of which a collision leaves one.
 */
export class PeerSession implements ConnectionOwner {
  readonly settings: NeighbourSettings
  readonly clock: Clock
  readonly random: RandomStream
  readonly counters = new MessageCounters()
  private readonly user: SessionUser
  private outgoing: Connection | null = null
  private incoming: Connection | null = null
  private active: Connection | null = null
  private phase: 'stopped' | 'waiting' | 'started' = 'stopped'
  private isConnecting = false
  /** Of TCP attempts: what an older one leads to is of no interest. */
  private attempt = 0
  private readonly connectTimer: RestartableTimer
  private readonly waitTimer: RestartableTimer
  private readonly restartTimer: RestartableTimer
  private errorWait = 0
  private lastError = -Infinity

  constructor(settings: NeighbourSettings, clock: Clock, random: RandomStream, user: SessionUser) {
    this.settings = settings
    this.clock = clock
    this.random = random
    this.user = user
    this.connectTimer = new RestartableTimer(clock, () => this.connect())
    this.waitTimer = new RestartableTimer(clock, () => this.begin())
    this.restartTimer = new RestartableTimer(clock, () => user.restartOver())
  }

  get state(): SessionState {
    if (this.active !== null) return 'Established'
    const states = [this.outgoing?.state, this.incoming?.state]
    if (states.includes('OpenConfirm')) return 'OpenConfirm'
    if (states.includes('OpenSent')) return 'OpenSent'
    if (this.isConnecting) return 'Connect'
    return this.phase === 'started' ? 'Active' : 'Idle'
  }

  /** The peer's OPEN; null while no session is established. */
  get remote(): OpenMessage | null {
    return this.active?.remote ?? null
  }

  start(): void {
    if (this.phase === 'stopped') this.begin()
  }

  private begin(): void {
    this.phase = 'started'
    const { startDelay } = this.settings.timers
    if (startDelay === 0) this.connect()
    else this.connectAfter(startDelay)
  }

  /** Ends it for good, or until `start`. @param error null = without a word, as when the link has gone. */
  stop(error: BgpError | null): void {
    if (this.phase === 'stopped') return
    const wasEstablished = this.active !== null
    this.halt()
    this.phase = 'stopped'
    for (const connection of [this.outgoing, this.incoming]) {
      if (connection === null) continue
      if (error === null) connection.closeQuietly()
      else connection.fail(error)
    }
    this.forgetConnections()
    if (this.restartTimer.isRunning) this.endRestart()
    const end: ConnectionEnd = error === null ? { kind: 'lost' } : { kind: 'sent', error }
    if (wasEstablished && error === null) this.user.down(end, false)
  }

  private forgetConnections(): void {
    this.outgoing = null
    this.incoming = null
    this.active = null
  }

  /** Ends all attempts. */
  private halt(): void {
    this.attempt++
    this.isConnecting = false
    this.connectTimer.stop()
    this.waitTimer.stop()
  }

  private connect(): void {
    if (this.settings.isPassive || this.outgoing !== null || this.phase !== 'started') return
    this.attempt++
    this.isConnecting = true
    this.connectTimer.start(jittered(this.settings.timers.connectRetry, this.random))
    this.user.connect()
  }

  private connectLater(): void {
    this.halt()
    this.connectAfter(this.settings.timers.connectDelay)
  }

  private connectAfter(delay: number): void {
    if (!this.settings.isPassive) this.connectTimer.start(jittered(delay, this.random))
  }

  /** Names the attempt that is under way, for `connected` and `refused`. */
  get currentAttempt(): number {
    return this.attempt
  }

  /** TCP has connected. @returns null when the connection is no longer wanted. */
  connected(attempt: number, transport: Transport): Connection | null {
    if (attempt !== this.attempt || !this.isConnecting) return null
    this.halt()
    this.outgoing = this.opened(transport, false)
    return this.outgoing
  }

  /** TCP did not connect. */
  refused(attempt: number): void {
    if (attempt === this.attempt && this.isConnecting) this.connectLater()
  }

  /** The peer has connected. @returns null when the connection is not wanted. */
  accept(transport: Transport): Connection | null {
    if (this.phase !== 'started') return null
    // A peer that connects again while the session is up has restarted.
    if (this.active !== null && this.keepsRoutes()) this.active.lost()
    else if (this.incoming !== null) return null
    this.incoming?.closeQuietly()
    this.incoming = this.opened(transport, true)
    return this.incoming
  }

  private opened(transport: Transport, isIncoming: boolean): Connection {
    const connection = new Connection(this, transport, isIncoming)
    connection.open(this.openMessage())
    return connection
  }

  private openMessage(): OpenMessage {
    const { localAs, timers, routerId, gracefulRestart } = this.settings
    const { mode, restartTime } = gracefulRestart
    const isAble = mode === 'on'
    const hasRestarted = this.user.isRestarting
    const restart = { hasRestarted, restartTime, isAble, hasForwarded: isAble && hasRestarted }
    return {
      kind: 'open',
      as: localAs > 0xffff ? AS_TRANS : localAs,
      holdTime: timers.holdTime,
      routerId,
      capabilities: {
        ipv4Unicast: true,
        routeRefresh: true,
        fourOctetAs: localAs,
        gracefulRestart: mode === 'off' ? null : restart,
      },
    }
  }

  negotiate(connection: Connection, open: OpenMessage): NegotiatedTimes | BgpError {
    const error = this.refusal(open) ?? this.collision(connection, open)
    return error ?? this.timesWith(open)
  }

  private refusal({ capabilities, holdTime, routerId }: OpenMessage): BgpError | null {
    const { remoteAs, localAs } = this.settings
    const { fourOctetAs, ipv4Unicast } = capabilities
    if (holdTime === 1 || holdTime === 2) return bgpError(ERROR.open, OPEN_ERROR.holdTime)
    const isOurs = remoteAs === localAs && routerId === this.settings.routerId
    if (routerId === 0 || isOurs) return bgpError(ERROR.open, OPEN_ERROR.routerId)
    // All of today's speakers know four-octet numbers and, unless they say so, IPv4.
    if (fourOctetAs === null || !ipv4Unicast) return bgpError(ERROR.open, OPEN_ERROR.capability)
    const isRight = remoteAs === 'external' ? fourOctetAs !== localAs : fourOctetAs === remoteAs
    if (!isRight) return bgpError(ERROR.open, OPEN_ERROR.peerAs)
    return null
  }

  /**
   * RFC 4271 section 6.8: of two connections that both have the peer's OPEN the one is kept that was opened
   * by the speaker with the higher identifier, or of equals the higher AS (RFC 6286).
   */
  private collision(connection: Connection, { routerId }: OpenMessage): BgpError | null {
    const other = connection.isIncoming ? this.outgoing : this.incoming
    const collided = bgpError(ERROR.cease, CEASE.collision)
    if (other === null) this.halt()
    else if (other.state === 'Established') return collided
    else if (other.state === 'OpenConfirm') {
      if (this.isPeerDominant(routerId) !== connection.isIncoming) return collided
      other.fail(collided)
    }
    return null
  }

  private isPeerDominant(remoteId: number): boolean {
    const { routerId, localAs, remoteAs } = this.settings
    const [own, theirs] = [routerId >>> 0, remoteId >>> 0]
    return own < theirs || (own === theirs && remoteAs !== 'external' && localAs < remoteAs)
  }

  private timesWith(open: OpenMessage): NegotiatedTimes {
    const { holdTime, keepalive } = this.settings.timers
    const hold = Math.min(holdTime, open.holdTime)
    if (hold === 0) return { hold: 0, keepalive: 0 }
    const chosen = keepalive === null ? (hold * SECOND) / 3 : (keepalive * hold) / holdTime
    return { hold: hold * SECOND, keepalive: Math.round(chosen) }
  }

  established(connection: Connection): void {
    const other = connection.isIncoming ? this.outgoing : this.incoming
    other?.fail(bgpError(ERROR.cease, CEASE.collision))
    this.halt()
    this.active = connection
    const wasRestarting = this.restartTimer.isRunning
    this.restartTimer.stop()
    const restart = connection.remote!.capabilities.gracefulRestart
    if (wasRestarting && !restart?.hasForwarded) this.user.restartOver()
    this.user.established(connection.remote!)
  }

  update(update: UpdateMessage): void {
    this.user.update(update)
  }

  refresh(): void {
    this.user.refresh()
  }

  send(content: Uint8Array): void {
    this.active?.send(content)
  }

  /** Whether a lost connection leaves the routes: both know graceful restart and the peer has the family. */
  private keepsRoutes(): boolean {
    const restart = this.remote?.capabilities.gracefulRestart
    return this.settings.gracefulRestart.mode !== 'off' && restart?.isAble === true
  }

  ended(connection: Connection, end: ConnectionEnd): void {
    const wasEstablished = connection === this.active
    const keeps = wasEstablished && end.kind === 'lost' && this.keepsRoutes()
    const restartTime = this.remote?.capabilities.gracefulRestart?.restartTime ?? 0
    if (wasEstablished) this.active = null
    if (connection.isIncoming) this.incoming = null
    else this.outgoing = null
    if (this.phase === 'started') this.goOn(end)
    if (wasEstablished) this.user.down(end, keeps)
    if (keeps) this.restartTimer.start(restartTime * SECOND)
  }

  private goOn(end: ConnectionEnd): void {
    if (end.kind !== 'lost' && end.error.code !== ERROR.cease) return this.waitAfterError()
    if (this.outgoing === null && this.incoming === null) this.connectLater()
  }

  private waitAfterError(): void {
    const { errorWait, errorForget } = this.settings.timers
    const { now } = this.clock
    if (now - this.lastError >= errorForget) this.errorWait = 0
    this.lastError = now
    this.errorWait =
      this.errorWait === 0 ? errorWait.least : Math.min(2 * this.errorWait, errorWait.most)
    this.halt()
    this.phase = 'waiting'
    for (const connection of [this.outgoing, this.incoming]) {
      connection?.fail(bgpError(ERROR.cease, CEASE.rejected))
    }
    if (this.restartTimer.isRunning) this.endRestart()
    this.waitTimer.start(jittered(this.errorWait, this.random))
  }

  private endRestart(): void {
    this.restartTimer.stop()
    this.user.restartOver()
  }
}
