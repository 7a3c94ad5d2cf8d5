import type { Process } from '../../sim/process.ts'
import { MILLISECOND } from '../../sim/units.ts'
import { formatIpv4, type Ipv4Address } from '../../wire/ipv4-address.ts'
import { Condition } from '../program/condition.ts'
import type { Program } from '../program/program.ts'
import { Stream } from '../program/stream.ts'
import { ClientConnection } from './client-connection.ts'
import { dialError, type HttpError, timeoutError } from './http-error.ts'

export interface PoolOptions {
  /** Of one attempt to connect, picoseconds. */
  readonly dialTimeout: number
  /** Connections kept for later. */
  readonly idleMax: number
  /** After it an idle connection is closed, picoseconds. */
  readonly idleTimeout: number
}

/** A request that waits for a connection. */
interface Wanted {
  readonly settled: Condition
  result: ClientConnection | HttpError | null
  isOver: boolean
}

/**
 * Connections to one address and port, with the habits of Go's http.Transport: the one that became idle last is
 * taken first; a request that finds none connects, and takes one that becomes idle meanwhile; a connection that
 * comes too late is kept.
 */
export class ConnectionPool {
  /** Address and port, as the Host field has them. */
  readonly host: string
  private readonly program: Program
  private readonly address: Ipv4Address
  private readonly port: number
  private readonly options: PoolOptions
  private readonly idle: { readonly connection: ClientConnection; readonly since: number }[] = []
  private waiting: Wanted[] = []
  private isReaping = false

  constructor(program: Program, address: Ipv4Address, port: number, options: PoolOptions) {
    this.host = `${formatIpv4(address)}:${port}`
    this.program = program
    this.address = address
    this.port = port
    this.options = options
  }

  /** @returns an idle connection; null when there is none. */
  poll(): ClientConnection | null {
    for (let entry = this.idle.pop(); entry !== undefined; entry = this.idle.pop()) {
      entry.connection.onIdleEnd = null
      if (entry.connection.isUsable) return entry.connection
      entry.connection.close()
    }
    return null
  }

  /** Waits for one, connecting. @param deadline instant of the program's clock. */
  *take(deadline: number): Process<ClientConnection | HttpError> {
    const wanted: Wanted = { settled: new Condition(this.program), result: null, isOver: false }
    this.waiting.push(wanted)
    this.program.spawn(this.dialFor(wanted))
    try {
      return yield* this.waitFor(wanted, deadline)
    } finally {
      wanted.isOver = true
      this.waiting = this.waiting.filter((other) => other !== wanted)
    }
  }

  private *waitFor(wanted: Wanted, deadline: number): Process<ClientConnection | HttpError> {
    while (wanted.result === null) {
      const time = deadline - this.program.now
      if (time <= 0) return timeoutError(false)
      yield* wanted.settled.wait(time)
    }
    return wanted.result
  }

  private *dialFor(wanted: Wanted): Process {
    const { program, address, port } = this
    const stream = yield* Stream.connect(program, address, port, this.options.dialTimeout)
    if (typeof stream === 'string') {
      if (!wanted.isOver) this.settle(wanted, dialError(address, port, stream))
      return
    }
    const connection = new ClientConnection(stream)
    if (wanted.isOver || wanted.result !== null) this.put(connection)
    else this.settle(wanted, connection)
  }

  private settle(wanted: Wanted, result: ClientConnection | HttpError): void {
    wanted.result ??= result
    this.waiting = this.waiting.filter((other) => other !== wanted)
    wanted.settled.notify()
  }

  /** Takes back a connection on which nothing is to come. */
  put(connection: ClientConnection): void {
    const wanted = this.waiting[0]
    if (wanted !== undefined) return this.settle(wanted, connection)
    if (this.idle.length >= this.options.idleMax) return connection.close()
    this.idle.push({ connection, since: this.program.now })
    connection.onIdleEnd = () => this.forget(connection)
    if (!this.isReaping) this.reapLater(this.options.idleTimeout)
  }

  private forget(connection: ClientConnection): void {
    const at = this.idle.findIndex((entry) => entry.connection === connection)
    if (at >= 0) this.idle.splice(at, 1)
  }

  /** One timer for all: a timer for each answer would outlive it by far. */
  private reapLater(time: number): void {
    this.isReaping = true
    this.program.after(time, () => this.program.spawn(this.reap()))
  }

  private *reap(): Process {
    this.isReaping = false
    const { idleTimeout } = this.options
    const before = this.program.now - idleTimeout
    for (const entry of this.idle.filter(({ since }) => since <= before)) entry.connection.close()
    const oldest = this.idle[0]
    if (oldest === undefined) return
    const time = oldest.since + idleTimeout - this.program.now
    // Rounded up: each length of time has a queue of timers.
    this.reapLater(Math.ceil(time / MILLISECOND) * MILLISECOND)
  }
}
