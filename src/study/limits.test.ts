import { describe, expect, it } from 'vitest'
import { COST_PROFILES } from '../cpu/cost-profile.ts'
import { Machine } from '../cpu/machine.ts'
import { Host } from '../host/host.ts'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { KERNEL_PROFILES } from '../stack/kernel-profile.ts'
import type { TcpLimits, TcpResult } from '../workload/tcp-results.ts'
import type { UdpRequestResponseResult, UdpResult } from '../workload/workload.ts'
import { limitOf } from './limits.ts'
import type { LaneUsage, LossCount, WindowUsage } from './window-meter.ts'

const simulator = new Simulator('1')
const ledger = new Ledger()
const h1 = hostOn(machineOf('h1'), 'h1')
const h2 = hostOn(machineOf('h2'), 'h2')
h2.addContainer('c2')

function machineOf(name: string): Machine {
  return new Machine(simulator, ledger, name, 4, COST_PROFILES['server-2020s']!)
}

function hostOn(machine: Machine, name: string): Host {
  return Host.cabled(simulator, ledger, name, {
    kernel: KERNEL_PROFILES['5.15']!,
    mtu: 1500,
    mac: 0x020000000001,
    address: 1,
    prefixLength: 24,
    gateway: null,
    machine,
  })
}

/** `[busy, softirq]` of cores, by host. */
type Loads = Readonly<Record<'h1' | 'h2', readonly (readonly [number, number])[]>>

interface Given {
  readonly cores?: Partial<Loads>
  readonly link?: number
  readonly losses?: readonly LossCount[]
  readonly receiver?: Host
}

function usage({ cores = {}, link = 0.5, losses = [], receiver = h2 }: Given): WindowUsage {
  const hosts = { h1, h2 }
  const lanes: LaneUsage[] = [
    {
      lane: { link: 'h1-leaf1', direction: 'forward', port: h1.port! },
      utilisation: link,
    },
  ]
  return {
    sides: { senders: new Set([h1]), receivers: new Set([receiver]) },
    elapsed: 1e12,
    cores: (['h1', 'h2'] as const).flatMap((name) =>
      (cores[name] ?? []).map(([busy, softirq], core) => ({
        machine: hosts[name].kernel.machine!,
        core,
        busy,
        softirq,
      })),
    ),
    stages: () => new Map(),
    lanes,
    losses,
    wireEfficiency: null,
  }
}

const BASE = {
  name: 'load',
  partial: false,
  window: { start: 0, end: 1e12 },
  sent: 1000,
  refused: 0,
  errors: [],
  cores: null,
}

function udp(overrides: Partial<UdpResult> = {}): UdpResult {
  return {
    ...BASE,
    kind: 'udp',
    delivered: 900,
    lost: 100,
    duplicates: 0,
    reordered: 0,
    misdelivered: 0,
    stall: 0,
    outage: null,
    firstPacketLatency: null,
    latency: null,
    jitter: null,
    pairs: [],
    bytes: 0,
    goodput: 0,
    offered: 0,
    packetsPerSecond: 900,
    offeredPacketsPerSecond: 1000,
    requested: null,
    requestedPacketsPerSecond: 1000,
    ...overrides,
  }
}

function tcp(limits: Partial<TcpLimits> = {}): TcpResult {
  return {
    ...BASE,
    kind: 'tcp',
    warmup: 0,
    bytes: 0,
    goodput: 0,
    offered: 0,
    retransmits: 0,
    fairness: null,
    connectTime: null,
    rtt: null,
    stall: 0,
    limits: { congestionWindow: 0, receiveWindow: 0, sendBuffer: 0, application: 0, ...limits },
    flows: [],
    pairs: [],
  }
}

const IDLE = [0.3, 0.1] as const
const loss = (place: string): LossCount => ({ reason: 'queue_full', place, count: 9 })

