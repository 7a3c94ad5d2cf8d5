/** Calico's address management: its orders, its limits, and what holds whatever happens. */
import { describe, expect, it } from 'vitest'
import { Program } from '../../src/control/program/program.ts'
import { type AllocationBlock, resource } from '../../src/schemes/calico/datastore/model.ts'
import { Ipam } from '../../src/schemes/calico/ipam/ipam.ts'
import { IpamError } from '../../src/schemes/calico/ipam/ipam-error.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import type { RandomStream } from '../../src/sim/random.ts'
import { MICROSECOND, MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { formatIpv4, type Ipv4Address, ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { HostsOnSwitch } from '../control/hosts-on-switch.ts'
import { seeds } from '../seeds.ts'
import { MemoryDatastore, SharedKeys } from './calico-memory-datastore.ts'

const HOSTS = 3

interface Setup {
  readonly cidr?: string
  readonly blockSize?: number
  readonly strict?: boolean
  readonly maxBlocks?: number
  readonly reclaims?: boolean
  readonly seed?: string
}

/** Hosts that share a pool. */
class Bench {
  readonly keys = new SharedKeys()
  readonly hosts: HostsOnSwitch
  readonly random: RandomStream
  readonly cut = new Set<string>()
  private readonly reclaims: boolean
  private runs = 0

  constructor(setup: Setup = {}) {
    const { cidr = '10.65.0.0/28', blockSize = 30, strict = false, maxBlocks = 0 } = setup
    this.reclaims = setup.reclaims ?? false
    this.hosts = new HostsOnSwitch(HOSTS, { seed: setup.seed ?? '1' })
    this.random = this.hosts.simulator.random.stream('test')
    this.keys.set(
      'IPPool',
      'pool',
      resource('IPPool', { name: 'pool' }, { cidr, blockSize, nodeSelector: 'all()' }),
    )
    this.keys.set('IpamConfig', 'default', {
      strict_affinity: strict,
      auto_allocate_blocks: true,
      maxBlocksPerHost: maxBlocks,
    })
    for (let i = 1; i <= HOSTS; i++) {
      this.keys.set('Node', `h${i}`, resource('Node', { name: `h${i}` }, {}))
    }
  }

  /** A program of a host with its own view of IPAM. */
  start(host: string): { program: Program; ipam: Ipam } {
    const { root } = this.hosts.host(Number(host.slice(1)))
    const program = new Program(root, `plugin-${this.runs++}`)
    const datastore = new MemoryDatastore(this.keys, this.random, () => this.cut.has(host))
    return { program, ipam: new Ipam(program, datastore, host, this.reclaims) }
  }

  /** Runs work of a host to its end. */
  do<T>(host: string, work: (ipam: Ipam) => Process<T>): T {
    const { program, ipam } = this.start(host)
    const { done } = program.spawn(work(ipam))
    let result: { value: T } | null = null
    done.wait(program.simulator, (value) => {
      result = { value: value as T }
    })
    while (result === null) this.run(MILLISECOND)
    return (result as { value: T }).value
  }

  run(duration: number): void {
    this.hosts.simulator.run(this.hosts.simulator.now + duration)
  }

  /** The address as text, or why there is none. */
  take(host: string, handle: string | null = null): string {
    const request = { handle, attributes: {}, pool: null }
    const result = this.do(host, (ipam) => ipam.autoAssign(request))
    return result instanceof IpamError ? result.text : formatIpv4(result)
  }

  give(host: string, address: string): void {
    this.do(host, (ipam) => ipam.releaseIp(ipv4(address)))
  }
}

describe('the order of addresses', () => {
  it('goes through a block from its first to its last, those included', () => {
    const bench = new Bench({ cidr: '10.65.0.0/30' })
    const given = ['a', 'b', 'c', 'd'].map(() => bench.take('h1'))
    expect(given).toEqual(['10.65.0.0', '10.65.0.1', '10.65.0.2', '10.65.0.3'])
  })

  it('gives what came back last: first in, first out', () => {
    const bench = new Bench({ cidr: '10.65.0.0/29', blockSize: 29 })
    for (let i = 0; i < 4; i++) bench.take('h1')
    bench.give('h1', '10.65.0.2')
    bench.give('h1', '10.65.0.0')
    const given = Array.from({ length: 6 }, () => bench.take('h1'))
    expect(given).toEqual([4, 5, 6, 7, 2, 0].map((host) => `10.65.0.${host}`))
  })

  it('begins at a block of the host, goes upwards and wraps', () => {
    const bench = new Bench({ cidr: '10.65.0.0/28', blockSize: 30, strict: true })
    const given = Array.from({ length: 16 }, () => bench.take('h1'))
    const bases = given.filter((_, i) => i % 4 === 0).map((each) => Number(each.split('.')[3]))
    const [first] = bases as [number]
    expect(bases).toEqual([0, 4, 8, 12].map((step) => (first + step) % 16))
    expect(new Set(given).size).toBe(16)
  })
})

describe('claims', () => {
  it('are an affinity and a block, confirmed when both are there', () => {
    const bench = new Bench({ cidr: '10.65.0.0/30' })
    bench.take('h1', 'net.1')
    expect(bench.keys.all('BlockAffinity')).toEqual([
      ['h1/10.65.0.0/30', { state: 'confirmed', deleted: false }],
    ])
    const block = bench.keys.value('AllocationBlock', '10.65.0.0/30')!
    expect(block).toMatchObject({
      cidr: '10.65.0.0/30',
      affinity: 'host:h1',
      allocations: [0, null, null, null],
      unallocated: [1, 2, 3],
      attributes: [{ handle_id: 'net.1', secondary: {} }],
    })
    expect(bench.keys.all('IpamHandle')).toEqual([
      ['net.1', { id: 'net.1', block: { '10.65.0.0/30': 1 }, deleted: false }],
    ])
  })

  it('that ended before the block was made are taken up again', () => {
    const bench = new Bench({ cidr: '10.65.0.0/30' })
    bench.keys.set('BlockAffinity', 'h1/10.65.0.0/30', { state: 'pending', deleted: false })
    expect(bench.take('h1')).toBe('10.65.0.0')
    expect(bench.keys.value('BlockAffinity', 'h1/10.65.0.0/30')!.state).toBe('confirmed')
  })

  it('of a block that another host was faster to make are given up', () => {
    const bench = new Bench({ cidr: '10.65.0.0/30' })
    bench.take('h2')
    bench.keys.set('BlockAffinity', 'h1/10.65.0.0/30', { state: 'pending', deleted: false })
    // The pool has no other: it borrows.
    expect(bench.take('h1')).toBe('10.65.0.1')
    expect(bench.keys.value('BlockAffinity', 'h1/10.65.0.0/30')).toBeNull()
  })

  it('stay with the host when their last address goes', () => {
    const bench = new Bench({ cidr: '10.65.0.0/30' })
    bench.give('h1', bench.take('h1'))
    expect(bench.keys.all('BlockAffinity')).toHaveLength(1)
    expect(bench.keys.all('AllocationBlock')).toHaveLength(1)
  })

  it('go with the host: a block in use stays until its last address is given back', () => {
    const bench = new Bench({ cidr: '10.65.0.0/29', blockSize: 30 })
    const address = bench.take('h1')
    bench.do('h2', (ipam) => ipam.releaseHost('h1'))
    expect(bench.keys.all('BlockAffinity')).toEqual([])
    const [[, block]] = bench.keys.all('AllocationBlock') as [[string, AllocationBlock]]
    expect(block.affinity).toBeUndefined()
    bench.give('h2', address)
    expect(bench.keys.all('AllocationBlock')).toEqual([])
  })
})

describe('a pool whose blocks are all claimed', () => {
  const full = (setup: Setup = {}) => {
    const bench = new Bench({ cidr: '10.65.0.0/29', blockSize: 30, ...setup })
    for (const host of ['h1', 'h2']) bench.take(host)
    return bench
  }

  it('lends addresses of other hosts, until there are none', () => {
    const bench = full()
    const given = Array.from({ length: 6 }, () => bench.take('h3'))
    expect(new Set(given).size).toBe(6)
    expect(bench.take('h3')).toContain('No IPs available in pools: [10.65.0.0/29]')
    expect(bench.keys.all('BlockAffinity').map(([key]) => key.slice(0, 2))).toEqual(['h1', 'h2'])
  })

  it('lends nothing with strict affinity', () => {
    const text = 'No more free affine blocks and strict affinity enabled'
    expect(full({ strict: true }).take('h3')).toContain(text)
  })

  it('is left to those who have it, unless empty for a minute in the newest release', () => {
    const bench = full({ strict: true, reclaims: true })
    const [key, block] = bench.keys
      .all('AllocationBlock')
      .find(([, { affinity }]) => affinity === 'host:h2')!
    bench.give('h2', key.split('/')[0]!)
    expect(bench.take('h3')).toContain('strict affinity')
    bench.run(61 * SECOND)
    expect(bench.take('h3')).toBe(block.cidr.split('/')[0])
    expect(bench.keys.value('BlockAffinity', `h2/${key}`)).toBeNull()
  })
})

it('claims no more blocks than the limit, and then does not even borrow', () => {
  const bench = new Bench({ cidr: '10.65.0.0/28', blockSize: 30, maxBlocks: 2 })
  for (let i = 0; i < 8; i++) bench.take('h1')
  bench.take('h2')
  expect(bench.take('h1')).toBe('cannot allocate new block due to per host block limit')
})

it('claims the block of an address that is asked for', () => {
  const bench = new Bench({ cidr: '10.65.0.0/28', blockSize: 30 })
  const ask = (host: string, address: string) =>
    bench.do(host, (ipam) => ipam.assignIp(ipv4(address), { handle: null, attributes: {} }))
  expect(ask('h1', '10.65.0.6')).toBeNull()
  expect(bench.keys.value('BlockAffinity', 'h1/10.65.0.4/30')!.state).toBe('confirmed')
  expect(ask('h2', '10.65.0.6')!.text).toContain('10.65.0.6')
  expect(ask('h2', '10.66.0.1')!.text).toContain('not in a configured pool')
})

/** One container's address over its life. */
interface Holding {
  readonly host: string
  readonly handle: string
  readonly address: Ipv4Address
}

/** A random life of three hosts: attachments at once, detachments, killed plugins, partitions. */
class Chaos {
  readonly bench: Bench
  readonly held = new Map<string, Holding>()
  readonly faults: boolean
  private next = 0
  private pending = 0

  constructor(seed: string) {
    const random = new Bench({ seed }).random
    this.faults = random.next() < 0.7
    const strict = random.next() < 0.3
    const blockSize = 29 + Math.floor(random.next() * 3)
    this.bench = new Bench({ seed, blockSize, strict, reclaims: random.next() < 0.3 })
  }

  private below(count: number): number {
    return Math.floor(this.bench.random.next() * count)
  }

  run(): void {
    for (let i = 0; i < 30; i++) {
      this.step()
      this.bench.run(Math.round(this.bench.random.next() * MILLISECOND))
      this.expectNoneTwice()
    }
    this.bench.cut.clear()
    this.bench.run(200 * MILLISECOND)
    this.expectNoneTwice()
  }

  private step(): void {
    const host = `h${1 + this.below(HOSTS)}`
    const choice = this.below(this.faults ? 10 : 8)
    if (choice < 5) this.attach(host)
    else if (choice < 8) this.detach()
    else if (this.bench.cut.has(host)) this.bench.cut.delete(host)
    else this.bench.cut.add(host)
  }

  private attach(host: string): void {
    const { program, ipam } = this.bench.start(host)
    const handle = `net.${this.next++}`
    this.pending++
    const self = this
    program.spawn(
      (function* () {
        const request = { handle, attributes: {}, pool: null }
        const address = yield* ipam.autoAssign(request)
        if (!(address instanceof IpamError)) self.held.set(handle, { host, handle, address })
        self.pending--
      })(),
    )
    if (!this.faults || this.below(5) > 0) return
    const killed = Math.round(this.bench.random.next() * 500) * MICROSECOND
    program.after(killed, () => {
      if (!this.held.has(handle)) program.kill()
    })
  }

  private detach(): void {
    const all = [...this.held.values()]
    if (all.length === 0) return
    const { host, handle } = all[this.below(all.length)]!
    // From now on nobody counts on it; the plugin tries until it is told that it is done.
    this.held.delete(handle)
    const { program, ipam } = this.bench.start(host)
    program.spawn(
      (function* () {
        while ((yield* ipam.releaseByHandle(handle)) !== null) yield* sleep(MILLISECOND)
      })(),
    )
  }

  private expectNoneTwice(): void {
    const addresses = [...this.held.values()].map(({ address }) => address)
    expect(new Set(addresses).size).toBe(addresses.length)
  }

  expectConsistent(): void {
    const blocks = this.bench.keys.all('AllocationBlock')
    const owners = new Map<string, string>()
    for (const [key, block] of blocks) {
      const size = 2 ** (32 - prefix(key).length)
      const taken = block.allocations.flatMap((each, ordinal) => (each === null ? [] : [ordinal]))
      const all = [...taken, ...block.unallocated].sort((a, b) => a - b)
      expect(all).toEqual(Array.from({ length: size }, (_, ordinal) => ordinal))
      for (const index of block.allocations) {
        if (index !== null) expect(block.attributes[index]).toBeDefined()
      }
    }
    for (const [key, { state }] of this.bench.keys.all('BlockAffinity')) {
      if (state !== 'confirmed') continue
      const [host, cidr] = [key.slice(0, 2), key.slice(3)]
      expect(owners.get(cidr)).toBeUndefined()
      owners.set(cidr, host)
      expect(this.bench.keys.value('AllocationBlock', cidr)!.affinity).toBe(`host:${host}`)
    }
    for (const { address, handle } of this.held.values()) this.expectRecorded(address, handle)
  }

  private expectRecorded(address: Ipv4Address, handle: string): void {
    const recorded = this.bench.keys.all('AllocationBlock').some(([key, block]) => {
      const index = block.allocations[(address - prefix(key).base) | 0] ?? null
      return index !== null && block.attributes[index]!.handle_id === handle
    })
    expect(recorded).toBe(true)
  }

  /** Without faults nothing is lost: what is allocated is held, and what is held has its handle. */
  expectNoLeak(): void {
    const { keys } = this.bench
    const allocated = keys
      .all('AllocationBlock')
      .flatMap(([, block]) => block.allocations.filter((each) => each !== null))
    expect(allocated).toHaveLength(this.held.size)
    const handles = keys.all('IpamHandle').map(([key]) => key)
    expect(handles.sort()).toEqual([...this.held.keys()].sort())
    expect(this.pending).toBe(0)
  }
}

describe('whatever happens', () => {
  it('no address is given twice, and what is written agrees with itself', () => {
    let leaking = 0
    for (const seed of seeds('calico-ipam', 10_000, 'CALICO_IPAM_SEED')) {
      const chaos = new Chaos(seed)
      try {
        chaos.run()
        chaos.expectConsistent()
        if (!chaos.faults) chaos.expectNoLeak()
      } catch (error) {
        throw new Error(`CALICO_IPAM_SEED=${seed}`, { cause: error })
      }
      const written = chaos.bench.keys
        .all('AllocationBlock')
        .reduce((sum, [, block]) => sum + block.allocations.filter((x) => x !== null).length, 0)
      if (written > chaos.held.size) leaking++
    }
    // Killed plugins and lost answers leave addresses that nobody uses, as the real ones do.
    if (process.env['CALICO_IPAM_SEED'] === undefined) expect(leaking).toBeGreaterThan(0)
  })
})
