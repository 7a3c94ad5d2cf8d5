import { describe, expect, it } from 'vitest'
import {
  cpu,
  flow,
  MICROSECOND,
  network,
  run,
  stream,
  TUNNEL,
  tcp,
} from '../../test/run-results.ts'
import type { RunResult, WorkloadRow } from '../study/result.ts'
import { widthOf } from './lines.ts'
import { reportRuns } from './run-text.ts'

const PROFILE = { costs: 'server-2020s', costsAbout: 'A server; within 20 %.' }
const SMALL: Partial<WorkloadRow> = {
  name: 'small',
  packetsPerSecond: 1.08e6,
  offeredPacketsPerSecond: 1.08e6,
  lost: 0,
  cpu: cpu({ perPacket: 2e6 }),
  limitedBy: { kind: 'send-core', what: 'core 1 of h1', share: 1 },
}

function variant(name: string, factor: number, overrides: Partial<RunResult> = {}): RunResult {
  const rate = 1.08e6 * factor
  const rtt = { name: 'rr', kind: 'tcp-rr' as const, transactionsPerSecond: 40_000 * factor }
  const { latency, jitter, ...request } = stream(0)
  return run({
    ...PROFILE,
    variant: name,
    workloads: [
      tcp(20e9 * factor, 1, { cpu: cpu({ perByte: 1000 / factor }) }),
      tcp(24e9, 16, { limitedBy: { kind: 'link', what: 'h1-leaf1 forward', share: 0.99 } }),
      stream(rate * 64 * 8, { ...SMALL, packetsPerSecond: rate }),
      { ...request, ...rtt, goodput: 0, rtt: latency, packetsPerSecond: rtt.transactionsPerSecond },
    ],
    machines: [
      {
        name: 'h1',
        hosts: ['h1'],
        costs: 'server-2020s',
        cores: [
          { busy: 3e9, softirq: 1e9 },
          { busy: 1e9, softirq: 0 },
        ],
        stages: { tcp_send: 1e9, copy_in: 3e9 },
        balanced: true,
        unaccounted: 0,
      },
    ],
    ...overrides,
  })
}

const RUNS = [variant('native', 1), variant('tunnel', 0.5, { networks: [network(TUNNEL)] })]
const PLAIN = { color: false, columns: 80, verbose: false }

