import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  drop,
  MICROSECOND,
  network,
  ping,
  run,
  SECOND,
  stream,
  TUNNEL,
  tor,
} from '../../test/run-results.ts'
import { DROP_REASONS, type DropReason } from '../measure/drop-reason.ts'
import type { RunResult } from '../study/result.ts'
import { widthOf } from './lines.ts'
import { reportRuns } from './run-text.ts'

const CHILD = run({
  variant: 'child',
  workloads: [ping(3.69 * MICROSECOND), stream(9.55e9)],
  switches: [tor(10)],
  drops: [drop('h1/eth0', 'queue_full', 50_000), drop('h2/eth0', 'nic_filter', 45)],
})
const VXLAN = run({
  variant: 'vxlan',
  networks: [network(TUNNEL)],
  workloads: [ping(3.86 * MICROSECOND), stream(9.23e9, { delivered: 825_000, lost: 75_000 })],
  wireEfficiency: 0.9235,
  drops: [drop('h1/eth0', 'queue_full', 75_000)],
  notes: ['subnets were handed to every host at its start; no store is involved'],
  expectations: [
    {
      text: 'goodput: { of: load, atLeast: 9.5Gbps }',
      line: 12,
      measured: 9.23e9,
      shown: '9.23 Gb/s',
      passed: false,
    },
  ],
})

const PLAIN = { color: false, columns: 80, verbose: false }

function report(runs: readonly RunResult[], options = {}): string {
  return reportRuns(runs, { ...PLAIN, ...options })
}

/** The part between the table and the details. */
function conclusion(runs: readonly RunResult[]): string {
  return report(runs).split('\n\n')[2] ?? ''
}

