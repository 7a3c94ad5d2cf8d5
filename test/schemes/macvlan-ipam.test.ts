/** Random containers, restarts and reboots on hosts whose engines know nothing of each other. */
import { describe, expect, it } from 'vitest'
import { AttachError, type Daemon, type Endpoint } from '../../src/schemes/contract.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { RandomStreams } from '../../src/sim/random.ts'
import { ipv4, lastOf, prefix } from '../../src/wire/ipv4-address.ts'
import { seeds } from '../seeds.ts'
import { Hosts } from './fabric.ts'

const SET = 10_000
const STEPS = 25
const HOSTS = ['192.168.0.1', '192.168.0.2', '192.168.0.3']
const SUBNET = prefix('10.20.0.0/27')
const BLOCKS = ['10.20.0.0/29', '10.20.0.8/29', '10.20.0.16/28'].map(prefix)

/** What an engine promises, written down by itself: the lowest address of its range that is free. */
class Trial {
  readonly lab = new Hosts(HOSTS)
  private readonly daemons: Daemon[]
  private readonly running = new Map<Endpoint, number>()
  private readonly draw: (below: number) => number
  private readonly isShared: boolean
  private readonly gateways: number[]
  private made = 0

  constructor(seed: string, scheme: 'macvlan' | 'ipvlan', isShared: boolean) {
    const stream = new RandomStreams(seed).stream('trial')
    this.draw = (below) => stream.integer(0, below - 1)
    this.isShared = isShared
    const { startHost, options: schema } = builtinSchemes.get(scheme)!
    const ranges = { h1: '10.20.0.0/29', h2: '10.20.0.8/29', h3: '10.20.0.16/28' }
    const options = { subnet: '10.20.0.0/27', ranges: isShared ? 'shared' : ranges }
    const network = this.lab.network(schema.parse(options))
    this.daemons = this.lab.hosts.map((host) => startHost(host, network))
    this.gateways = isShared
      ? HOSTS.map(() => ipv4('10.20.0.1'))
      : ['10.20.0.1', '10.20.0.8', '10.20.0.16'].map(ipv4)
  }

  step(): void {
    const host = this.draw(HOSTS.length)
    const kind = this.draw(12)
    const own = [...this.running].filter(([, on]) => on === host).map(([endpoint]) => endpoint)
    if (kind < 7) this.start(host, own)
    else if (kind < 10 && own.length > 0) this.end(host, own[this.draw(own.length)]!)
    else if (kind === 10) this.restart(host, own)
    else if (kind === 11) this.reboot(host, own)
  }

  private expected(host: number, own: readonly Endpoint[]): number | null {
    const block = this.isShared ? SUBNET : BLOCKS[host]!
    const taken = new Set(own.map(({ address }) => address))
    for (let at = block.base; at <= lastOf(block); at++) {
      const isReserved = at === SUBNET.base || at === lastOf(SUBNET) || at === this.gateways[host]
      if (!isReserved && !taken.has(at)) return at
    }
    return null
  }

  private start(host: number, own: readonly Endpoint[]): void {
    const name = `x${this.made++}`
    const namespace = this.lab.hosts[host]!.addContainer(name)
    const container = { name, network: 'net', namespace, device: 'eth0', labels: {} }
    const free = { defaultRoute: true, address: null, mac: null }
    const { value } = this.daemons[host]!.attach({ ...container, ...free }).next()
    const expected = this.expected(host, own)
    if (value instanceof AttachError) expect(expected).toBeNull()
    else {
      const endpoint = value as Endpoint
      expect(endpoint.address).toBe(expected)
      this.running.set(endpoint, host)
    }
  }

  private end(host: number, endpoint: Endpoint): void {
    this.daemons[host]!.detach(endpoint).next()
    this.running.delete(endpoint)
  }

  /** With its daemon a host loses its containers, sooner or later. */
  private restart(host: number, own: readonly Endpoint[]): void {
    const daemon = this.daemons[host]!
    if (this.draw(2) === 0) daemon.stop()
    else daemon.crash()
    daemon.start()
    for (const endpoint of own) this.running.delete(endpoint)
  }

  private reboot(host: number, own: readonly Endpoint[]): void {
    this.daemons[host]!.crash()
    this.lab.hosts[host]!.powerOff()
    this.lab.hosts[host]!.powerOn()
    this.daemons[host]!.start()
    for (const endpoint of own) this.running.delete(endpoint)
  }

  /** Addresses that two containers have. */
  duplicates(): number {
    const addresses = [...this.running.keys()].map(({ address }) => address)
    return addresses.length - new Set(addresses).size
  }

  hostsInUse(): number {
    return new Set(this.running.values()).size
  }
}

const all = seeds('local', SET, 'ENCAP_LOCAL_IPAM_SEED')

describe.each(['macvlan', 'ipvlan'] as const)('addresses of %s', (scheme) => {
  const own = all.filter((_, i) => (i % 2 === 0) === (scheme === 'macvlan'))

  it('are unique as long as the ranges of the hosts are, lowest first', () => {
    for (const seed of own) {
      const trial = new Trial(seed, scheme, false)
      for (let i = 0; i < STEPS; i++) {
        trial.step()
        expect(trial.duplicates(), seed).toBe(0)
      }
    }
  })

  it('are given out again by each host that was told the subnet alone', () => {
    let twice = 0
    for (const seed of own.slice(0, own.length / 2)) {
      const trial = new Trial(`${seed}-shared`, scheme, true)
      for (let i = 0; i < STEPS; i++) trial.step()
      if (trial.duplicates() > 0) twice++
      if (trial.hostsInUse() < 2) expect(trial.duplicates(), seed).toBe(0)
    }
    expect(twice).toBeGreaterThan(own.length / 4)
  })
})
