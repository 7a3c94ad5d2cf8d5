/** The store after each step of a session with two real daemons (20.10.24) on a real etcd (3.4.23). */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { V2ClusterClient } from '../../src/control/etcd/client/v2-cluster-client.ts'
import { BitSequence } from '../../src/schemes/docker-overlay/bit-sequence.ts'
import { SECOND } from '../../src/sim/units.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'
import { DockerBench, type ListedKey } from './docker-bench.ts'

interface Step {
  readonly step: string
  readonly changed: readonly ListedKey[]
}

/**
 * Recorded keys, those that changed in each step. Left out are the empty directories of the networks bridge, host
 * and none, which `docker network inspect` makes.
 */
const STEPS = JSON.parse(
  readFileSync(new URL('docker-classic-store.json', import.meta.url), 'utf8'),
) as readonly Step[]

/** All keys after each recorded step. */
function recordedListings(): Map<string, ListedKey[]> {
  const listings = new Map<string, ListedKey[]>()
  const keys = new Map<string, ListedKey>()
  for (const { step, changed } of STEPS) {
    for (const each of changed) keys.set(each.key, each)
    listings.set(step.split(' ')[0]!, [...keys.values()])
  }
  return listings
}

/** Ids, addresses of hosts and what is drawn, by names that do not depend on the run. */
function named(listing: readonly ListedKey[], hosts: readonly string[]): ListedKey[] {
  const names = new Map<string, string>()
  hosts.forEach((address, i) => {
    // Nowhere else: a network may have the same addresses.
    names.set(`${address}:2376`, `host-${i + 1}`)
    names.set(`"locator":"${address}"`, `"locator":"host-${i + 1}"`)
  })
  for (const { key, value = '' } of listing) {
    if (!value.startsWith('{')) continue
    const record = JSON.parse(value) as Record<string, unknown>
    const name = String(record['name'])
    if (key.includes('/v1.0/network/')) {
      names.set(String(record['id']), `network-${name}`)
      names.set(String(record['created']), 'created')
    } else if (key.includes('/v1.0/endpoint/')) {
      const { srcName } = record['ep_iface'] as { srcName: string }
      const network = key.split('/')[5]
      names.set(String(record['id']), `endpoint-${name}-${names.get(network!) ?? network}`)
      names.set(String(record['sandbox']), `sandbox-${name}`)
      names.set((record['myAliases'] as string[])[0]!, `container-${name}`)
      names.set(srcName, 'veth')
    }
  }
  const gateways = listing
    .filter(({ key, value }) => value === undefined && /\/endpoint\/[0-9a-f]{64}$/.test(key))
    .sort((a, b) => a.createdIndex - b.createdIndex)
    .map(({ key }) => key.split('/').at(-1)!)
    .filter((id) => !names.has(id))
  gateways.forEach((id, i) => {
    names.set(id, `docker_gwbridge-${i + 1}`)
  })
  const replace = (text: string) => {
    let result = text
    for (const [id, name] of names) result = result.replaceAll(id, name)
    return result
  }
  return listing.map((each) => ({
    ...each,
    key: replace(each.key),
    ...(each.value === undefined ? {} : { value: replace(each.value) }),
  }))
}

