import type { StoreAddress } from '../../src/control/cluster/store.ts'
import { HttpClient } from '../../src/control/http/client.ts'
import { HttpError } from '../../src/control/http/http-error.ts'
import { Program } from '../../src/control/program/program.ts'
import { COST_PROFILES } from '../../src/cpu/cost-profile.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { Dice } from '../chaos/dice.ts'
import { ConsulBench } from './consul-bench.ts'

/** Seconds. The last faults end 9 s later; what hangs in a broken connection takes up to 40 s to fail. */
const FAULTS_END = 25
const CLIENTS_END = 75
/** By then every call has its answer; those of the faults have it already. */
const END = 76

/** An addition of one to the counter; `unknown`: an error, after which it may yet be done. */
interface Addition {
  readonly from: number
  at: number
  outcome: 'done' | 'refused' | 'unknown'
}

interface Read {
  readonly from: number
  readonly at: number
  readonly value: number
}

/** A cluster under random faults, and clients that count by check-and-set and read to be sure. */
export class ConsulTrial {
  readonly consul: ConsulBench
  readonly additions: Addition[] = []
  readonly reads: Read[] = []
  private readonly dice: Dice
  private readonly servers: number

  constructor(seed: string) {
    const dice = new Dice(seed)
    this.dice = dice
    this.servers = dice.pick([3, 3, 5])
    this.consul = new ConsulBench(this.servers, {
      seed,
      agents: 2,
      settings: { raftMultiplier: 1, snapshotThreshold: dice.pick([10, 16384]), trailingLogs: 5 },
      ...(dice.pick([true, false]) && { costs: COST_PROFILES['server-2020s']! }),
    })
  }

  run(): void {
    const { consul, dice, servers } = this
    for (const host of [1, 2, servers + 1, servers + 2]) this.startClient(host)
    for (let at = 5; at < FAULTS_END; at += dice.integer(10, 40) / 10) {
      consul.run(at - consul.seconds)
      this.breakSomething()
    }
    consul.run(END - consul.seconds)
  }

  private startClient(host: number): void {
    const { bench, cluster } = this.consul
    const program = new Program(bench.host(host).root, 'counter')
    const http = new HttpClient(program)
    const [agent] = cluster.addressesFor(bench.host(host))
    program.spawn(this.goOn(program, http, agent!))
  }

  /** Does not wait for answers: in a broken connection they take long. */
  private *goOn(program: Program, http: HttpClient, agent: StoreAddress): Process {
    while (program.now < CLIENTS_END * SECOND) {
      yield* sleep(program.random.integer(100, 900) * MILLISECOND)
      program.spawn(this.count(program, http, agent))
    }
  }

  private *count(program: Program, http: HttpClient, agent: StoreAddress): Process {
    const seen = yield* this.read(program, http, agent)
    if (seen === null || program.random.next() < 0.3) return
    const addition: Addition = { from: program.now, at: Infinity, outcome: 'unknown' }
    this.additions.push(addition)
    const body = String(seen.value + 1)
    const path = `/v1/kv/counter?cas=${seen.index}`
    const answer = yield* http.request({ ...agent, method: 'PUT', path, body })
    if (answer instanceof HttpError || answer.status !== 200) return
    addition.at = program.now
    addition.outcome = answer.text === 'true' ? 'done' : 'refused'
  }

  private *read(
    program: Program,
    http: HttpClient,
    agent: StoreAddress,
  ): Process<{ value: number; index: number } | null> {
    const from = program.now
    const path = '/v1/kv/counter?consistent'
    const answer = yield* http.request({ ...agent, method: 'GET', path })
    if (answer instanceof HttpError || (answer.status !== 200 && answer.status !== 404)) return null
    const [entry] = answer.status === 404 ? [] : JSON.parse(answer.text)
    const value = entry === undefined ? 0 : Number(Buffer.from(entry.Value, 'base64').toString())
    this.reads.push({ from, at: program.now, value })
    return { value, index: entry?.ModifyIndex ?? 0 }
  }

  private breakSomething(): void {
    const { consul, dice } = this
    const { cluster, bench } = consul
    const lasting = dice.integer(10, 90) / 10
    const member = dice.pick(cluster.members)
    switch (dice.pick(['cut', 'cut', 'crash', 'disk', 'agent'])) {
      case 'cut': {
        const hosts = bench.hosts.map((_, i) => i + 1)
        const some = hosts.filter(() => dice.chance(0.4))
        const others = hosts.filter((host) => !some.includes(host))
        this.later(lasting, bench.partition(some, others, dice.pick([true, true, false])))
        return
      }
      case 'crash':
        member.crash()
        return this.later(lasting, () => member.start())
      case 'disk': {
        const { disk } = member
        disk.setFsync(dice.pick([50 * MILLISECOND, SECOND, Infinity]))
        return this.later(lasting, () => disk.setFsync(MILLISECOND))
      }
      case 'agent': {
        const agent = dice.pick(cluster.agents)
        agent.crash()
        this.later(lasting, () => agent.start())
      }
    }
  }

  private later(seconds: number, undo: () => void): void {
    this.consul.bench.simulator.after(Math.round(seconds * SECOND), { fire: undo })
  }

  /** Reads that saw less than was acknowledged before them, or more than was asked for, or less than one before. */
  get staleReads(): Read[] {
    const { additions } = this
    const wanted = additions.filter(({ outcome }) => outcome !== 'refused')
    let seen = 0
    const byEnd = [...this.reads].sort((a, b) => a.at - b.at)
    return [...this.reads]
      .sort((a, b) => a.from - b.from)
      .filter(({ from, at, value }) => {
        while (byEnd.length > 0 && byEnd[0]!.at <= from) seen = Math.max(seen, byEnd.shift()!.value)
        const least = additions.filter((each) => each.outcome === 'done' && each.at <= from).length
        const most = wanted.filter((each) => each.from <= at).length
        return value < least || value > most || value < seen
      })
  }

  /** Reads that the clients began in the last seconds of theirs. */
  readsOfLast(seconds: number): number {
    return this.reads.filter(({ from }) => from > (CLIENTS_END - seconds) * SECOND).length
  }

  numberOf(outcome: Addition['outcome']): number {
    return this.additions.filter((each) => each.outcome === outcome).length
  }
}
