/** A random life of containers on three hosts, through the contract that all schemes keep. */
import type { World } from '../../src/scenario/world.ts'
import { AttachError, type Daemon, type Endpoint, type Scheme } from '../../src/schemes/contract.ts'
import { spawn } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import type { Ipv4Address } from '../../src/wire/ipv4-address.ts'
import { Dice } from '../chaos/dice.ts'
import { Bench, type Sections } from '../contract/bench.ts'
import type { Deed } from './orders.ts'

const HOSTS = ['h1', 'h2', 'h3'] as const

/** Of one scheme: what its network says, and what is certain of its addresses. */
export interface Subject {
  readonly name: string
  readonly scheme: Scheme
  readonly options: Sections
  readonly store?: Sections
  /** Until the daemons of all hosts can give addresses, picoseconds. */
  readonly ready: number
  /** Until a daemon that has started can, and an attachment is over, picoseconds. */
  readonly patience: number
  /** Whether two hosts may give the same address. */
  readonly isLocal?: boolean
}

interface Running {
  readonly host: string
  readonly endpoint: Endpoint
}

/** Ten steps or so, each with a while after it; with faults also daemons that are killed, and partitions. */
export class RandomLife {
  readonly bench: Bench
  readonly running = new Map<string, Running>()
  /** What was given and given back, in order. */
  readonly history: Deed[] = []
  private readonly dice: Dice
  private readonly subject: Subject
  private readonly hasFaults: boolean
  private readonly down = new Set<string>()
  private count = 0

  constructor(subject: Subject, seed: string, hasFaults: boolean) {
    this.subject = subject
    this.hasFaults = hasFaults
    this.dice = new Dice(seed)
    const { scheme, options, store } = subject
    this.bench = new Bench(scheme, options, {
      seed,
      fabric: { racks: 1, hostsPerRack: HOSTS.length, links: '10Gbps' },
      containers: HOSTS.map((host, i) => ({ name: `first${i + 1}`, host })),
      ...(store === undefined ? {} : { store }),
      faults: hasFaults ? this.partitions() : [],
    })
    this.bench.runTo(subject.ready)
    for (const [name, host, endpoint] of this.firstOnes()) this.note(name, host, endpoint)
  }

  /** They come at once: who has the lowest address was the first to be given one. */
  private firstOnes(): (readonly [name: string, host: string, endpoint: Endpoint])[] {
    const all = HOSTS.map((host, i) => {
      const name = `first${i + 1}`
      return [name, host, this.bench.endpoint(name)] as const
    })
    return all.toSorted(([, , a], [, , b]) => (a.address >>> 0) - (b.address >>> 0))
  }

  private partitions(): Sections[] {
    const begin = this.subject.ready / SECOND
    return this.dice.times(this.dice.integer(0, 2), () => {
      const at = begin + this.dice.integer(0, 40)
      const one = this.dice.pick(HOSTS)
      const sides = [[one], HOSTS.filter((host) => host !== one)]
      const until = `${at + this.dice.integer(1, 20)}s`
      return { at: `${at}s`, until, partition: sides, oneWay: this.dice.chance(0.3) }
    })
  }

  get world(): World {
    return this.bench.world
  }

  /** @param check is called after each. */
  run(steps: number, check: () => void): void {
    for (let i = 0; i < steps; i++) {
      this.step()
      if (this.hasFaults) this.bench.run(this.dice.integer(1, 4000) * MILLISECOND)
      else this.bench.run(this.subject.patience)
      check()
    }
    for (const host of [...this.down]) this.start(host)
    this.bench.run(40 * SECOND)
    check()
  }

  private step(): void {
    const host = this.dice.pick(HOSTS)
    const kind = this.dice.integer(0, this.hasFaults ? 10 : 8)
    if (kind > 8) {
      if (this.down.has(host)) this.start(host)
      else this.crash(host)
    } else if (this.down.has(host)) return
    else if (kind < 5) this.attach(host)
    else this.detach(host)
  }

  private daemon(host: string): Daemon {
    return this.bench.daemon(host)
  }

  private crash(host: string): void {
    this.daemon(host).crash()
    this.down.add(host)
  }

  private start(host: string): void {
    this.daemon(host).start()
    this.down.delete(host)
  }

  private attach(host: string): void {
    const { simulator, hosts } = this.world
    const name = `x${this.count++}`
    const namespace = hosts.get(host)!.addContainer(name)
    const free = { device: 'eth0', defaultRoute: true, address: null, mac: null, labels: {} }
    const { done } = spawn(
      simulator,
      this.daemon(host).attach({ name, network: 'net', namespace, ...free }),
    )
    done.wait(simulator, (result) => {
      if (!(result instanceof AttachError)) this.note(name, host, result as Endpoint)
    })
  }

  private note(name: string, host: string, endpoint: Endpoint): void {
    this.running.set(name, { host, endpoint })
    this.history.push({ kind: 'given', host, at: endpoint.address })
  }

  private detach(host: string): void {
    const own = [...this.running].filter(([, each]) => each.host === host)
    if (own.length === 0) return
    const [name, { endpoint }] = this.dice.pick(own)
    this.running.delete(name)
    this.history.push({ kind: 'back', host, at: endpoint.address })
    spawn(this.world.simulator, this.daemon(host).detach(endpoint))
  }

  /** Addresses that stand on a device of a container that nobody has ended: some end with their daemon. */
  liveAddresses(): Ipv4Address[] {
    return this.alive().map(({ endpoint }) => endpoint.address)
  }

  /** The same, so that they are different when each has been given once. */
  live(): string[] {
    const { isLocal = false } = this.subject
    return this.alive().map(({ host, endpoint }) => `${isLocal ? host : ''} ${endpoint.address}`)
  }

  private alive(): Running[] {
    return [...this.running.values()].filter(({ endpoint }) => {
      const { addresses } = endpoint.namespace.device(endpoint.device) ?? { addresses: [] }
      return addresses.some(({ address }) => address === endpoint.address)
    })
  }
}