describe('reportRuns', () => {
  it('shows variants side by side, says what follows, then tells of each run', () => {
    expect(report([CHILD, VXLAN])).toMatchInlineSnapshot(`
      "side-by-side
      Which of two ways costs less?
      2 variants, up to 4 s simulated, seed 1, encap 0.1.0

                                    child            vxlan
      Scheme                 child/bridge     tunnel/vxlan
      Class                     native L2  encapsulated L3
      Inner MTU                     1,500            1,450
      Bytes added, a packet             0               50
      UDP packets offered        900 kpps         900 kpps
      UDP packets delivered      853 kpps         824 kpps
      UDP goodput               9.55 Gb/s        9.23 Gb/s
      Wire efficiency              95.5 %           92.3 %
      RTT p50                     3.69 us          3.86 us
      RTT p99                     4.43 us          4.63 us
      Not delivered, load          5.56 %           8.33 %
      Frames lost                  50,000           75,000
        queue_full                 50,000           75,000
      MACs learned, at most            10                2
      Expectations met                  -           0 of 1

      UDP, 1400 B: child 9.55 Gb/s; vxlan 9.23 Gb/s (3.35 % less).
      Not delivered, load: child 5.56 %; vxlan 8.33 %.
      CPU costs: none - only the network limits; what a host would spend on a packet
      takes no time here.
      Note (vxlan): subnets were handed to every host at its start; no store is
      involved.
      Not met with vxlan: goodput: { of: load, atLeast: 9.5Gbps }: 9.23 Gb/s

      child --------------------------------------------------------------------------
        Network app, child/bridge: native L2, MTU 1,500 in the containers, 4
          containers
        idle: ping, measured from 1 s to 2 s
          sent 20, delivered 20, lost none
          round trip: p50 3.69 us, p99 4.43 us, most 8.86 us
        load: UDP stream, measured from 2 s to 3 s
          sent 900,000, delivered 850,000, lost 50,000 (5.56 %)
          goodput 9.55 Gb/s of 10.1 Gb/s offered, 853 kpps
          one-way latency: p50 427 us, p99 512 us, most 1.02 ms, jitter 115 ns
        Bytes received on the hosts' cables: 1 kB
          payload                        95.5 %  █████████████████████████████
          IP and transport headers        1.9 %  █
          Ethernet headers                  1 %  █
          padding, FCS, preamble, gap     1.6 %  █
        Frames lost: 50,000
          h1/eth0: 50,000 queue_full, SKB_DROP_REASON_QDISC_DROP: the transmit queue
            was full
        Copies that ended where nobody wanted them: 45 (nic_filter 45)
        Switch leaf1 (trident3): 10 of 32,768 MAC entries at the end, 10 at most; 10
          learned; flooded: 2 broadcast
        Links, by the share of the whole run in which they sent:
          h1-leaf1, 10 Gb/s: 25 % forth, 0 % back, queue at most 9 kB
        Every frame is accounted for: 12,345 began (12,000 sent, 345 copied); 12,000
          delivered, 300 consumed, 45 dropped; balanced.

      vxlan --------------------------------------------------------------------------
        Network app, tunnel/vxlan: encapsulated L3, MTU 1,450 in the containers, 50
          bytes added to a packet, 4 containers
        idle: ping, measured from 1 s to 2 s
          sent 20, delivered 20, lost none
          round trip: p50 3.86 us, p99 4.63 us, most 9.26 us
        load: UDP stream, measured from 2 s to 3 s
          sent 900,000, delivered 825,000, lost 75,000 (8.33 %)
          goodput 9.23 Gb/s of 10.1 Gb/s offered, 824 kpps
          one-way latency: p50 427 us, p99 512 us, most 1.02 ms, jitter 115 ns
        Bytes received on the hosts' cables: 1 kB
          payload                        95.5 %  █████████████████████████████
          IP and transport headers        1.9 %  █
          Ethernet headers                  1 %  █
          padding, FCS, preamble, gap     1.6 %  █
        Frames lost: 75,000
          h1/eth0: 75,000 queue_full, SKB_DROP_REASON_QDISC_DROP: the transmit queue
            was full
        Switch leaf1 (trident3): 2 of 32,768 MAC entries at the end, 2 at most; 2
          learned; flooded: 2 broadcast
        Links, by the share of the whole run in which they sent:
          h1-leaf1, 10 Gb/s: 25 % forth, 0 % back, queue at most 9 kB
        NOT MET: goodput: { of: load, atLeast: 9.5Gbps }: 9.23 Gb/s (line 12)
        Every frame is accounted for: 12,345 began (12,000 sent, 345 copied); 12,000
          delivered, 300 consumed, 45 dropped; balanced."
    `)
  })

  it('tells of a single run by the same means', () => {
    const single = run({
      networks: [network(TUNNEL)],
      workloads: [
        ping(3.86 * MICROSECOND, {
          sent: 30,
          refused: 2,
          delivered: 25,
          lost: 5,
          errors: [
            { origin: 'local', errno: 'EMSGSIZE', count: 2 },
            { origin: 'icmp', type: 3, code: 4, from: '10.244.0.1', mtu: 1450, count: 3 },
          ],
          pairs: [
            { from: 'c1', to: '10.244.1.2', sent: 15, delivered: 15 },
            { from: 'c2', to: '10.244.1.3', sent: 15, delivered: 10 },
          ],
        }),
      ],
    })
    expect(report([single])).toMatchInlineSnapshot(`
      "side-by-side
      Which of two ways costs less?
      4 s simulated, seed 1, encap 0.1.0

                                tunnel/vxlan
      Class                  encapsulated L3
      Inner MTU                        1,450
      Bytes added, a packet               50
      Wire efficiency                 95.5 %
      RTT p50                        3.86 us
      RTT p99                        4.63 us
      Not delivered, idle             16.7 %
      Frames lost                          0
      MACs learned, at most                2

      CPU costs: none - only the network limits; what a host would spend on a packet
      takes no time here.

      tunnel/vxlan -------------------------------------------------------------------
        Network app, tunnel/vxlan: encapsulated L3, MTU 1,450 in the containers, 50
          bytes added to a packet, 4 containers
        idle: ping, measured from 1 s to 2 s
          sent 30, of which the system refused 2, delivered 25, lost 5 (16.7 %)
          round trip: p50 3.86 us, p99 4.63 us, most 9.26 us
          system call failed: EMSGSIZE (the message is longer than the MTU that the
            sender knows, and DF is set) (2)
          ICMP error: Frag needed and DF set (mtu = 1450), from 10.244.0.1 (3)
          c2 to 10.244.1.3: sent 15 and lost 5
        Bytes received on the hosts' cables: 1 kB
          payload                        95.5 %  █████████████████████████████
          IP and transport headers        1.9 %  █
          Ethernet headers                  1 %  █
          padding, FCS, preamble, gap     1.6 %  █
        No frame was lost.
        Switch leaf1 (trident3): 2 of 32,768 MAC entries at the end, 2 at most; 2
          learned; flooded: 2 broadcast
        Links, by the share of the whole run in which they sent:
          h1-leaf1, 10 Gb/s: 25 % forth, 0 % back, queue at most 9 kB
        Every frame is accounted for: 12,345 began (12,000 sent, 345 copied); 12,000
          delivered, 300 consumed, 45 dropped; balanced."
    `)
  })

  it('fits the width, whatever the names, verbose or not, and colour changes no character', () => {
    const long = run({
      variant: 'a-variant-with-a-very-long-name/of-several-parts',
      why: 'Why? '.repeat(60),
      networks: [
        network({
          ...TUNNEL,
          failures: Array.from({ length: 20 }, (_, i) => ({
            container: `container-${i}`,
            message: 'no available IPv4 addresses on this network, which is far too small',
          })),
          log: [
            { host: 'h1', line: 'a line of a log that is longer than a terminal is wide, by far' },
          ],
        }),
      ],
      drops: [
        drop('leaf1.of.the.first.rack/uplink-to-the-second-spine', 'queue_full', 12_345_678),
        ...Object.keys(DROP_REASONS).map((reason, i) =>
          drop(`h${i}/eth0`, reason as DropReason, i),
        ),
      ],
    })
    for (const verbose of [false, true]) {
      for (const columns of [60, 80, 120]) {
        for (const runs of [[CHILD], [CHILD, VXLAN], [CHILD, VXLAN, long, CHILD, VXLAN]]) {
          const text = report(runs, { verbose, columns })
          for (const line of text.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns)
          const colored = report(runs, { verbose, columns, color: true })
          expect(colored).not.toBe(text)
          expect(stripVTControlCharacters(colored).replace(/ +$/gm, '')).toBe(text)
        }
      }
    }
  })

  it('keeps the runs of several files apart', () => {
    const text = report([CHILD, run({ scenario: 'another' })])
    expect(text.split('\n\n\n').map((part) => part.split('\n')[0])).toEqual([
      'side-by-side',
      'another',
    ])
  })

  it('says when it was interrupted', () => {
    const text = report([run({ partial: true, simulated: 1.5 * SECOND })])
    expect(text).toContain('Interrupted: everything was measured up to 1.5 s of 4 s')
  })

  it('calls books that do not balance a bug', () => {
    const { ledger } = run()
    const text = report([run({ ledger: { ...ledger, delivered: 11_999, balanced: false } })])
    expect(text).toContain('The books do not balance, which is a bug of encap')
    expect(text).not.toContain('accounted for')
  })

  it('lists the drops that matter, and all of them when asked', () => {
    const drops = Array.from({ length: 30 }, (_, i) => drop(`h${i}/eth0`, 'link_loss', i + 1))
    const filters = [drop('h1/eth0', 'nic_filter', 3000), drop('h2/eth0', 'other_host', 456)]
    const runs = [run({ drops: [...drops, ...filters] })]
    const brief = report(runs)
    expect(brief).toContain('h29/eth0: 30 link_loss')
    expect(brief).not.toContain('h3/eth0:')
    expect(brief).toContain('and at 22 places more (--verbose shows them)')
    expect(brief.replace(/\n +/g, ' ')).toContain(
      'Copies that ended where nobody wanted them: 3,456 (nic_filter 3,000, other_host 456)',
    )
    expect(brief).not.toContain('h2/eth0: 456')
    const verbose = report(runs, { verbose: true })
    expect(verbose).toContain('h3/eth0: 4 link_loss')
    expect(verbose).toContain('h2/eth0: 456 other_host, SKB_DROP_REASON_OTHERHOST')
  })

  it('shows a full MAC table', () => {
    const switches = [
      tor(2, { name: 'leaf2' }),
      tor(64, {
        capacity: 64,
        refused: 355_018,
        floods: { broadcast: 101, multicast: 0, unknownUnicast: 354_981 },
      }),
    ]
    const text = report([run({ switches })])
    expect(text.replace(/\n +/g, ' ')).toContain(
      'Switch leaf1 (trident3): 64 of 64 MAC entries at the end, 64 at most; 64 learned and ' +
        '355,018 refused for want of room; flooded: 101 broadcast and 354,981 unknown unicast',
    )
    expect(text.indexOf('Switch leaf1')).toBeLessThan(text.indexOf('Switch leaf2'))
  })

  it('has what the tool would have printed, when verbose', () => {
    const pairs = [{ from: 'c1', to: 'c2', sent: 1, delivered: 1, lines: ['PING 10.0.0.2', ''] }]
    const runs = [run({ workloads: [ping(MICROSECOND, { pairs })] })]
    expect(report(runs, { verbose: true })).toContain('      PING 10.0.0.2\n')
    expect(report(runs)).not.toContain('PING')
  })
})

