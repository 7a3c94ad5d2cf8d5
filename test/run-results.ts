/** Results as a run would have measured them, for tests of what reports make of them. */
import { DROP_REASONS, type DropReason } from '../src/measure/drop-reason.ts'
import {
  type CpuResult,
  type DropResult,
  type NetworkResult,
  type RunResult,
  runResultSchema,
  type SwitchResult,
  type WorkloadRow,
} from '../src/study/result.ts'

export const MICROSECOND = 1e6
export const SECOND = 1e12

function times(p50: number, p99 = p50 * 1.2): NonNullable<WorkloadRow['latency']> {
  return { count: 100, min: p50, mean: p50, p50, p90: p99, p99, p999: p99, max: p99 * 2 }
}

export function ping(p50: number, overrides: Partial<WorkloadRow> = {}): WorkloadRow {
  return {
    name: 'idle',
    kind: 'ping',
    partial: false,
    window: { start: SECOND, end: 2 * SECOND },
    sent: 20,
    refused: 0,
    delivered: 20,
    lost: 0,
    duplicates: 0,
    reordered: 0,
    rtt: times(p50),
    errors: [],
    ...overrides,
  }
}

export function stream(goodput: number, overrides: Partial<WorkloadRow> = {}): WorkloadRow {
  return {
    name: 'load',
    kind: 'udp',
    partial: false,
    window: { start: 2 * SECOND, end: 3 * SECOND },
    sent: 900_000,
    refused: 0,
    delivered: 850_000,
    lost: 50_000,
    duplicates: 0,
    reordered: 0,
    goodput,
    offered: 10.08e9,
    packetsPerSecond: goodput / 11_200,
    offeredPacketsPerSecond: 900_000,
    latency: times(427 * MICROSECOND),
    jitter: 115_000,
    errors: [],
    ...overrides,
  }
}

export function network(overrides: Partial<NetworkResult> = {}): NetworkResult {
  return {
    name: 'app',
    scheme: 'child',
    variant: 'child/bridge',
    encapsulation: 'native',
    forwarding: 'L2',
    innerMtu: 1500,
    bytesAdded: 0,
    attached: 4,
    failures: [],
    log: [],
    ...overrides,
  }
}

export const TUNNEL: Partial<NetworkResult> = {
  scheme: 'tunnel',
  variant: 'tunnel/vxlan',
  encapsulation: 'encapsulated',
  forwarding: 'L3',
  innerMtu: 1450,
  bytesAdded: 50,
}

export function tor(peak: number, overrides: Partial<SwitchResult> = {}): SwitchResult {
  return {
    name: 'leaf1',
    profile: 'trident3',
    capacity: 32768,
    entries: peak,
    peak,
    learned: peak,
    refused: 0,
    moved: 0,
    aged: 0,
    floods: { broadcast: 2, multicast: 0, unknownUnicast: 0 },
    learnLimited: 0,
    flooded: [],
    trunks: [],
    ...overrides,
  }
}

export function drop(place: string, reason: DropReason, count: number): DropResult {
  const info: { kind: 'loss' | 'filter'; meaning: string; kernel?: string } = DROP_REASONS[reason]
  const { kind, meaning, kernel = null } = info
  return { place, reason, kernel, kind, meaning, count }
}

export function run(overrides: Partial<RunResult> = {}): RunResult {
  const port = { frames: 10, bytes: 1000, wireBytes: 1240, utilisation: 0.25, queuePeakBytes: 9000 }
  return runResultSchema.parse({
    format: 1,
    version: '0.1.0',
    scenario: 'side-by-side',
    panel: null,
    variant: null,
    why: 'Which of two ways costs less?',
    source: null,
    seed: '1',
    costs: 'none',
    costsAbout: null,
    partial: false,
    duration: 4 * SECOND,
    simulated: 4 * SECOND,
    events: 1000,
    networks: [network()],
    store: null,
    workloads: [],
    hostLayers: {
      payload: 955,
      headers: 19,
      encapsulation: 0,
      ethernet: 10,
      framing: 16,
      other: 0,
    },
    wireEfficiency: 0.955,
    machines: [],
    links: [{ name: 'h1-leaf1', rate: 10e9, forward: port, backward: { ...port, utilisation: 0 } }],
    switches: [tor(2)],
    tables: [],
    drops: [],
    ledger: {
      originated: 12_000,
      copied: 345,
      fragments: 0,
      segments: 0,
      delivered: 12_000,
      consumed: 300,
      merged: 0,
      split: 0,
      dropped: 45,
      held: 0,
      hops: 40_000,
      balanced: true,
    },
    notes: [],
    expectations: [],
    ...overrides,
  })
}

export function cpu(overrides: Partial<CpuResult> = {}): CpuResult {
  const side = { cores: 1, softirq: 0.4, stages: { tcp_send: 0.4, copy_in: 0.6 } }
  const busiest = { core: 3, share: 0.6, softirq: 0.2 }
  return {
    cores: 2.5,
    perGoodput: 1.25,
    perPacket: null,
    perByte: 1000,
    isShared: false,
    senders: { ...side, hosts: ['h1'], busiest: { machine: 'h1', ...busiest } },
    receivers: {
      ...side,
      hosts: ['h2'],
      cores: 1.5,
      stages: { tcp_receive: 0.5, copy_out: 1 },
      busiest: { machine: 'h2', ...busiest, core: 5, share: 0.99 },
    },
    ...overrides,
  }
}

type FlowRow = NonNullable<WorkloadRow['flows']>[number]

export function flow(overrides: Partial<FlowRow> = {}): FlowRow {
  return {
    from: 'c1',
    to: '10.0.0.2',
    direction: 'forward',
    goodput: 1e9,
    retransmits: 0,
    congestion: 'cubic',
    cwnd: 120,
    mss: 1448,
    completionTime: null,
    error: null,
    ...overrides,
  }
}

export function tcp(
  goodput: number,
  flows: number,
  overrides: Partial<WorkloadRow> = {},
): WorkloadRow {
  const each = flow({ goodput: goodput / flows })
  return {
    name: `tcp-${flows}`,
    kind: 'tcp',
    partial: false,
    window: { start: SECOND, end: 1.02 * SECOND },
    sent: flows,
    refused: 0,
    bytes: 1e6,
    goodput,
    offered: goodput,
    retransmits: 0,
    fairness: 1,
    rtt: { min: 20 * MICROSECOND, mean: 30 * MICROSECOND, max: 50 * MICROSECOND },
    connectTime: times(40 * MICROSECOND),
    limits: { congestionWindow: 0.9, receiveWindow: 0.1, sendBuffer: 0, application: 0 },
    flows: Array.from({ length: flows }, () => each),
    errors: [],
    cpu: cpu(),
    wireEfficiency: 0.94,
    limitedBy: { kind: 'receive-softirq-core', what: 'core 5 of h2', share: 0.99 },
    ...overrides,
  }
}
