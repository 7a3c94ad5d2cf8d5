/** Machines, benches and TCP: what a file says of them, and what the model then holds. */
import { describe, expect, it } from 'vitest'
import { FAKE_SCHEMES } from '../../test/fake-schemes.ts'
import { MILLISECOND, SECOND } from '../sim/units.ts'
import { formatIssues } from './issues.ts'
import { loadScenario } from './load.ts'
import type { Scenario } from './model.ts'

const read = (text: string) => loadScenario(text, 'machines.yaml', FAKE_SCHEMES)

function load(text: string): Scenario {
  const result = read(text)
  if (!result.ok) throw new Error(formatIssues(result.issues))
  return result.scenarios[0]!
}

/** `path: message` of all that is wrong. */
function faults(text: string): string[] {
  const result = read(text)
  return result.ok ? [] : result.issues.map(({ path, message }) => `${path}: ${message}`)
}

describe('hosts', () => {
  it('have NICs with all offloads and a queue a core', () => {
    const { nic, costs, deviceOffloads } = load('hosts: { cpus: 4, costs: none }').hosts[0]!
    expect(nic).toMatchObject({ queues: 4, rxRing: 1024, coalesce: 'adaptive', rss: 'ports' })
    expect(nic).toMatchObject({
      tso: true,
      gro: true,
      tunnelTso: true,
      tunnelGro: true,
      rps: false,
    })
    expect(nic).toMatchObject({ txChecksum: true, rxChecksum: true, gsoMaxSegments: 65_535 })
    expect([costs, deviceOffloads]).toEqual(['none', true])
  })

  it('have at most 64 queues', () => {
    expect(load('hosts: { cpus: 96 }').hosts[0]!.nic.queues).toBe(64)
  })

  it('switch tunnel offloads off as a whole or one by one, all hosts or one', () => {
    const { hosts } = load(`hosts:
  nic: { tunnelOffload: false, tunnelGro: true }
  override: { h2: { nic: { tunnelOffload: true, tunnelGro: false, coalesce: { usecs: 50 } } } }`)
    expect(hosts[0]!.nic).toMatchObject({ tunnelTso: false, tunnelGro: true })
    expect(hosts[1]!.nic).toMatchObject({ tunnelTso: true, tunnelGro: false })
    expect(hosts[1]!.nic.coalesce).toEqual({ usecs: 50, frames: 0 })
  })

  it('may differ in what work costs', () => {
    const { hosts } = load(
      'hosts: { costs: server-2020s, override: { h2: { costs: none, deviceOffloads: false } } }',
    )
    expect(hosts.map(({ costs }) => costs)).toEqual(['server-2020s', 'none'])
    expect(hosts.map(({ deviceOffloads }) => deviceOffloads)).toEqual([true, false])
  })

  it('name cost profiles that there are', () => {
    expect(faults('hosts: { costs: server-2020 }')).toEqual([
      'hosts.costs: "server-2020" is not one of the values of costs',
    ])
  })
})

describe('a bench', () => {
  const BENCH = 'fabric: { mode: bench, hostsPerRack: 3, links: { mtu: 9000 } }'

  it('has hosts and a bridge, and no cables', () => {
    const { fabric, hosts } = load(BENCH)
    expect(fabric).toMatchObject({ mode: 'bench', links: [], gateway: false })
    expect(fabric.nodes.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      ...['h1 host', 'h2 host', 'h3 host', 'sw bridge'],
    ])
    expect(hosts.map(({ nic }) => nic.mtu)).toEqual([9000, 9000, 9000])
    expect(hosts[0]!.gateway).toBeNull()
  })

  it('has no faults of cables', () => {
    const text = `${BENCH}\nfaults: [{ at: 1s, node: h1, cut: true }]`
    expect(faults(text)).toEqual(['faults[0]: faults befall cables, and on a bench there are none'])
  })

  it('refuses what it has not', () => {
    expect(faults('fabric: { mode: bench, racks: 2, switch: trident3, links: 10Gbps }')).toEqual([
      'fabric.racks: "racks" has no effect: on a bench there are no cables and no switches',
      'fabric.switch: "switch" has no effect: on a bench there are no cables and no switches',
      'fabric.links.rate: "rate" has no effect: on a bench there are no cables',
    ])
    const nic = `${BENCH}\nhosts: { nic: { rxRing: 64 }, override: { h2: { cpus: 2 } } }`
    expect(faults(nic)).toEqual([
      'hosts.nic.rxRing: "rxRing" has no effect: on a bench eth0 is a veth, which has none',
      'hosts.override.h2.cpus: "cpus" has no effect: on a bench all hosts share one kernel and its cores',
    ])
  })
})

const COSTS = 'hosts: { cpus: 4, costs: server-2020s }\n'
const FREE = 'hosts: { costs: none }\n'
const flow = (kind: string, more = '') =>
  `workload: [{ kind: ${kind}, from: h1, to: h2${more === '' ? '' : `, ${more}`} }]`
const first = (text: string) => load(text).workloads[0]!