describe('what follows from the numbers', () => {
  const variant = (name: string, overrides: Partial<RunResult>) =>
    run({ variant: name, ...overrides })

  it('names nobody where nothing differs by more than half a per cent', () => {
    const runs = [
      variant('a', { workloads: [stream(9.55e9)] }),
      variant('b', { workloads: [stream(9.53e9)] }),
    ]
    expect(conclusion(runs)).toContain('In nothing that the table shows do the variants differ')
  })

  it('groups those that are alike, beside the first', () => {
    const runs = ['a', 'b', 'c'].map((name, i) =>
      variant(name, { workloads: [stream(i === 2 ? 9e9 : 10e9)] }),
    )
    expect(conclusion(runs)).toContain('UDP, 1400 B: a and b 10 Gb/s; c 9 Gb/s (10 % less).')
  })

  it('quotes names of several words, and tells a long time by its ratio', () => {
    const runs = [
      variant('a', { workloads: [ping(MICROSECOND)] }),
      variant('a, one flow', { workloads: [ping(180.9 * MICROSECOND)] }),
    ]
    expect(conclusion(runs)).toContain('RTT p50: a 1 us; "a, one flow" 181 us (181 times as much).')
  })

  it('tells only the ends of many groups', () => {
    const runs = ['a', 'b', 'c', 'd', 'e'].map((name, i) =>
      variant(name, { switches: [tor(i + 1)] }),
    )
    expect(conclusion(runs)).toContain('MACs learned, at most: a 1; b 2; e 5.')
  })

  it('says what did not arrive, also of a workload that one run does not have', () => {
    const lossy = ping(MICROSECOND, { delivered: 0, lost: 20, rtt: null })
    const runs = [
      variant('a', { workloads: [lossy, stream(0)] }),
      variant('b', { workloads: [ping(MICROSECOND), stream(9e9)] }),
      variant('c', {}),
    ]
    expect(conclusion(runs)).toContain('UDP, 1400 B: a 0 b/s; b 9 Gb/s.')
    expect(conclusion(runs)).toContain('Not delivered, idle: a 100 %; b 0 %.')
  })

  it('is at most two sentences: the speed, and what differs most besides', () => {
    const runs = [
      variant('a', {
        workloads: [ping(2 * MICROSECOND), stream(9e9)],
        switches: [tor(9, { refused: 5 })],
      }),
      variant('b', {
        workloads: [ping(5 * MICROSECOND), stream(6e9)],
        switches: [tor(2, { floods: { broadcast: 0, multicast: 0, unknownUnicast: 7 } })],
      }),
    ]
    const sentences = conclusion(runs).split('\n')
    expect(sentences.slice(0, 2)).toEqual([
      'UDP, 1400 B: a 9 Gb/s; b 6 Gb/s (33.3 % less).',
      'RTT p50: a 2 us; b 5 us (150 % more).',
    ])
    expect(sentences[2]).toMatch(/^CPU costs/)
  })

  it('names the costs, and notes that hold for some only', () => {
    const note = 'subnets were handed out at the start'
    const runs = [
      variant('a', { notes: [note] }),
      variant('b', { costs: 'server-2020s', costsAbout: 'A server; within 20 %.' }),
    ]
    expect(conclusion(runs)).toContain('CPU costs: none - only the network limits')
    expect(conclusion(runs)).toContain('CPU costs: profile server-2020s. A server; within 20 %.')
    expect(conclusion(runs)).toContain(`Note (a): ${note}.`)
  })
})
