import type { HttpRequest } from '../../src/control/http/exchange.ts'
import { type HttpHandler, serveHttp } from '../../src/control/http/server.ts'
import { Program } from '../../src/control/program/program.ts'
import type { Process } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { HostsOnSwitch } from './hosts-on-switch.ts'

/** A client on h1, and servers on h2, h3 ... that answer as a test says. */
export class FakeServers {
  readonly bench: HostsOnSwitch
  readonly client: Program
  readonly servers: readonly Program[]
  /** `2 GET /v2/keys/a`: the host's number, method and target of each request, in order. */
  readonly requests: string[] = []
  private readonly port: number

  constructor(count: number, port: number, handler: (server: number) => HttpHandler) {
    this.bench = new HostsOnSwitch(count + 1)
    this.port = port
    this.client = new Program(this.bench.host(1).root, 'client')
    this.servers = this.addresses.map((_, i) => this.serve(i + 2, handler(i + 2)))
  }

  /** Starts a server on a host; again, after a kill. */
  serve(number: number, handler: HttpHandler): Program {
    const program = new Program(this.bench.host(number).root, 'server')
    const { requests } = this
    const isFree = serveHttp(program, this.port, function* (request, exchange) {
      requests.push(`${number} ${lineOf(request)}`)
      yield* handler(request, exchange)
    })
    if (!isFree) throw new Error('the port is taken')
    return program
  }

  get addresses(): { readonly address: number; readonly port: number }[] {
    const numbers = Array.from({ length: this.bench.hosts.length - 1 }, (_, i) => i + 2)
    return numbers.map((number) => ({ address: this.bench.address(number), port: this.port }))
  }

  /** The server of a host dies. */
  kill(number: number): void {
    this.servers[number - 2]!.kill()
  }

  /** Runs a process of the client. @returns its result; null when it has none by then. */
  run<T>(body: Process<T>, duration = 100 * SECOND): T | null {
    let result: T | null = null
    const { simulator } = this.bench
    this.client.spawn(
      (function* (): Process {
        result = yield* body
      })(),
    )
    simulator.run(simulator.now + duration)
    this.bench.expectBalance()
    return result
  }
}

function lineOf({ method, target }: HttpRequest): string {
  return `${method} ${target}`
}