describe('a report of TCP on machines with cores', () => {
  it('has the speed, the cost and the limit of each load, and where CPU time went', () => {
    const text = reportRuns(RUNS, PLAIN)
    const until = text.indexOf('\nnative ---')
    expect(text.slice(0, until)).toMatchInlineSnapshot(`
      "side-by-side
      Which of two ways costs less?
      2 variants, up to 4 s simulated, seed 1, encap 0.1.0

                                           native                tunnel
      Scheme                         child/bridge          tunnel/vxlan
      Class                             native L2       encapsulated L3
      Inner MTU                             1,500                 1,450
      Bytes added, a packet                     0                    50
      TCP, 1 flow                         20 Gb/s               10 Gb/s
        send cores                              1                     1
        receive cores                         1.5                   1.5
        cores per 10 Gb/s                    1.25                  1.25
        wire efficiency                      94 %                  94 %
        limited by           receive softirq core  receive softirq core
      TCP, 16 flows                       24 Gb/s               24 Gb/s
        send cores                              1                     1
        receive cores                         1.5                   1.5
        cores per 10 Gb/s                    1.25                  1.25
        wire efficiency                      94 %                  94 %
        limited by                           link                  link
      UDP, 64 B                         1.08 Mpps              540 kpps
        send cores                              1                     1
        receive cores                         1.5                   1.5
        CPU time a packet                    2 us                  2 us
        limited by                      send core             send core
      RTT p50                              427 us                427 us
      RTT p99                              512 us                512 us
      Transactions/s                       40,000                20,000
      Not delivered, rr                    5.56 %                5.56 %
      Frames lost                               0                     0
      MACs learned, at most                     2                     2

      TCP, 1 flow: native 20 Gb/s (limited by: receive softirq core); tunnel 10 Gb/s
      (50 % less).
      UDP, 64 B: native 1.08 Mpps (limited by: send core); tunnel 540 kpps (50 %
      less).
      CPU costs: profile server-2020s. A server; within 20 %.

      CPU time of TCP, 1 flow: ns for a kB that arrived, both sides, all that ran
      there
                           native                        tunnel
      syscalls and copies    640 ███████████             1,280 ██████████████████████
      TCP and UDP            360 ██████                    720 ████████████
      Together: 1,000 with native and 2,000 with tunnel.

      CPU time of UDP, 64 B: ns for a packet that arrived, both sides, all that ran
      there
                           native                        tunnel
      syscalls and copies  1,280 ██████████████████████  1,280 ██████████████████████
      TCP and UDP            720 ████████████              720 ████████████
      Together: 2,000 with native and 2,000 with tunnel.
      "
    `)
  })

  it('tells the details of each workload and machine', () => {
    const text = reportRuns([variant('native', 1)], PLAIN)
    const from = text.indexOf('  tcp-1: TCP')
    expect(text.slice(from, text.indexOf('  Bytes received'))).toMatchInlineSnapshot(`
      "  tcp-1: TCP, measured from 1 s to 1.02 s
          1 flow, goodput 20 Gb/s, nothing sent again
          round trip as TCP saw it 20 us to 50 us, mean 30 us, connected in 40 us
          held: 90 % by the congestion window or what is below TCP and 10 % by the
            receive window
          c1 to 10.0.0.2: goodput 20 Gb/s, MSS 1,448, cubic cwnd 120 at the end
          limited by: receive softirq core (core 5 of h2, 99 % of the window)
          CPU: senders 1 core, core 3 busy for 60 %; receivers 1.5 cores, core 5 busy
            for 99 %
        tcp-16: TCP, measured from 1 s to 1.02 s
          16 flows, goodput 24 Gb/s, nothing sent again, fairness (Jain) 1
          round trip as TCP saw it 20 us to 50 us, mean 30 us, connected in 40 us
          held: 90 % by the congestion window or what is below TCP and 10 % by the
            receive window
          limited by: link (h1-leaf1 forward, 99 % of the window)
          CPU: senders 1 core, core 3 busy for 60 %; receivers 1.5 cores, core 5 busy
            for 99 %
        small: UDP stream, measured from 2 s to 3 s
          sent 900,000, delivered 850,000, lost none
          goodput 553 Mb/s of 10.1 Gb/s offered, 1.08 Mpps
          one-way latency: p50 427 us, p99 512 us, most 1.02 ms, jitter 115 ns
          limited by: send core (core 1 of h1, 100 % of the window)
          CPU: senders 1 core, core 3 busy for 60 %; receivers 1.5 cores, core 5 busy
            for 99 %
        rr: TCP request and response, measured from 2 s to 3 s
          sent 900,000, delivered 850,000, lost 50,000 (5.56 %)
          goodput 0 b/s of 10.1 Gb/s offered, 40,000 transactions a second
          round trip: p50 427 us, p99 512 us, most 1.02 ms
      "
    `)
    expect(text).toContain('Machine h1: 4 ms of CPU time in the whole run, 25 % in softirq')
  })

  it('shows every stage, core and flow when asked', () => {
    const text = reportRuns([variant('native', 1)], { ...PLAIN, verbose: true })
    const dense = text.replace(/\n +/g, ' ')
    expect(dense).toContain('copy_in 75 %, tcp_send 25 %; core 0 0.1 %, core 1 0 %')
    expect(dense.match(/c1 to 10\.0\.0\.2: goodput 1\.5 Gb\/s/g)).toHaveLength(16)
  })

  it('tells once what two sides on one machine cost', () => {
    const shared = cpu({ isShared: true, cores: 1, receivers: cpu().senders })
    const text = reportRuns(
      [variant('bench', 1, { workloads: [tcp(1e9, 1, { cpu: shared })] })],
      PLAIN,
    )
    expect(text).toMatch(/^ {2}cores, both sides +1$/m)
    expect(text).not.toContain('send cores')
    expect(text).toContain('CPU: both sides 1 core,')
  })

  it('calls an account that does not add up a bug', () => {
    const [machine] = variant('a', 1).machines
    const machines = [{ ...machine!, balanced: false, unaccounted: 7 }]
    const text = reportRuns([variant('a', 1, { machines })], PLAIN).replace(/\n +/g, ' ')
    expect(text).toContain('The CPU account of h1 does not add up, which is a bug of encap.')
    expect(text).toContain('On h1 7 charges were made outside of any core')
  })

  it('fits every width', () => {
    const many = Array.from({ length: 7 }, (_, i) => variant(`variant-${i}/of-seven`, 1 + i / 9))
    for (const columns of [60, 80, 120]) {
      for (const runs of [RUNS, many]) {
        const lines = reportRuns(runs, { ...PLAIN, columns }).split('\n')
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns)
      }
    }
  })
})

describe('what held a flow', () => {
  const text = (overrides: Partial<WorkloadRow>) =>
    reportRuns([run({ workloads: [tcp(1e9, 1, overrides)] })], PLAIN).replace(/\n +/g, ' ')

  it('is told by its shares, and left out where TCP tells none', () => {
    expect(text({})).toContain('90 % by the congestion window or what is below TCP and 10 % by the')
    expect(text({ limits: null })).not.toContain('held:')
  })

  it('is an error, where it did not connect or broke', () => {
    const flows = [flow({ goodput: 0, mss: null, cwnd: null, error: 'ETIMEDOUT' })]
    const broken = text({ refused: 1, bytes: 0, goodput: 0, rtt: null, flows })
    expect(broken).toContain('1 flow, of which 1 failed or broke, goodput 0 b/s, nothing arrived')
    expect(broken).toContain('c1 to 10.0.0.2: goodput 0 b/s, ended by ETIMEDOUT')
  })

  it('may be a stall', () => {
    expect(text({ stall: 200_000 * MICROSECOND })).toContain('longest time without progress 200 ms')
  })
})
