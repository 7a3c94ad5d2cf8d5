/** Random starts, removals, kills and stops on three hosts: what the store says is what runs. */
import { describe, expect, it } from 'vitest'
import { AttachError, type Endpoint } from '../../src/schemes/contract.ts'
import { BitSequence } from '../../src/schemes/docker-overlay/bit-sequence.ts'
import { SECOND } from '../../src/sim/units.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'
import { seeds } from '../seeds.ts'
import { DockerBench } from './docker-bench.ts'

const HOSTS = 3
const STEPS = 12
const SET = 60

interface Running {
  readonly host: number
  readonly endpoint: Endpoint
}

class Trial {
  readonly bench = new DockerBench(HOSTS, { subnet: '10.0.9.0/27' })
  private running: Running[] = []
  private started = 0
  private state: number

  constructor(seed: number) {
    this.state = seed
    this.bench.startDaemons()
    this.bench.startNetwork('net1', 1)
  }

  private draw(below: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) | 0
    return (this.state >>> 8) % below
  }

  step(): void {
    const host = this.draw(HOSTS) + 1
    const kind = this.draw(10)
    if (kind < 5 || this.running.length === 0) this.start(host)
    else if (kind < 8) this.remove()
    else this.restart(host, kind === 8 ? 'crash' : 'stop')
  }

  private start(host: number): void {
    const name = `x${this.started++}`
    const result = this.bench.tryRun(name, 'net1', host)
    if (!(result instanceof AttachError)) this.running.push({ host, endpoint: result })
  }

  private remove(): void {
    const [gone] = this.running.splice(this.draw(this.running.length), 1)
    this.bench.remove(gone!.endpoint, gone!.host)
  }

  /** With its daemon a host loses its containers. */
  private restart(host: number, end: 'stop' | 'crash'): void {
    const daemon = this.bench.daemon('net1', host)
    daemon[end]()
    this.bench.run(10 * SECOND)
    daemon.start()
    this.bench.run(10 * SECOND)
    this.running = this.running.filter((each) => each.host !== host)
  }

  /** Addresses that run, with network, gateway and broadcast, and those that are set in the store. */
  check(): void {
    const live = this.running.map(({ endpoint }) => endpoint.address & 31)
    expect(new Set(live).size).toBe(live.length)
    const listing = this.bench.listing()
    const value = (part: string) => listing.find(({ key }) => key.includes(part))!.value!
    const { sequence } = JSON.parse(value('/data/GlobalDefault/10.0.9.0/27')) as {
      sequence: string
    }
    const bits = BitSequence.decode(sequence)!
    const set = Array.from({ length: 32 }, (_, i) => i).filter((bit) => bits.has(bit))
    expect(set).toEqual([0, 1, 31, ...live].sort((a, b) => a - b))
    expect(value('/endpoint_count/')).toBe(`{"Count":${live.length}}`)
    const endpoints = listing.filter(({ key }) => /\/endpoint\/\w{64}\/\w{64}$/.test(key))
    expect(endpoints).toHaveLength(live.length)
  }

  /** Each reaches each. */
  checkTraffic(): void {
    for (const { endpoint: from } of this.running) {
      for (const { endpoint: to } of this.running) {
        const way = `${formatIpv4(from.address)} to ${formatIpv4(to.address)}`
        expect(this.bench.ping(from.namespace, to.address, 2 * SECOND), way).toBe(true)
      }
    }
  }
}

describe('addresses, counts and endpoints in the store', () => {
  it.each(seeds('docker', SET, 'ENCAP_DOCKER_SEED'))('are those that run, seed %s', (seed) => {
    const trial = new Trial(Number(seed.split('-')[1]) + 1)
    for (let i = 0; i < STEPS; i++) {
      trial.step()
      trial.check()
    }
    trial.checkTraffic()
    trial.bench.lab.expectBalance()
  })
})
