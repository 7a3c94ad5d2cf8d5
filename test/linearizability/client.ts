import { HttpClient } from '../../src/control/http/client.ts'
import { HttpError } from '../../src/control/http/http-error.ts'
import { Program } from '../../src/control/program/program.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import type { Ipv4Address } from '../../src/wire/ipv4-address.ts'
import type { Dice } from '../chaos/dice.ts'
import type { Dialect } from './dialect.ts'
import type { Answer, Operation, Request, Seen } from './history.ts'

export interface ClientOptions {
  readonly dialect: Dialect
  readonly keys: readonly string[]
  /** Times are drawn in shares of it, picoseconds. */
  readonly unit: number
  /** Weights of what is asked; the rest are gets. */
  readonly puts: number
  readonly swaps: number
  readonly deletes: number
}

const MIXED = { puts: 0.3, swaps: 0.2, deletes: 0.08 }

export function mixed(dialect: Dialect, keys: readonly string[], unit: number): ClientOptions {
  return { dialect, keys, unit, ...MIXED }
}

const ATTEMPTS = 4

type Noted = { -readonly [K in keyof Operation]: Operation[K] }

/** A client that asks one thing after the other, of any member, and notes what it is told. */
export class Client {
  readonly operations: Operation[] = []
  /** Reads of `readAll` without an answer, and whether it is done. */
  unread = 0
  hasReadAll = false
  private readonly name: string
  private readonly program: Program
  private readonly http: HttpClient
  private readonly dice: Dice
  private readonly addresses: readonly Ipv4Address[]
  private readonly options: ClientOptions
  private readonly known = new Map<string, Seen>()
  private member: Ipv4Address

  constructor(
    namespace: NetNamespace,
    name: string,
    addresses: readonly Ipv4Address[],
    dice: Dice,
    options: ClientOptions,
  ) {
    this.name = name
    this.program = new Program(namespace, name)
    this.http = new HttpClient(this.program, { dialTimeout: 2 * options.unit })
    this.dice = dice
    this.addresses = addresses
    this.options = options
    this.member = dice.pick(addresses)
  }

  /** Asks until then. */
  begin(until: number): void {
    this.program.spawn(this.run(until))
  }

  /** Reads every key at every member. */
  readAll(timeout: number): void {
    this.program.spawn(this.readEverywhere(timeout))
  }

  private *run(until: number): Process {
    const { program, dice } = this
    const { unit, keys } = this.options
    while (program.now < until) {
      yield* sleep(dice.integer(0, Math.floor(unit * dice.pick([0.05, 0.3, 0.6]))))
      if (dice.chance(0.1)) this.member = dice.pick(this.addresses)
      const key = dice.pick(keys)
      const timeout = Math.floor(unit * dice.pick([0.5, 1, 3]))
      const isAnswered = yield* this.ask(key, this.draw(key), timeout)
      // As clients of etcd do: what failed at one member is asked of the next.
      if (!isAnswered) this.member = dice.pick(this.addresses)
    }
  }

  private *readEverywhere(timeout: number): Process {
    for (this.member of this.addresses) {
      for (const key of this.options.keys) yield* this.readAtLast(key, timeout)
    }
    this.hasReadAll = true
  }

  /** The first attempts may fall on connections that broke in the faults. */
  private *readAtLast(key: string, timeout: number): Process {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (yield* this.ask(key, { kind: 'get' }, timeout)) return
    }
    this.unread++
  }

  private draw(key: string): Request {
    const { dice } = this
    const { puts, swaps, deletes } = this.options
    const at = dice.integer(0, 999) / 1000
    if (at < puts) return { kind: 'put', value: this.newValue() }
    if (at < puts + deletes) return { kind: 'delete' }
    if (at >= puts + deletes + swaps) return { kind: 'get' }
    const { value, revision } = this.known.get(key) ?? { value: null, revision: 0 }
    const isByValue = this.options.dialect.comparesValues && value !== null && dice.chance(0.3)
    return { kind: 'cas', expected: isByValue ? { value } : { revision }, value: this.newValue() }
  }

  private newValue(): string {
    return `${this.name}-${this.operations.length}`
  }

  /** @returns whether there was an answer. */
  private *ask(key: string, request: Request, timeout: number): Process<boolean> {
    const { program, name: client } = this
    const { dialect } = this.options
    const { method, path, body, contentType } = dialect.ask(key, request)
    const noted: Noted = {
      client,
      key,
      request,
      called: program.now,
      returned: Infinity,
      answer: null,
    }
    const at = this.operations.push(noted) - 1
    const response = yield* this.http.request({
      address: this.member,
      port: dialect.port,
      method,
      path,
      body,
      headers: [['Content-Type', contentType]],
      timeout,
    })
    if (response instanceof HttpError) {
      // No member has it: it never was. The place stays, since values are named by it.
      if (!response.wasSent) this.operations[at] = { ...noted, request: { kind: 'get' } }
      return false
    }
    noted.answer = dialect.answer(request, response)
    if (noted.answer === null) return false
    noted.returned = program.now
    this.learn(key, request, noted.answer)
    return true
  }

  private learn(key: string, request: Request, { seen, revision }: Answer): void {
    if (seen !== null) this.known.set(key, seen)
    else if (revision !== null && 'value' in request) {
      this.known.set(key, { value: request.value, revision })
    }
  }
}
