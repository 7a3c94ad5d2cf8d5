import type { RandomStream } from '../../../sim/random.ts'
import { SECOND } from '../../../sim/units.ts'
import { encodeMessage } from '../wire/encode.ts'
import { type BgpError, bgpError, ERROR, FSM_ERROR } from '../wire/error.ts'
import type { BgpMessage, OpenMessage, UpdateMessage } from '../wire/message.ts'
import { MessageStream } from '../wire/message-stream.ts'
import { type Clock, jittered, RestartableTimer } from './clock.ts'
import type { MessageCounters } from './message-counters.ts'

/** The TCP connection under a BGP connection. */
export interface Transport {
  /** Sends in order; never waits. */
  send(content: Uint8Array): void
  /** Ends after what was sent. */
  close(): void
}

/** States of RFC 4271 that a connection with a peer has; `Closed` comes after them. */
export type ConnectionState = 'OpenSent' | 'OpenConfirm' | 'Established' | 'Closed'

/** How a connection ended. */
export type ConnectionEnd =
  /** TCP's end, in order or not: what a peer that restarts looks like. */
  { readonly kind: 'lost' } | { readonly kind: 'sent' | 'received'; readonly error: BgpError }

/** What the session decides and learns. */
export interface ConnectionOwner {
  readonly clock: Clock
  readonly random: RandomStream
  readonly counters: MessageCounters
  /** @returns the times agreed on, or why not. */
  negotiate(connection: Connection, open: OpenMessage): NegotiatedTimes | BgpError
  established(connection: Connection): void
  update(update: UpdateMessage): void
  refresh(): void
  ended(connection: Connection, end: ConnectionEnd): void
}

export interface NegotiatedTimes {
  /** Picoseconds; 0 = none. */
  readonly hold: number
  readonly keepalive: number
}

/** Until the peer's OPEN is there (RFC 4271 section 8.2.2 suggests 4 minutes). */
const INITIAL_HOLD = 240 * SECOND

/** Offset of the type in a message. */
const TYPE_AT = 18

/** One connection with a peer, from its OPEN on. */
export class Connection {
  readonly isIncoming: boolean
  /** The peer's OPEN, once it has come. */
  remote: OpenMessage | null = null
  private readonly owner: ConnectionOwner
  private readonly transport: Transport
  private readonly messages = new MessageStream()
  private readonly holdTimer: RestartableTimer
  private readonly keepaliveTimer: RestartableTimer
  private current: ConnectionState = 'OpenSent'
  private times: NegotiatedTimes = { hold: INITIAL_HOLD, keepalive: 0 }
  /** When the peer was last heard of. */
  private heard: number

  constructor(owner: ConnectionOwner, transport: Transport, isIncoming: boolean) {
    this.owner = owner
    this.transport = transport
    this.isIncoming = isIncoming
    this.heard = owner.clock.now
    this.holdTimer = new RestartableTimer(owner.clock, () => this.holdTimeOut())
    this.keepaliveTimer = new RestartableTimer(owner.clock, () => this.keepalive())
  }

  get state(): ConnectionState {
    return this.current
  }

  open(message: OpenMessage): void {
    this.holdTimer.start(INITIAL_HOLD)
    this.transmit(encodeMessage(message))
  }

  /** @param content one message. */
  send(content: Uint8Array): void {
    if (this.current !== 'Closed') this.transmit(content)
  }

  private transmit(content: Uint8Array): void {
    this.owner.counters.countSent(content[TYPE_AT]!)
    this.transport.send(content)
  }

  /** Bytes have come. */
  receive(content: Uint8Array): void {
    this.messages.push(content)
    while (this.current !== 'Closed') {
      const message = this.messages.next()
      if (message === null) return
      if (message.kind === 'error') return this.fail(message.error)
      this.owner.counters.countReceived(message.kind === 'update')
      this.handle(message)
    }
  }

  /** TCP has ended. */
  lost(): void {
    this.end({ kind: 'lost' })
  }

  /** Ends it with a NOTIFICATION. */
  fail(error: BgpError): void {
    if (this.current === 'Closed') return
    this.transmit(encodeMessage({ kind: 'notification', error }))
    this.end({ kind: 'sent', error })
  }

  private end(how: ConnectionEnd): void {
    if (this.current === 'Closed') return
    this.closeQuietly()
    this.owner.ended(this, how)
  }

  /** Ends it without a word to the peer or the session. */
  closeQuietly(): void {
    this.current = 'Closed'
    this.holdTimer.stop()
    this.keepaliveTimer.stop()
    this.transport.close()
  }

  private handle(message: BgpMessage): void {
    if (message.kind === 'notification') {
      return this.end({ kind: 'received', error: message.error })
    }
    switch (this.current) {
      case 'OpenSent':
        if (message.kind !== 'open') return this.unexpected(FSM_ERROR.openSent)
        return this.handleOpen(message)
      case 'OpenConfirm':
        if (message.kind !== 'keepalive') return this.unexpected(FSM_ERROR.openConfirm)
        this.hear()
        this.current = 'Established'
        return this.owner.established(this)
      case 'Established':
        return this.handleEstablished(message)
      case 'Closed':
    }
  }

  private unexpected(subcode: number): void {
    this.fail(bgpError(ERROR.fsm, subcode))
  }

  private handleOpen(open: OpenMessage): void {
    this.remote = open
    const times = this.owner.negotiate(this, open)
    if ('code' in times) return this.fail(times)
    this.times = times
    this.hear()
    if (times.hold === 0) this.holdTimer.stop()
    else this.holdTimer.start(times.hold)
    this.current = 'OpenConfirm'
    this.keepalive()
  }

  private handleEstablished(message: BgpMessage): void {
    this.hear()
    switch (message.kind) {
      case 'keepalive':
        return
      case 'update':
        return this.owner.update(message)
      case 'route-refresh':
        return this.owner.refresh()
      default:
        return this.unexpected(FSM_ERROR.established)
    }
  }

  private hear(): void {
    this.heard = this.owner.clock.now
  }

  private keepalive(): void {
    this.transmit(encodeMessage({ kind: 'keepalive' }))
    if (this.times.keepalive === 0) return
    this.keepaliveTimer.start(jittered(this.times.keepalive, this.owner.random))
  }

  /** The timer is not set again with every message: it looks when the last one came. */
  private holdTimeOut(): void {
    const left = this.heard + this.times.hold - this.owner.clock.now
    if (left > 0) this.holdTimer.start(left)
    else this.fail(bgpError(ERROR.holdTimer, 0))
  }
}
