import { CLIENT_PORT } from '../../src/control/etcd/settings.ts'
import { HttpClient } from '../../src/control/http/client.ts'
import { HttpError } from '../../src/control/http/http-error.ts'
import type { HttpStream } from '../../src/control/http/http-stream.ts'
import { Program } from '../../src/control/program/program.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import type { Ipv4Address } from '../../src/wire/ipv4-address.ts'
import type { Dice } from '../chaos/dice.ts'

/** A change of a key; the value is null where it was deleted. */
export interface Change {
  readonly revision: number
  readonly key: string
  readonly value: string | null
}

/** A notice that changes up to before this revision are gone. */
export interface Gap {
  readonly compacted: number
}

interface WatchLine {
  readonly result?: {
    readonly canceled?: boolean
    readonly compact_revision?: string
    readonly events?: readonly {
      readonly type?: 'DELETE'
      readonly kv: { readonly key: string; readonly value?: string; readonly mod_revision: string }
    }[]
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const textOf = (coded = ''): string => Buffer.from(coded, 'base64').toString()

/** Follows all keys of v3 from revision 1 on, at one member or another, and notes what it is told. */
export class Watcher {
  readonly told: (Change | Gap)[] = []
  streams = 0
  /** The first revision that was not told yet. */
  next = 1
  private readonly program: Program
  private readonly http: HttpClient
  private readonly addresses: readonly Ipv4Address[]
  private readonly dice: Dice
  private readonly unit: number

  constructor(
    namespace: NetNamespace,
    name: string,
    addresses: readonly Ipv4Address[],
    dice: Dice,
    unit: number,
  ) {
    this.program = new Program(namespace, name)
    this.http = new HttpClient(this.program, { dialTimeout: 2 * unit })
    this.addresses = addresses
    this.dice = dice
    this.unit = unit
    this.program.spawn(this.run())
  }

  private *run(): Process {
    for (;;) {
      const stream = yield* this.open()
      if (stream instanceof HttpError) yield* sleep(this.unit / 10)
      else {
        yield* this.follow(stream)
        // While it looks away, changes may be compacted that it was not told of.
        yield* sleep(this.unit * this.dice.pick([0, 0, 0.5, 2]))
      }
    }
  }

  private open(): Process<HttpStream | HttpError> {
    const create = { key: base64('\0'), range_end: base64('\0'), start_revision: `${this.next}` }
    return this.http.stream({
      address: this.dice.pick(this.addresses),
      port: CLIENT_PORT,
      method: 'POST',
      path: '/v3/watch',
      headers: [['Content-Type', 'application/json']],
      body: JSON.stringify({ create_request: create }),
      headerTimeout: 2 * this.unit,
    })
  }

  /** Until the stream breaks, says nothing for a while, or is no more wanted. */
  private *follow(stream: HttpStream): Process {
    this.streams++
    const until = this.program.now + this.unit * this.dice.integer(1, 20)
    while (this.program.now < until) {
      const line = yield* stream.nextLine(2 * this.unit)
      if (line === null || !this.take(JSON.parse(line) as WatchLine)) break
    }
    stream.cancel()
  }

  /** @returns false when the watch has ended. */
  private take({ result }: WatchLine): boolean {
    for (const { type, kv } of result?.events ?? []) {
      const revision = Number(kv.mod_revision)
      const value = type === 'DELETE' ? null : textOf(kv.value)
      this.told.push({ revision, key: textOf(kv.key), value })
      this.next = revision + 1
    }
    if (result === undefined || result.canceled !== true) return result !== undefined
    const compacted = Number(result.compact_revision ?? 0)
    if (compacted === 0) throw new Error(`watch from ${this.next} was ended: nothing compacted`)
    this.told.push({ compacted })
    this.next = compacted
    return false
  }
}
