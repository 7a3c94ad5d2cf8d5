/** Many watchers on one member: each is told everything once, in order. */
import { expect, it } from 'vitest'
import { EtcdCluster } from '../../src/control/etcd/cluster.ts'
import { CLIENT_PORT } from '../../src/control/etcd/settings.ts'
import { HttpClient, type HttpRequestOptions } from '../../src/control/http/client.ts'
import { HttpError } from '../../src/control/http/http-error.ts'
import { Program } from '../../src/control/program/program.ts'
import type { Process } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { ETCD_3_4 } from './etcd-settings.ts'
import { HostsOnSwitch } from './hosts-on-switch.ts'

const WATCHERS = 100
const PUTS = 1000
/** At a time. */
const WRITERS = 20
const base64 = (text: string) => Buffer.from(text).toString('base64')

interface Told {
  readonly result: {
    readonly events?: readonly { readonly kv: { readonly mod_revision: string } }[]
  }
}

class Watchers {
  /** By watcher, the revisions in the order in which it was told of them. */
  readonly told: number[][] = []
  refused = 0
  private readonly bench = new HostsOnSwitch(4)
  private readonly cluster: EtcdCluster
  private readonly program: Program
  private readonly http: HttpClient
  private sent = 0

  constructor() {
    const places = [1, 2, 3].map((n) => ({ name: `store-${n}`, host: this.bench.host(n) }))
    this.cluster = new EtcdCluster(places, ETCD_3_4)
    this.cluster.start()
    this.program = new Program(this.bench.host(4).root, 'client')
    this.http = new HttpClient(this.program, { idleMax: WRITERS })
    this.bench.simulator.run(3 * SECOND)
  }

  run(): void {
    const { program, bench } = this
    for (let i = 0; i < WATCHERS; i++) program.spawn(this.watch())
    bench.simulator.run(3.1 * SECOND)
    for (let i = 0; i < WRITERS; i++) program.spawn(this.write())
    bench.simulator.run(10 * SECOND)
    expect(this.cluster.violations).toEqual([])
    bench.expectBalance()
  }

  private post(member: number, path: string, body: object): HttpRequestOptions {
    const address = this.bench.address(member)
    return { address, port: CLIENT_PORT, method: 'POST', path, body: JSON.stringify(body) }
  }

  private *watch(): Process {
    const told: number[] = []
    this.told.push(told)
    const range = { key: base64('k'), range_end: base64('l') }
    const stream = yield* this.http.stream(this.post(2, '/v3/watch', { create_request: range }))
    if (stream instanceof HttpError) return
    for (;;) {
      const line = yield* stream.nextLine()
      if (line === null) return
      const { events = [] } = (JSON.parse(line) as Told).result
      for (const { kv } of events) told.push(Number(kv.mod_revision))
    }
  }

  private *write(): Process {
    while (this.sent < PUTS) {
      const number = this.sent++
      const put = { key: base64(`k${number % 50}`), value: base64(`${number}`) }
      const response = yield* this.http.request(this.post(1 + (number % 3), '/v3/kv/put', put))
      if (response instanceof HttpError || response.status !== 200) this.refused++
    }
  }
}

it(`tells ${WATCHERS} watchers of ${PUTS} puts, each once and in order`, () => {
  const watchers = new Watchers()
  watchers.run()
  expect(watchers.refused).toBe(0)
  const revisions = Array.from({ length: PUTS }, (_, i) => i + 2)
  expect(watchers.told).toEqual(Array(WATCHERS).fill(revisions))
})
