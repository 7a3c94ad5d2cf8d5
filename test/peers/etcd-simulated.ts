/** A simulated etcd of one member, asked by a client on another simulated host: every word goes in packets. */
import { EtcdCluster } from '../../src/control/etcd/cluster.ts'
import { CLIENT_PORT } from '../../src/control/etcd/settings.ts'
import { HttpClient, type HttpRequestOptions } from '../../src/control/http/client.ts'
import { HttpError } from '../../src/control/http/http-error.ts'
import type { HttpStream as SimulatedStream } from '../../src/control/http/http-stream.ts'
import { Program } from '../../src/control/program/program.ts'
import type { Process } from '../../src/sim/process.ts'
import { MICROSECOND, MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { ETCD_3_4 } from '../control/etcd-settings.ts'
import { HostsOnSwitch } from '../control/hosts-on-switch.ts'
import type { HttpAnswer, HttpCall, HttpStream } from './etcd.ts'

/** The simulated clock is not to overtake the real one, by which v2's TTLs are compared. */
const FSYNC = 10 * MICROSECOND
/** By then the member leads, and has published itself. */
const START = 4 * SECOND
const PATIENCE = 10 * SECOND
/** A watch learns of a change after who made it. Some round trips. */
const SETTLING = 100 * MICROSECOND

/** As `RealEtcd`, of a member in a simulation whose clock goes on while it is asked. */
export class SimulatedEtcd {
  readonly bench = new HostsOnSwitch(2)
  readonly cluster: EtcdCluster
  private readonly http: HttpClient
  private readonly client: Program
  /** What the simulated clock is ahead of the real one, picoseconds; null = it was not set yet. */
  private lead: number | null = null

  constructor() {
    const places = [{ name: 'm1', host: this.bench.host(1) }]
    this.cluster = new EtcdCluster(places, ETCD_3_4, FSYNC)
    this.cluster.start()
    this.client = new Program(this.bench.host(2).root, 'client')
    this.http = new HttpClient(this.client)
    this.bench.simulator.run(START)
  }

  /** One request, its whole answer. */
  call(call: HttpCall): Promise<HttpAnswer> {
    const { http } = this
    return Promise.resolve(
      this.complete(
        (function* (request: HttpRequestOptions): Process<HttpAnswer> {
          const response = yield* http.request(request)
          if (response instanceof HttpError) throw new Error(response.text)
          const { status, text: body } = response
          return { status, body, headers: Object.fromEntries(response.headers) }
        })(this.requestOf(call)),
      ),
    )
  }

  /** One request whose body comes in lines. */
  stream(call: HttpCall): Promise<HttpStream> {
    const { http } = this
    const request = this.requestOf(call)
    const begun = this.complete(
      (function* (): Process<SimulatedStream> {
        const stream = yield* http.stream(request)
        if (stream instanceof HttpError) throw new Error(stream.text)
        return stream
      })(),
    )
    const lines: string[] = []
    this.client.spawn(collect(begun, lines))
    this.run(SETTLING)
    const wait = (until: (lines: readonly string[]) => boolean): Promise<void> => {
      const end = this.bench.simulator.now + PATIENCE
      while (!until(lines) && this.bench.simulator.now < end) this.run(SETTLING)
      if (until(lines)) return Promise.resolve()
      return Promise.reject(new Error(`nothing more comes after:\n${lines.join('\n')}`))
    }
    return Promise.resolve({ lines, wait, stop: () => begun.cancel() })
  }

  /** Lets the simulated clock come as far as the real one has since the first call. */
  keepTime(): void {
    const { simulator } = this.bench
    const real = Date.now() * MILLISECOND
    this.lead ??= simulator.now - real
    if (real + this.lead > simulator.now) simulator.run(real + this.lead)
  }

  private run(duration: number): void {
    const { simulator } = this.bench
    simulator.run(simulator.now + duration)
  }

  private requestOf({ path, body, headers = {}, method }: HttpCall): HttpRequestOptions {
    return {
      address: this.bench.address(1),
      port: CLIENT_PORT,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      path,
      headers: Object.entries(headers),
      ...(body !== undefined && { body }),
    }
  }

  private complete<T>(body: Process<T>): T {
    const { simulator } = this.bench
    const end = simulator.now + PATIENCE
    const result: T[] = []
    this.client.spawn(
      (function* (): Process {
        result.push(yield* body)
      })(),
    )
    while (result.length === 0 && simulator.now < end) this.run(SETTLING)
    if (result.length === 0) throw new Error(`no answer within ${PATIENCE / SECOND} s`)
    this.run(SETTLING)
    return result[0]!
  }
}

function* collect(stream: SimulatedStream, lines: string[]): Process {
  for (;;) {
    const line = yield* stream.nextLine()
    if (line === null) return
    lines.push(line)
  }
}
