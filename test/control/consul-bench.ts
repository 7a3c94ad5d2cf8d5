import { ConsulCluster, type ConsulMember } from '../../src/control/consul/cluster.ts'
import {
  CONSUL_DEFAULTS,
  type ConsulRelease,
  type ConsulSettings,
} from '../../src/control/consul/settings.ts'
import { HttpClient } from '../../src/control/http/client.ts'
import { HttpError } from '../../src/control/http/http-error.ts'
import { Program } from '../../src/control/program/program.ts'
import type { Process } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { HostsOnSwitch, type HostsOptions } from './hosts-on-switch.ts'

/** An answer with the seconds of the run at which it was asked for, and came. */
export interface Answer {
  readonly status: number
  readonly body: string
  readonly index: number
  readonly knownLeader: string | undefined
  /** Milliseconds. */
  readonly lastContact: number
  readonly from: number
  readonly at: number
}

export interface ConsulOptions extends HostsOptions {
  readonly release?: ConsulRelease
  readonly settings?: Partial<ConsulSettings>
  readonly agents?: number
}

/** Servers s1, s2 ... on h1, h2 ..., and hosts with agents behind them. */
export class ConsulBench {
  readonly bench: HostsOnSwitch
  readonly cluster: ConsulCluster
  private readonly clients = new Map<number, { program: Program; http: HttpClient }>()

  constructor(servers: number, options: ConsulOptions = {}) {
    const { release = '1.8', agents = 1 } = options
    this.bench = new HostsOnSwitch(servers + agents, options)
    const { hosts } = this.bench
    this.cluster = new ConsulCluster({
      release,
      settings: { ...CONSUL_DEFAULTS[release], ...options.settings },
      servers: hosts.slice(0, servers).map((host, i) => ({ name: `s${i + 1}`, host })),
      agents: hosts.slice(servers),
    })
    this.cluster.start()
  }

  get seconds(): number {
    return this.bench.simulator.now / SECOND
  }

  run(seconds: number): void {
    this.bench.simulator.run(this.bench.simulator.now + Math.round(seconds * SECOND))
  }

  /** Runs in small steps until it holds. @returns the seconds that it took. */
  runUntil(holds: () => boolean, most: number, step = 0.05): number {
    const start = this.seconds
    while (!holds()) {
      if (this.seconds - start > most) throw new Error(`not within ${most} s`)
      this.run(step)
    }
    return this.seconds - start
  }

  /** Runs until a leader is there, and the agents and their nodes are known to all. */
  settle(): this {
    const nodes = this.bench.hosts.length
    this.runUntil(() => {
      const [answer] = this.askAll([1, 'GET', '/v1/catalog/nodes'])
      return answer?.status === 200 && JSON.parse(answer.body).length === nodes
    }, 60)
    return this
  }

  /** 1 is s1. */
  server(number: number): ConsulMember {
    return this.cluster.members[number - 1]!
  }

  get leaders(): number[] {
    const { members } = this.cluster
    return members.flatMap((member, i) => (member.status()?.role === 'leader' ? [i + 1] : []))
  }

  /** The only leader. */
  get leader(): number {
    const { leaders } = this
    if (leaders.length !== 1) throw new Error(`leaders: ${leaders}`)
    return leaders[0]!
  }

  /** Numbers of the servers that follow, in order. */
  get followers(): number[] {
    return this.cluster.members.map((_, i) => i + 1).filter((number) => number !== this.leader)
  }

  /** A client on a host asks the agent of the same host; the answer comes into the list. */
  ask(host: number, method: string, path: string, body = ''): Answer[] {
    const answers: Answer[] = []
    const client = this.clientOn(host)
    client.program.spawn(this.perform(client, host, method, path, body, answers))
    return answers
  }

  private *perform(
    { http }: { http: HttpClient },
    host: number,
    method: string,
    path: string,
    body: string,
    answers: Answer[],
  ): Process {
    const from = this.seconds
    const [{ address, port }] = this.cluster.addressesFor(this.bench.host(host)) as [never]
    const response = yield* http.request({ address, port, method, path, body })
    const at = this.seconds
    if (response instanceof HttpError) {
      const none = { index: 0, knownLeader: undefined, lastContact: 0 }
      answers.push({ status: 0, body: response.text, ...none, from, at })
      return
    }
    const { status, headers, text } = response
    answers.push({
      status,
      body: text,
      index: Number(headers.get('x-consul-index')),
      knownLeader: headers.get('x-consul-knownleader'),
      lastContact: Number(headers.get('x-consul-lastcontact')),
      from,
      at,
    })
  }

  /** Asks and runs until the answers are there, or a second has passed. */
  askAll(...requests: (readonly [host: number, method: string, path: string, body?: string])[]) {
    const lists = requests.map(([host, method, path, body]) => this.ask(host, method, path, body))
    for (let i = 0; i < 100 && lists.some((list) => list.length === 0); i++) this.run(0.01)
    return lists.map(([answer]) => answer)
  }

  /** One request that is answered within a second. */
  get(host: number, path: string): Answer {
    return this.one(host, 'GET', path)
  }

  put(host: number, path: string, body = ''): Answer {
    return this.one(host, 'PUT', path, body)
  }

  private one(host: number, method: string, path: string, body = ''): Answer {
    const [answer] = this.askAll([host, method, path, body])
    if (answer === undefined) throw new Error(`${method} ${path} has no answer`)
    return answer
  }

  private clientOn(host: number): { program: Program; http: HttpClient } {
    let client = this.clients.get(host)
    if (client === undefined) {
      const program = new Program(this.bench.host(host).root, 'client')
      client = { program, http: new HttpClient(program, { idleMax: 16 }) }
      this.clients.set(host, client)
    }
    return client
  }
}

/** The value of a key as the API has it. */
export function keyValue({ body }: Answer): string {
  return Buffer.from(JSON.parse(body)[0].Value ?? '', 'base64').toString()
}