describe('a stream of datagrams is limited by', () => {
  it('its pace, when all that it asked for arrived, however busy the rest was', () => {
    const done = udp({ packetsPerSecond: 996 })
    expect(limitOf(done, usage({ link: 1 }))).toEqual({
      kind: 'application',
      what: 'the pace',
      share: 0.996,
    })
  })

  it('the cable that had no pause', () => {
    const full = usage({ link: 0.98, losses: [loss('h1/eth0')] })
    expect(limitOf(udp(), full)).toEqual({ kind: 'link', what: 'h1-leaf1 forward', share: 0.98 })
    expect(limitOf(udp(), usage({ link: 0.96 }))?.kind).not.toBe('link')
  })

  it('the core that received, where the receiver lost it, though the cable was full as well', () => {
    const cores = { h1: [[1, 0.1]], h2: [IDLE, [0.99, 0.8]] } as const
    for (const place of ['h2/eth0', 'c2/eth0']) {
      expect(limitOf(udp(), usage({ cores, link: 1, losses: [loss(place)] }))).toEqual({
        kind: 'receive-softirq-core',
        what: 'core 1 of h2',
        share: 0.99,
      })
    }
    expect(limitOf(udp(), usage({ cores, link: 1, losses: [loss('h1/eth0')] }))?.kind).toBe('link')
  })

  it('the core of the sender, the reader, or losses that nothing explains', () => {
    const max = udp({ requestedPacketsPerSecond: null })
    const sending = { h1: [[0.98, 0.02]], h2: [[0.9, 0.5]] } as const
    expect(limitOf(max, usage({ cores: sending }))?.kind).toBe('send-core')
    const reading = { h1: [IDLE], h2: [[0.98, 0.2]] } as const
    expect(limitOf(max, usage({ cores: reading }))?.kind).toBe('receive-core')
    expect(limitOf(udp(), usage({ losses: [loss('leaf1/p1')] }))).toEqual({
      kind: 'loss',
      what: 'queue_full at leaf1/p1',
      share: 0.1,
    })
    expect(limitOf(udp(), usage({}))?.kind).toBe('unknown')
  })
})

describe('TCP is limited by', () => {
  it('the busiest of the cores, and says of how many', () => {
    const cores = { h1: [[0.975, 0]], h2: [[0.98, 0.9], [0.99, 0.9], IDLE] } as const
    expect(limitOf(tcp(), usage({ cores }))).toEqual({
      kind: 'receive-softirq-core',
      what: 'core 1 of h2 and 1 more',
      share: 0.99,
    })
  })

  it('a thread without pause, though it ran on several cores', () => {
    const thread = { host: 'h1', task: 'iperf', core: 2, share: 0.99 }
    const result = { ...tcp(), cores: { senders: [thread], receivers: [] } }
    expect(limitOf(result, usage({ cores: { h1: [IDLE, IDLE, IDLE] } }))).toEqual({
      kind: 'send-core',
      what: 'core 2 of h1',
      share: 0.99,
    })
  })

  it.each([
    ['window', 'receive window', { receiveWindow: 0.6 }],
    ['window', 'send buffer', { sendBuffer: 0.6 }],
    ['window', 'congestion window', { congestionWindow: 0.9 }],
    ['application', 'nothing to send', { application: 0.6 }],
    ['unknown', 'nothing that was measured', { receiveWindow: 0.4, application: 0.4 }],
  ])('%s: %s', (kind, what, limits) => {
    expect(limitOf(tcp(limits), usage({}))).toMatchObject({ kind, what })
  })

  it('losses, where these hold the congestion window', () => {
    const lossy = usage({ losses: [loss('leaf1/p1')] })
    expect(limitOf(tcp({ congestionWindow: 0.9 }), lossy)?.kind).toBe('loss')
    expect(limitOf(tcp({ receiveWindow: 0.9 }), lossy)?.kind).toBe('window')
  })
})

it('request and response wait for each other, unless a core is full', () => {
  const { latency, jitter, reordered, misdelivered, pairs, ...rest } = udp()
  const result: UdpRequestResponseResult = {
    ...rest,
    kind: 'udp-rr',
    requests: 0,
    timeouts: 0,
    late: 0,
    transactionsPerSecond: 0,
    rtt: null,
  }
  expect(limitOf(result, usage({}))?.kind).toBe('round-trip')
  expect(limitOf(result, usage({ cores: { h2: [[1, 0.9]] } }))?.kind).toBe('receive-softirq-core')
})

it('on a machine of both sides, the thread on the core tells which side it is', () => {
  const bench = machineOf('bench')
  const [a, b] = [hostOn(bench, 'a'), hostOn(bench, 'b')]
  const given = (busy: number, softirq: number, core: number): WindowUsage => ({
    ...usage({}),
    sides: { senders: new Set([a]), receivers: new Set([b]) },
    cores: [{ machine: bench, core, busy, softirq }],
  })
  const thread = (core: number, share: number) => ({ host: 'bench', task: 't', core, share })
  const result = {
    ...tcp(),
    cores: { senders: [thread(0, 0.5)], receivers: [thread(1, 0.5)] },
  }
  expect(limitOf(result, given(0.99, 0.9, 0))?.kind).toBe('send-core')
  expect(limitOf(result, given(0.99, 0.9, 1))?.kind).toBe('receive-softirq-core')
  expect(limitOf(result, given(0.99, 0.4, 1))?.kind).toBe('receive-core')
  expect(limitOf(result, given(0.99, 0.9, 2))?.kind).toBe('receive-softirq-core')
})

it('what does not try to go fast has no limit', () => {
  const ping = { ...BASE, kind: 'frames' as const, bytes: 0, sources: 1 }
  expect(limitOf(ping, usage({ link: 1 }))).toBeNull()
})
