/** What becomes of a TCP transfer where an MTU is set wrong: the lab's cases A to F, and B2. */
import { describe, expect, it } from 'vitest'
import { COST_PROFILES } from '../../src/cpu/cost-profile.ts'
import { KERNEL_PROFILES } from '../../src/stack/kernel-profile.ts'
import { withSysctls } from '../../src/stack/sysctl.ts'
import { Recorder, type TextFrame } from '../golden/text.ts'
import { Lab } from '../lab/lab.ts'
import type { Setup } from '../lab/schemes.ts'
import { TcpClient, TcpServer } from '../lab/tcp-programs.ts'
import {
  bridgedInto1450,
  bridgedInto1500,
  bridgedUnfiltered,
  bridgedWithDf,
  routed,
  routedWithoutIcmp,
} from './wrong-mtu-cases.ts'

const SECOND = 1e12
const TRANSFER_BYTES = 200_000
const NONE: ReadonlyMap<string, string> = new Map()

interface Segment {
  /** Milliseconds since the first data left. */
  readonly time: number
  /** Relative to the first byte. */
  readonly from: number
  readonly bytes: number
}

interface Transfer {
  /** Bytes that the server read. */
  readonly delivered: number
  /** Of tcp_info at the end. */
  readonly mss: number
  readonly retransmits: number
  /** Data that left the sender. */
  readonly segments: readonly Segment[]
  readonly error: string | null
}

/** 200 KB by TCP with cold caches and the lab's two CPUs, so that a round trip takes time; the client is stopped after `seconds`. */
function transfer(build: (lab: Lab) => Setup, seconds: number, sysctls = NONE): Transfer {
  const kernel = withSysctls(KERNEL_PROFILES['6.18']!, sysctls)
  const lab = new Lab({ at: SECOND, kernel, costs: COST_PROFILES['lab-6.18']! })
  const { source, destination, destinationAddress } = build(lab)
  lab.switchOffloadsOff()
  const sent = new Recorder()
  lab.tap(source, 'eth0', sent)
  const server = new TcpServer(lab, destination, 5001)
  lab.run(0.2 * SECOND)
  const client = new TcpClient(lab, source, destinationAddress, 5001, TRANSFER_BYTES)
  lab.run(seconds * SECOND)
  client.kill()
  lab.run(0)
  expect(lab.ledger.imbalance()).toBe(0)
  const { sndMss: mss, retransmits } = client.socket.info
  const segments = segmentsTo(5001, sent.between(0, Infinity, 0))
  return { delivered: server.bytes, mss, retransmits, segments, error: client.error }
}

function segmentsTo(port: number, frames: readonly TextFrame[]): Segment[] {
  const tcps = frames.flatMap(({ time, layers }) => {
    // An ICMP error quotes a segment, but is none.
    const tcp = layers.find(({ protocol }) => protocol === 'tcp' || protocol === 'icmp')
    return tcp?.fields.get('dport') === String(port) ? [{ time, fields: tcp.fields }] : []
  })
  const number = (fields: ReadonlyMap<string, string>, name: string) => Number(fields.get(name))
  const data = tcps.filter(({ fields }) => number(fields, 'len') > 0)
  const [first] = data
  return data.map(({ time, fields }) => ({
    time: 1000 * (time - first!.time),
    from: (number(fields, 'seq') - number(tcps[0]!.fields, 'seq') - 1) >>> 0,
    bytes: number(fields, 'len'),
  }))
}

/** The first flight of a sender that does not know better: ten segments of an MTU of 1500. */
const INITIAL_WINDOW = Array.from({ length: 10 }, (_, i) => ({ from: 1448 * i, bytes: 1448 }))

function withoutTime(segments: readonly Segment[]) {
  return segments.map(({ from, bytes }) => ({ from, bytes }))
}

/**
 * Milliseconds from the probe to the first segment's next time and on, as the lab had them, and the
 * steps of Linux's timer wheel: 8 jiffies from 0.25 s on, 64 from 2 s on.
 */
const BACKED_OFF = [
  [200, 4],
  [430, 32],
  [830, 32],
  [1630, 32],
  [3420, 256],
] as const
/** The lab's figures are to a hundredth of a second. */
const DIGIT = 10

describe('200 KB by TCP', () => {
  it.each([
    ['A: routed', routed],
    ['D: bridged into a tunnel of 1500', bridgedInto1500],
    ['E: bridged with DF on the outer packets', bridgedWithDf],
  ])('%s: the first window is lost, then the path MTU is known', (_case, build) => {
    const { delivered, mss, retransmits, segments, error } = transfer(build, 8)
    expect({ delivered, mss, error }).toEqual({
      delivered: TRANSFER_BYTES,
      mss: 1398,
      error: null,
    })
    expect(retransmits).toBeGreaterThanOrEqual(10)
    expect(retransmits).toBeLessThanOrEqual(12)
    expect(withoutTime(segments.slice(0, 10))).toEqual(INITIAL_WINDOW)
    const rest = segments.slice(10).map(({ bytes }) => bytes)
    expect(Math.max(...rest)).toBe(1398)
    // Milliseconds, where a loss that no ICMP tells of takes hundreds.
    expect(segments[segments.length - 1]!.time).toBeLessThan(10)
  })

  it.each([
    ['B: routed, its ICMP filtered', routedWithoutIcmp],
    ['C: bridged into a tunnel of 1450', bridgedInto1450],
    ['F: as C without br_netfilter', bridgedUnfiltered],
  ])('%s: a black hole', (_case, build) => {
    const { delivered, segments, error } = transfer(build, 8)
    expect({ delivered, error }).toEqual({ delivered: 0, error: null })
    expect(withoutTime(segments.slice(0, 10))).toEqual(INITIAL_WINDOW)
    const [probe, ...again] = segments.slice(10)
    // A tail loss probe sends new data where there is some.
    expect(withoutTime([probe!])).toEqual([{ from: 14480, bytes: 1448 }])
    expect(probe!.time).toBeGreaterThan(3)
    expect(probe!.time).toBeLessThan(13)
    expect(withoutTime(again)).toEqual(BACKED_OFF.map(() => ({ from: 0, bytes: 1448 })))
    const times = [probe!.time, ...again.map(({ time }) => time)]
    BACKED_OFF.forEach(([observed, step], at) => {
      const gap = times[at + 1]! - times[at]!
      expect(Math.abs(gap - observed), `gap ${at + 1} of ${gap} ms`).toBeLessThanOrEqual(
        step + DIGIT,
      )
    })
  })

  it('B2: with net.ipv4.tcp_mtu_probing=1 the sender finds out by itself', () => {
    const probing = new Map([['net.ipv4.tcp_mtu_probing', '1']])
    const { delivered, mss, retransmits, segments, error } = transfer(
      routedWithoutIcmp,
      14,
      probing,
    )
    expect({ delivered, mss, error }).toEqual({
      delivered: TRANSFER_BYTES,
      mss: 1395,
      error: null,
    })
    const last = segments[segments.length - 1]!.time
    expect(last).toBeGreaterThan(6300)
    expect(last).toBeLessThan(6800)
    expect(Math.abs(retransmits - 28)).toBeLessThanOrEqual(4)
  })
})
