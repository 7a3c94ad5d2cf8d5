import { CLIENT_PORT } from '../../src/control/etcd/settings.ts'
import { HttpClient } from '../../src/control/http/client.ts'
import { HttpError } from '../../src/control/http/http-error.ts'
import { Program } from '../../src/control/program/program.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import type { Ipv4Address } from '../../src/wire/ipv4-address.ts'
import type { Dice } from '../chaos/dice.ts'

/** Compacts v3's history now and then up to a revision of late. */
export class Compactor {
  private readonly program: Program
  private readonly http: HttpClient
  private readonly addresses: readonly Ipv4Address[]
  private readonly dice: Dice
  private readonly unit: number

  constructor(
    namespace: NetNamespace,
    addresses: readonly Ipv4Address[],
    dice: Dice,
    unit: number,
  ) {
    this.program = new Program(namespace, 'compactor')
    this.http = new HttpClient(this.program, { dialTimeout: 2 * unit })
    this.addresses = addresses
    this.dice = dice
    this.unit = unit
    this.program.spawn(this.run())
  }

  stop(): void {
    this.program.kill()
  }

  private *run(): Process {
    for (;;) {
      yield* sleep(this.unit * this.dice.pick([0.5, 1]))
      const range = yield* this.post('/v3/kv/range', { key: 'YQ==' })
      if (range === null) continue
      const { header } = JSON.parse(range) as { header: { revision: string } }
      const revision = Number(header.revision) - this.dice.integer(0, 2)
      yield* this.post('/v3/kv/compaction', { revision: `${revision}` })
    }
  }

  /** @returns the body; null = there was no answer, or a refusal. */
  private *post(path: string, body: unknown): Process<string | null> {
    const response = yield* this.http.request({
      address: this.dice.pick(this.addresses),
      port: CLIENT_PORT,
      method: 'POST',
      path,
      headers: [['Content-Type', 'application/json']],
      body: JSON.stringify(body),
      timeout: 2 * this.unit,
    })
    return response instanceof HttpError || response.status !== 200 ? null : response.text
  }
}
