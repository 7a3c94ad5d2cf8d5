/** Throughput over long paths against the published formulas. */
import { describe, expect, it } from 'vitest'
import { loss } from '../../src/link/fault-rules.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { Bulk } from './bulk.ts'
import { Wan } from './wan.ts'

const MSS = 1448
const SEEDS = 10
const MEASURED = 60 * SECOND

/** Segments per second of one flow, after `warmUp`. */
function segmentRate(
  seed: string,
  congestion: 'reno' | 'cubic',
  rtt: number,
  probability: number,
  warmUp: number,
): number {
  const wan = new Wan({ seed, rate: 1e9, rtt })
  wan.leftEnd.channel.add(loss(probability))
  // A buffer that never limits: the formulas know no window but the sender's.
  const options = { congestion, receiveBuffer: 64e6, sendBuffer: 32e6 }
  const flow = new Bulk(wan, wan.left, wan.right, 5201, Infinity, options)
  wan.simulator.run(warmUp)
  const before = flow.received
  wan.simulator.run(warmUp + MEASURED)
  expect(wan.ledger.imbalance()).toBe(0)
  return (flow.received - before) / MSS / (MEASURED / SECOND)
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2
}

/**
 * The full model of Padhye, Firoiu, Towsley and Kurose (SIGCOMM 1998), without a limit by the receiver.
 * @returns segments per second. @param b segments that one ACK counts for. @param t0 first timeout.
 */
function pftk(p: number, rtt: number, t0: number, b: number): number {
  const base = (2 + b) / (3 * b)
  const window = base + Math.sqrt((8 * (1 - p)) / (3 * b * p) + base ** 2)
  const q = 1 - p
  const timeout = Math.min(
    1,
    ((1 - q ** 3) * (1 + q ** 3 * (1 - q ** (window - 3)))) / (1 - q ** window),
  )
  const backoff = 1 + p + 2 * p ** 2 + 4 * p ** 3 + 8 * p ** 4 + 16 * p ** 5 + 32 * p ** 6
  const segments = q / p + window + timeout / q
  return segments / (rtt * ((b / 2) * window + 1) + (timeout * backoff * t0) / q)
}

/** RFC 9438, 5.1: average window in the long run. @returns segments per second. */
function cubicRate(p: number, rtt: number): number {
  const [beta, c] = [0.7, 0.4]
  const window = ((c * (3 + beta)) / (4 * (1 - beta))) ** 0.25 * (rtt / p) ** 0.75
  return window / rtt
}

const seeds = Array.from({ length: SEEDS }, (_, i) => `long-${i}`)

describe('throughput at random loss', () => {
  it('of Reno is that of PFTK: 20 ms, 1 %', () => {
    const rates = seeds.map((seed) => segmentRate(seed, 'reno', 20 * MILLISECOND, 0.01, 5 * SECOND))
    // b = 1: Linux counts the segments that an ACK covers, so that delayed ACKs do not slow growth. What
    // it lies above the model are the timeouts that the model has, and SACK with RACK has not.
    const ratio = median(rates) / pftk(0.01, 0.02, 0.22, 1)
    expect(ratio).toBeGreaterThan(0.75)
    expect(ratio).toBeLessThan(1.25)
  })

  it('of CUBIC is that of RFC 9438: 100 ms, 0.01 %', () => {
    const rates = seeds.map((seed) =>
      segmentRate(seed, 'cubic', 100 * MILLISECOND, 1e-4, 15 * SECOND),
    )
    const ratio = median(rates) / cubicRate(1e-4, 0.1)
    expect(ratio).toBeGreaterThan(0.75)
    expect(ratio).toBeLessThan(1.25)
  })
})

describe('a shared bottleneck', () => {
  it.each(['cubic', 'reno'] as const)('is shared evenly by eight %s flows', (congestion) => {
    const wan = new Wan({ seed: 'fair', rate: 100e6, rtt: 20 * MILLISECOND, queueBytes: 250_000 })
    const flows = Array.from(
      { length: 8 },
      (_, i) => new Bulk(wan, wan.left, wan.right, 5201 + i, Infinity, { congestion }),
    )
    wan.simulator.run(30 * SECOND)
    const shares = flows.map(({ received }) => received)
    const sum = shares.reduce((total, share) => total + share, 0)
    const squares = shares.reduce((total, share) => total + share * share, 0)
    expect(sum ** 2 / (shares.length * squares)).toBeGreaterThanOrEqual(0.95)
    // And it is used: 1448 of 1538 bytes are content.
    expect((sum * 8) / 30).toBeGreaterThan(0.93 * 100e6 * (MSS / 1538))
    expect(wan.ledger.imbalance()).toBe(0)
  })
})

describe('slow start on a line with a deep queue', () => {
  it('is left before the queue is full, without loss (HyStart)', () => {
    const wan = new Wan({ seed: 'hystart', rate: 50e6, rtt: 40 * MILLISECOND, queueBytes: 500_000 })
    const flow = new Bulk(wan, wan.left, wan.right, 5201, Infinity)
    wan.simulator.run(1.5 * SECOND)
    expect(flow.sender.info.ssthresh).toBeLessThan(500)
    expect(flow.sender.info.retransmits).toBe(0)
    expect(flow.received * 8).toBeGreaterThan(0.5 * 50e6)
  })
})

describe('a host’s own queue', () => {
  /** The line is fast: what limits is the host's own cable. */
  function queuePeak(limit: number): number {
    const sysctls = { tcp_limit_output_bytes: limit }
    const wan = new Wan({ seed: 'tsq', rate: 100e9, rtt: MILLISECOND, sysctls })
    const flow = new Bulk(wan, wan.left, wan.right, 5201, Infinity)
    wan.simulator.run(0.3 * SECOND)
    // More than the path takes.
    expect(flow.sender.info.cwnd * MSS).toBeGreaterThan(10e9 / 8 / 1000)
    expect(flow.received * 8).toBeGreaterThan(0.85 * 0.3 * 10e9)
    return wan.left.nic.port.queuePeakBytes
  }

  it('holds of one flow what TCP small queues admit, however large the window', () => {
    for (const limit of [131_072, 262_144]) {
      const peak = queuePeak(limit)
      expect(peak).toBeGreaterThan(0.8 * limit)
      expect(peak).toBeLessThan(1.1 * limit)
    }
    // Without such a limit it is a millisecond at the pacing rate.
    expect(queuePeak(4_194_304)).toBeGreaterThan(1_000_000)
    expect(queuePeak(4_194_304)).toBeLessThan(2_000_000)
  })
})