describe('TCP', () => {
  it('sends for a time, and the slow start is cut off', () => {
    expect(first(flow('tcp'))).toMatchObject({
      ...{ kind: 'tcp', name: 'tcp-1', at: SECOND, duration: SECOND, warmup: SECOND / 5 },
      ...{ bytes: null, parallel: 1, direction: 'forward', writeSize: 131_072, port: 5201 },
      ...{ congestion: 'cubic', sendBuffer: null, receiveBuffer: null, noDelay: false },
      ...{ senderCore: null, receiverCore: null },
    })
  })

  it('sends a number of bytes, of which all count', () => {
    const model = first(flow('tcp', 'bytes: 1MiB, for: 5s, congestion: reno, sendBuffer: 64KiB'))
    expect(model).toMatchObject({ bytes: 1_048_576, warmup: 0, congestion: 'reno' })
    expect(model).toMatchObject({ sendBuffer: 65_536, receiveBuffer: null })
  })

  it('sends requests over open connections, or over new ones', () => {
    const rr = first(flow('tcp-rr', 'size: 100, outstanding: 4, for: 50ms'))
    expect(rr).toMatchObject({ kind: 'tcp-rr', size: 100, replySize: 1, outstanding: 4 })
    expect(rr).toMatchObject({ warmup: 5 * MILLISECOND, port: 12_865 })
    expect(first(flow('tcp-crr'))).toMatchObject({ kind: 'tcp-crr', warmup: 100 * MILLISECOND })
  })

  it('takes any warm-up that leaves something to measure', () => {
    expect(first(flow('udp', 'warmup: 20ms, for: 50ms'))).toMatchObject({ warmup: 2e10 })
    expect(faults(flow('tcp', 'warmup: 1s'))).toEqual([
      'workload[0].warmup: the warm-up takes all of the time',
    ])
  })

  it('is refused where nothing takes time', () => {
    const loop =
      'networks: { app: { scheme: flat } }\ncontainers: { perHost: 2 }\nworkload: [{ kind: tcp, from: c1, to: c2 }]'
    const message = 'the two ends are both on h1, where nothing takes time: TCP would never end'
    expect(faults(FREE + loop)).toEqual([`workload[0]: ${message}`])
    expect(faults(FREE + loop.replace('to: c2', 'to: 127.0.0.1'))).toEqual([
      `workload[0]: ${message}`,
    ])
    expect(faults(FREE + loop.replace('to: c2', 'to: c3'))).toEqual([])
    expect(faults(FREE + loop.replace('to: c2', 'to: c2, bytes: 1MB'))).toEqual([])
    expect(faults(COSTS + loop)).toEqual([])
    expect(faults(`${FREE}fabric: { mode: bench }\n${flow('tcp')}`)).toEqual([
      'workload[0]: the two ends are on a bench, where nothing takes time: TCP would never end',
    ])
  })
})

describe('cores', () => {
  it('are named from 0', () => {
    const text = flow('udp', 'senderCore: 0, receiverCore: 3')
    expect(first(COSTS + text)).toMatchObject({ senderCore: 0, receiverCore: 3 })
  })

  it('must be there on every host that is to use them', () => {
    const text = `hosts: { cpus: 4, override: { h2: { cpus: 2 } } }\n${flow('tcp', 'receiverCore: 3')}`
    expect(faults(text)).toEqual(['workload[0].receiverCore: h2 has no core 3'])
  })

  it('set the pace of a sender without one', () => {
    const text = flow('udp', 'packetRate: max, size: 64')
    expect(first(COSTS + text)).toMatchObject({ packetRate: Infinity, size: 64 })
    expect(faults(FREE + text)).toEqual([
      'workload[0].packetRate: "max" is as fast as the cores can, and on h1 work takes no time',
    ])
    expect(faults(COSTS + flow('udp', 'packetRate: "10"'))).toEqual([
      'workload[0].packetRate: "10" has no unit',
    ])
  })
})

describe('expectations of TCP and of cores', () => {
  const expecting = (what: string, kind = 'tcp') => `${COSTS}${flow(kind)}\nexpect: [{ ${what} }]`
  const metricOf = (text: string) => {
    const { metric, comparison } = load(text).expectations[0]!
    return { metric, comparison }
  }

  it.each([
    ['retransmits: { equals: 0 }', { kind: 'retransmits', of: 'tcp-1' }],
    ['fairness: { atLeast: 0.95 }', { kind: 'fairness', of: 'tcp-1' }],
    ['cores: { atMost: 2.5 }', { kind: 'cores', of: 'tcp-1', side: 'both' }],
    ['cores: { side: send, atMost: 2 }', { kind: 'cores', of: 'tcp-1', side: 'send' }],
    ['coresPerGoodput: { atMost: 1.2 }', { kind: 'coresPerGoodput', of: 'tcp-1' }],
  ])('%s', (text, metric) => {
    expect(metricOf(expecting(text)).metric).toEqual(metric)
  })

  it('of packets and of transactions', () => {
    const rate = metricOf(expecting('packetRate: { atLeast: 1Mpps }', 'udp'))
    expect(rate).toMatchObject({ metric: { kind: 'packetRate' }, comparison: { value: 1e6 } })
    const transactions = metricOf(expecting('transactions: { atLeast: 20000 }', 'tcp-rr'))
    expect(transactions.metric).toEqual({ kind: 'transactions', of: 'tcp-rr-1' })
  })

  it('say in words what limited', () => {
    expect(metricOf(expecting('limitedBy: { is: [link, window] }'))).toEqual({
      metric: { kind: 'limitedBy', of: 'tcp-1' },
      comparison: { kind: 'is', values: ['link', 'window'] },
    })
  })

  it('are refused of workloads and machines that do not have them', () => {
    expect(faults(expecting('fairness: { atLeast: 0.9 }', 'udp'))).toEqual([
      'expect[0].fairness: udp does not measure fairness',
    ])
    expect(faults(expecting('rtt: { atMost: 1ms }'))).toEqual([
      'expect[0].rtt: tcp does not measure rtt',
    ])
    const none = `${FREE}${flow('tcp')}\nexpect: [{ cores: { atMost: 1 } }]`
    expect(faults(none)).toEqual([
      'expect[0].cores: with hosts.costs: none no work takes any time of a core',
    ])
  })
})