/** Key and value, by key. */
function contents(listing: readonly ListedKey[]): Record<string, string> {
  const entries = listing.map(({ key, value }) => [key, value ?? 'directory'] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Keys in the order of their last change, but for the heartbeats. */
function order(listing: readonly ListedKey[]): string[] {
  return listing
    .filter(({ key }) => !key.startsWith('/docker/nodes'))
    .sort((a, b) => a.modifiedIndex - b.modifiedIndex || a.createdIndex - b.createdIndex)
    .map(({ key }) => key)
}

const RECORDED_HOSTS = ['192.168.50.11', '192.168.50.12']
const HOSTS = ['10.0.0.1', '10.0.0.2']

/** The session up to step 5d; each step is compared, then the bench is handed on. */
function session(compare: (step: string, bench: DockerBench) => void): DockerBench {
  const bench = new DockerBench()
  const after = (step: string, ...work: (() => unknown)[]) => {
    for (const each of work) each()
    bench.run(SECOND)
    compare(step, bench)
  }
  after('0', () => bench.startDaemons())
  after('1', () => bench.startNetwork('net1', 1, { subnet: '10.0.9.0/24' }))
  after('2', () => bench.docker('c1', 'net1', 1))
  after('3', () => bench.docker('c2', 'net1', 2))
  after('5', () => bench.startNetwork('net2', 1))
  after('5b', () => bench.docker('c3', 'net1', 1))
  after('5c', () => bench.docker('c3', 'net2', 1))
  after('5d', () => bench.docker('d2', 'net2', 2))
  return bench
}

/** Bits that are set in the mask of addresses of a /24. */
function bitsOf(listing: readonly ListedKey[], subnet: string): number[] {
  const { value } = listing.find(({ key }) => key.endsWith(`/data/GlobalDefault/${subnet}`))!
  const { sequence } = JSON.parse(value!) as { sequence: string }
  const bits = BitSequence.decode(sequence)!
  return Array.from({ length: bits.bits }, (_, i) => i).filter((bit) => bits.has(bit))
}

/** Keys that are no directories, then the endpoints of net1 and net2, then the bits of the two. */
function summary(bench: DockerBench) {
  const listing = bench.listing()
  const values = listing.filter(({ value }) => value !== undefined)
  const network = (name: string) => {
    const record = values.find(({ value }) => value!.includes(`"name":"${name}","networkType"`))!
    return record.key.split('/').at(-1)!
  }
  const count = (name: string) => {
    const key = `/docker/network/v1.0/endpoint_count/${network(name)}`
    const { value } = values.find((each) => each.key === key)!
    return (JSON.parse(value!) as { Count: number }).Count
  }
  const counts = [count('net1'), count('net2')]
  const bits = [bitsOf(listing, '10.0.9.0/24'), bitsOf(listing, '10.0.0.0/24')]
  return [values.length, counts.join(';'), bits.map((each) => each.join(' ')).join(';')]
}

describe('the store of the classic sequence', () => {
  it('counts what the rest of the session counted: stops, a crash, a restart', () => {
    const bench = session(() => {})
    const [c1, c3, c3b] = [
      ['c1', 'net1'],
      ['c3', 'net1'],
      ['c3', 'net2'],
    ].map(([name, network]) => bench.endpoint(name!, network!))
    bench.remove(c1!, 1)
    expect(summary(bench)).toEqual([16, '2;2', '0 1 3 4 255;0 1 2 3 255'])
    bench.remove(c3!, 1)
    bench.remove(c3b!, 1)
    expect(summary(bench)).toEqual([14, '1;1', '0 1 3 255;0 1 3 255'])
    bench.docker('c1', 'net1', 1)
    expect(summary(bench)).toEqual([15, '2;1', '0 1 2 3 255;0 1 3 255'])
    bench.daemon('net1', 2).crash()
    bench.run(87 * SECOND)
    // The node's key alone is gone.
    expect(summary(bench)).toEqual([14, '2;1', '0 1 2 3 255;0 1 3 255'])
    bench.docker('c4', 'net1', 1)
    expect(summary(bench)).toEqual([15, '3;1', '0 1 2 3 4 255;0 1 3 255'])
    bench.daemon('net1', 2).start()
    bench.run(15 * SECOND)
    expect(summary(bench)).toEqual([14, '2;0', '0 1 2 4 255;0 1 255'])
    const c2 = bench.docker('c2', 'net1', 2)
    expect(formatIpv4(c2.address)).toBe('10.0.9.3')
    expect(summary(bench)).toEqual([15, '3;0', '0 1 2 3 4 255;0 1 255'])
    bench.remove(c2, 2)
    for (const name of ['c1', 'c4']) bench.remove(bench.endpoint(name, 'net1'), 1)
    expect(summary(bench)).toEqual([12, '0;0', '0 1 255;0 1 255'])
  })

  it('is, key for key and field for field, what real daemons left on a real etcd', () => {
    const recorded = recordedListings()
    const compared: string[] = []
    session((step, bench) => {
      const expected = named(recorded.get(step)!, RECORDED_HOSTS)
      const actual = named(bench.listing(), HOSTS)
      expect(contents(actual), `step ${step}`).toEqual(contents(expected))
      expect(order(actual), `order of step ${step}`).toEqual(order(expected))
      compared.push(step)
    })
    expect(compared).toEqual([...recorded.keys()])
  })
})

/** Counts what the daemons ask the store: heartbeats and long polls apart. */
function countRequests() {
  const counts = new Map<string, number>()
  const original = V2ClusterClient.prototype.do
  const spy = vi.spyOn(V2ClusterClient.prototype, 'do')
  spy.mockImplementation(function (this: V2ClusterClient, request, timeout) {
    if (!request.isWait && !request.path.includes('/nodes')) {
      const key = `${this.program.namespace.name} ${request.method}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return original.call(this, request, timeout)
  })
  return counts
}

describe('requests', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('are as many as real daemons sent: writes exactly, reads within an eighth', () => {
    const counts = countRequests()
    const bench = new DockerBench()
    bench.startDaemons()
    const during = (work: () => void): number[] => {
      counts.clear()
      work()
      const keys = ['h1 GET', 'h1 PUT', 'h1 DELETE', 'h2 GET', 'h2 PUT']
      return keys.map((key) => counts.get(key) ?? 0)
    }
    const create = (name: string, subnet: string) =>
      during(() => bench.startNetwork(name, 1, { subnet }))
    expect(create('net1', '10.0.9.0/24')).toEqual([11, 9, 0, 0, 0])
    expect(create('clash', '10.0.9.0/25')).toEqual([5, 0, 0, 0, 0])
    bench.docker('c1', 'net1', 1)
    bench.docker('c2', 'net1', 2)
    const [gets, ...run] = during(() => bench.docker('c3', 'net1', 1))
    // Recorded: 84 to 90; of the other host 2.
    expect(gets).toBeGreaterThan(84 * 0.875)
    expect(gets).toBeLessThan(90)
    expect(run).toEqual([4, 0, 2, 0])
    const [reads, ...stop] = during(() => bench.remove(bench.endpoint('c3', 'net1'), 1))
    // Recorded: 33.
    expect(reads).toBeGreaterThan(33 * 0.875)
    expect(reads).toBeLessThan(33 * 1.125)
    expect(stop).toEqual([3, 1, 2, 0])
  })
})
