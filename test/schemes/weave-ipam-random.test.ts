import { describe, expect, it } from 'vitest'
import type { RandomStream } from '../../src/sim/random.ts'
import { prefix } from '../../src/wire/ipv4-address.ts'
import { seeds } from '../seeds.ts'
import { IpamBench } from './weave-ipam-bench.ts'

const HOSTS = 4
const STEPS = 24

/** A random life of four hosts that share a few addresses, for which they soon have to ask each other. */
class RandomLife {
  readonly bench: IpamBench
  /** Addresses in use, and by whom; what was asked for and has not come yet. */
  private readonly inUse = new Map<string, string>()
  private readonly waiting: { container: string; host: number; answers: string[] }[] = []
  private readonly down = new Set<number>()
  private readonly containers = new Map<string, number>()
  private heal: (() => void) | null = null
  private readonly random: RandomStream
  private count = 0
  given = 0

  constructor(seed: string) {
    const settings = { range: prefix('10.32.0.0/26') }
    this.bench = new IpamBench(HOSTS, settings, seed)
    this.random = this.bench.mesh.simulator.random.stream('life')
    this.bench.mesh.connectAll()
    this.bench.mesh.run(3000)
  }

  step(): void {
    const host = this.random.integer(1, HOSTS)
    const act = this.random.integer(0, 9)
    if (act <= 4 && !this.down.has(host)) this.attach(host)
    else if (act <= 6) this.detach()
    else if (act === 7) this.crashOrRestart(host)
    else if (act === 8 && !this.down.has(host)) this.claim(host)
    else this.cutOrHeal(host)
    this.bench.mesh.run(this.random.integer(0, 8000))
    this.collect()
  }

  /** Mends everything: each is up, all see each other, and nobody waits. */
  end(): void {
    this.heal?.()
    for (const host of [...this.down]) this.crashOrRestart(host)
    this.bench.mesh.run(900000)
    this.collect()
  }

  /** Entries of all rings, which in the end are one. */
  rings(): string[] {
    return Array.from({ length: HOSTS }, (_, i) => this.bench.owners(i + 1).join(', '))
  }

  private attach(host: number): void {
    const container = `c${++this.count}`
    this.waiting.push({ container, host, answers: this.bench.allocate(host, container) })
  }

  private claim(host: number): void {
    const container = `c${++this.count}`
    const address = `10.32.0.${this.random.integer(1, 62)}`
    this.waiting.push({ container, host, answers: this.bench.claim(host, container, address) })
    this.claimed.set(container, address)
  }

  private readonly claimed = new Map<string, string>()

  private detach(): void {
    const running = [...this.containers].filter(([, host]) => !this.down.has(host))
    if (running.length === 0) return
    const [container, host] = running[this.random.integer(0, running.length - 1)]!
    expect(this.bench.allocator(host).delete(container)).toBeNull()
    this.containers.delete(container)
    for (const [address, user] of this.inUse) if (user === container) this.inUse.delete(address)
  }

  /** A host that crashed keeps its containers' addresses on disk. */
  private crashOrRestart(host: number): void {
    if (this.down.delete(host)) {
      const others = [1, 2, 3, 4].filter((other) => other !== host)
      return this.bench.restart(host, ...others)
    }
    this.collect()
    this.bench.crash(host)
    this.down.add(host)
    const kept = this.waiting.filter((request) => request.host !== host)
    this.waiting.splice(0, this.waiting.length, ...kept)
  }

  private cutOrHeal(host: number): void {
    if (this.heal !== null) {
      this.heal()
      this.heal = null
      return
    }
    const others = [1, 2, 3, 4].filter((other) => other !== host)
    const both = this.random.integer(0, 1) === 0
    this.heal = this.bench.mesh.partition([host], others, both)
  }

  private collect(): void {
    for (const request of [...this.waiting]) {
      const answer = request.answers[0]
      if (answer === undefined) continue
      this.waiting.splice(this.waiting.indexOf(request), 1)
      const address = answer === 'ok' ? this.claimed.get(request.container)! : answer
      if (!/^[\d.]+$/.test(address)) continue
      expect(this.inUse.get(address) ?? request.container).toBe(request.container)
      this.inUse.set(address, request.container)
      this.containers.set(request.container, request.host)
      this.given++
    }
  }
}

describe('addresses of peers that share a ring', () => {
  const lives = seeds('weave-hosts', 80, 'WEAVE_HOSTS_SEED')
  let given = 0
  it.each(lives)('are never given twice, whatever befalls hosts and network: %s', (seed) => {
    const life = new RandomLife(seed)
    for (let step = 0; step < STEPS; step++) life.step()
    life.end()
    expect(new Set(life.rings()).size).toBe(1)
    life.bench.mesh.expectBalance()
    given += life.given
  })

  // Not in each: there are lives whose few askers all crash before they are answered.
  it('are given', () => {
    expect(given).toBeGreaterThanOrEqual(lives.length)
  })
})
