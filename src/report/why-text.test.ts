import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { DROP_REASONS, type DropReason } from '../measure/drop-reason.ts'
import type { PacketKind, TraceEvent } from '../measure/trace-recorder.ts'
import type { Stage } from '../measure/tracer.ts'
import { loadScenario } from '../scenario/load.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { journeysOf } from '../study/why/journey.ts'
import { type ProbeOutcome, traceProbe } from '../study/why.ts'
import { widthOf } from './lines.ts'
import { whyReport } from './why-text.ts'

const START = 1e12
const FRAMES: Readonly<Record<PacketKind, string>> = {
  'echo-request': 'IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64',
  'echo-reply': 'IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 7, seq 1, length 64',
  'icmp-error': 'IP 10.0.0.254 > 10.0.0.1: ICMP 10.0.0.2 unreachable - need to frag (mtu 1450)',
  arp: '02:42:0a:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, Request who-has 10.0.0.2 tell 10.0.0.1',
  udp: 'IP 10.0.0.1.50000 > 10.0.0.2.5001: UDP, length 100',
  'tcp-syn': 'IP 10.0.0.1.50000 > 10.0.0.2.5001: Flags [S], seq 1, win 64240, length 0',
  'tcp-syn-ack': 'IP 10.0.0.2.5001 > 10.0.0.1.50000: Flags [S.], seq 9, ack 2, length 0',
  'tcp-data': 'IP 10.0.0.1.50000 > 10.0.0.2.5001: Flags [P.], seq 2, ack 10, length 100',
  'tcp-ack': 'IP 10.0.0.2.5001 > 10.0.0.1.50000: Flags [.], ack 102, length 0',
  'tcp-fin': 'IP 10.0.0.1.50000 > 10.0.0.2.5001: Flags [F.], seq 102, ack 10, length 0',
  'tcp-rst': 'IP 10.0.0.2.5001 > 10.0.0.1.50000: Flags [R.], ack 2, length 0',
  other: 'IP 10.0.0.1 > 10.0.0.2: protocol 47, length 80',
}
const ARP_REPLY =
  '02:42:0a:00:00:02 > 02:42:0a:00:00:01, ARP, Reply 10.0.0.2 is-at 02:42:0a:00:00:02'

const isStage = (what: Stage | DropReason): what is Stage => !Object.hasOwn(DROP_REASONS, what)

/** Writes a trace down, step by step. */
class Trace {
  readonly events: TraceEvent[] = []
  time = 0

  at(microseconds: number): this {
    this.time = microseconds * 1e6
    return this
  }

  /** One packet meets something at a place. */
  step(
    packet: number,
    kind: PacketKind,
    place: string,
    what: Stage | DropReason,
    row: string | null = null,
    more: Partial<TraceEvent> = {},
  ): this {
    const base = {
      time: START + this.time,
      trace: 1,
      packet,
      kind,
      part: -1,
      depth: 0,
      place,
      row,
      source: '10.0.0.1',
      destination: '10.0.0.2',
      mac: '02:42:0a:00:00:02',
      frame: FRAMES[kind],
      length: 98,
    }
    const event: TraceEvent = isStage(what)
      ? { ...base, stage: what, drop: null }
      : { ...base, stage: null, drop: what }
    this.events.push({ ...event, ...more } as TraceEvent)
    return this
  }
}

const CABLES = new Map<string, string>()
for (const [a, b] of [
  ['h1/eth0', 'sw/p1'],
  ['h2/eth0', 'sw/p2'],
  ['h3/eth0', 'sw/p3'],
  ['h4/eth0', 'sw/p4'],
  ['c1/eth0', 'h1/veth0'],
] as const) {
  CABLES.set(a, b)
  CABLES.set(b, a)
}

function outcome(trace: Trace, overrides: Partial<ProbeOutcome> = {}): ProbeOutcome {
  return {
    request: {
      from: 'h1',
      to: 'h2',
      at: null,
      protocol: 'icmp',
      port: 5001,
      size: 56,
      dontFragment: false,
      ttl: 64,
    },
    scenario: 'a-scenario',
    variant: null,
    seed: '1',
    source: '10.0.0.1',
    destination: '10.0.0.2',
    sentAt: START,
    sendError: null,
    knownMtu: 1500,
    delivered: false,
    latency: null,
    connection: null,
    cause: null,
    events: trace.events,
    journeys: journeysOf(trace.events, CABLES),
    cables: CABLES,
    missed: 0,
    cpu: [],
    ...overrides,
  }
}

function report(trace: Trace, overrides: Partial<ProbeOutcome> = {}, color = false): string {
  return whyReport(outcome(trace, overrides), { color, columns: 80 })
}

/** From h1 into the switch. */
function sent(trace: Trace, packet: number, kind: PacketKind): Trace {
  return trace
    .step(packet, kind, 'h1', 'route', '10.0.0.0/24 dev eth0 scope link')
    .step(packet, kind, 'h1/eth0', 'neighbour', '10.0.0.2 dev eth0 lladdr 02:42:0a:00:00:02 STALE')
    .step(packet, kind, 'h1/eth0', 'transmit')
}

const DELIVERED = { delivered: true, latency: 4e6 }

describe('whyReport', () => {
  it('follows the copy that arrives, with ARP where it happened, and sums the others up', () => {
    const trace = new Trace()
      .step(0, 'echo-request', 'h1', 'socket_send')
      .step(0, 'echo-request', 'h1/eth0', 'queue', '10.0.0.2 dev eth0 INCOMPLETE')
      .step(1, 'arp', 'h1/eth0', 'transmit')
      .at(1)
      .step(1, 'arp', 'sw/p1', 'switch', 'broadcast: flooded to 3 ports')
    for (const port of ['p2', 'p3', 'p4']) trace.step(1, 'arp', `sw/${port}`, 'transmit')
    const reply = { frame: ARP_REPLY }
    trace
      .at(2)
      .step(1, 'arp', 'h3/eth0', 'receive')
      .step(1, 'arp', 'h3/eth0', 'arp_ignored')
      .step(1, 'arp', 'h2/eth0', 'receive')
      .step(1, 'arp', 'h2/eth0', 'arp', 'answered')
      .step(2, 'arp', 'h2/eth0', 'transmit', null, reply)
      .step(1, 'arp', 'h4/eth0', 'receive')
      .step(1, 'arp', 'h4/eth0', 'arp_ignored')
      .at(3)
      .step(2, 'arp', 'sw/p2', 'switch', 'mac 02:42:0a:00:00:01 vlan 1 port p1 age 2 us', reply)
      .step(2, 'arp', 'sw/p1', 'transmit', null, reply)
      .at(4)
      .step(2, 'arp', 'h1/eth0', 'receive', null, reply)
      .step(2, 'arp', 'h1/eth0', 'arp', '10.0.0.2 dev eth0 REACHABLE', reply)
      .step(0, 'echo-request', 'h1/eth0', 'neighbour', '10.0.0.2 dev eth0 REACHABLE')
      .step(0, 'echo-request', 'h1/eth0', 'transmit')
      .at(5)
      .step(0, 'echo-request', 'sw/p1', 'switch', 'no entry for mac 02: flooded to 3 ports')
    for (const port of ['p2', 'p3', 'p4']) trace.step(0, 'echo-request', `sw/${port}`, 'transmit')
    trace
      .at(6)
      .step(0, 'echo-request', 'h2/eth0', 'receive')
      .step(0, 'echo-request', 'h2/eth0', 'local_deliver')
      .step(3, 'echo-reply', 'h2', 'route', '10.0.0.0/24 dev eth0 scope link')
      .step(0, 'echo-request', 'h3/eth0', 'nic_filter')
      .step(0, 'echo-request', 'h4/eth0', 'nic_filter')
      .at(8)
      .step(3, 'echo-reply', 'h1/eth0', 'socket_receive', 'icmp echo id 7')
    expect(report(trace, { ...DELIVERED, latency: 8e6 })).toMatchInlineSnapshot(`
      "h1 (10.0.0.1) to h2 (10.0.0.2): delivered; the reply came after 8 us.
        Echo request: delivered at h2/eth0 in 6 us over 2 hops.
        Echo reply: delivered at h1/eth0 in 2 us over 0 hops.
        a-scenario; seed 1; sent at 1 s

      Echo request, 4 us of its time in queues
           0 s  h1       sent by a socket
                         IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1,
                         length 64
                h1/eth0  waits: 10.0.0.2 dev eth0 INCOMPLETE
          ARP request: answered at h2/eth0 in 2 us over 2 hops
               0 s  h1/eth0  leaves
                             02:42:0a:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, Request
                             who-has 10.0.0.2 tell 10.0.0.1
              1 us  sw/p1    MAC table: broadcast: flooded to 3 ports
                    sw/p2    leaves
              2 us  h2/eth0  arrives; ARP: answered
                    (2 other copies ended at h3/eth0 and h4/eth0: arp_ignored, ARP for
                    somebody else)
          ARP reply: learned at h1/eth0 in 2 us over 2 hops
              2 us  h2/eth0  leaves
                             02:42:0a:00:00:02 > 02:42:0a:00:00:01, ARP, Reply
                             10.0.0.2 is-at 02:42:0a:00:00:02
              3 us  sw/p2    MAC table: mac 02:42:0a:00:00:01 vlan 1 port p1 age 2 us
                    sw/p1    leaves
              4 us  h1/eth0  arrives; ARP: 10.0.0.2 dev eth0 REACHABLE
          4 us  h1/eth0  neighbour: 10.0.0.2 dev eth0 REACHABLE; leaves
          5 us  sw/p1    MAC table: no entry for mac 02: flooded to 3 ports
                sw/p2    leaves
          6 us  h2/eth0  arrives; for this address, up the stack
                (2 other copies ended at h3/eth0 and h4/eth0: nic_filter, unicast for
                another station, filtered by the NIC)

      Echo reply
          6 us  h2       route: 10.0.0.0/24 dev eth0 scope link
                         IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 7, seq 1, length
                         64
          8 us  h1/eth0  received by the socket: icmp echo id 7"
    `)
  })

  it('tells what a tunnel pushes, where the packet was lost, why, and what would help', () => {
    const outer = {
      depth: 1,
      length: 148,
      frame: `IP 192.168.0.1.5 > 192.168.0.2.4789: VXLAN: ${FRAMES['echo-request']}`,
    }
    const connection =
      'udp src=192.168.0.1 dst=192.168.0.2 sport=5 dport=4789 [UNREPLIED] ' +
      'src=192.168.0.2 dst=192.168.0.1 sport=4789 dport=5'
    const trace = new Trace()
      .step(0, 'echo-request', 'h1/vx0', 'transmit')
      .step(0, 'echo-request', 'h1/vx0', 'vxlan_encap', '02:00 dev vx0 dst 192.168.0.2')
      .step(0, 'echo-request', 'h1', 'route', '192.168.0.0/24 dev eth0', outer)
      .step(0, 'echo-request', 'h1', 'conntrack', connection, outer)
      .step(0, 'echo-request', 'h1', 'icmp_error', 'type 3 code 4 to the sender', outer)
      .step(1, 'icmp-error', 'h1', 'socket_receive', 'error to the socket')
      .step(0, 'echo-request', 'h1/eth0', 'mtu_exceeded_df', 'mtu 1450', outer)
    expect(report(trace)).toMatchInlineSnapshot(`
      "h1 (10.0.0.1) to h2 (10.0.0.2): NOT DELIVERED: Echo request LOST at h1/eth0:
      mtu_exceeded_df (SKB_DROP_REASON_PKT_TOO_BIG).
        Echo request: LOST at h1/eth0: mtu_exceeded_df (SKB_DROP_REASON_PKT_TOO_BIG):
          larger than the MTU and DF is set; what decided: mtu 1450.
          Remedy: Send smaller packets: lower the MTU of the sender, or let it learn
          the path MTU from the ICMP error (fragmentation needed), which no filter may
          drop; or send without DF.
        ICMP error: delivered at h1 in 0 s over 0 hops.
        a-scenario; seed 1; sent at 1 s

      Echo request
           0 s  h1/vx0   leaves
                         IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1,
                         length 64
                h1/vx0   VXLAN pushed, 50 bytes: 02:00 dev vx0 dst 192.168.0.2
                h1       route: 192.168.0.0/24 dev eth0
                         IP 192.168.0.1.5 > 192.168.0.2.4789: VXLAN: IP 10.0.0.1 >
                         10.0.0.2: ICMP echo request, id 7, seq 1, length 64
                h1       connection: udp src=192.168.0.1 dst=192.168.0.2 sport=5
                         dport=4789 [UNREPLIED]
                h1       ICMP error: type 3 code 4 to the sender
                h1/eth0  LOST: mtu_exceeded_df (SKB_DROP_REASON_PKT_TOO_BIG): larger
                         than the MTU and DF is set; mtu 1450

      ICMP error
           0 s  h1  received by the socket: error to the socket
                    IP 10.0.0.254 > 10.0.0.1: ICMP 10.0.0.2 unreachable - need to frag
                    (mtu 1450)"
    `)
  })

  it('shows both tuples of a connection only where they differ: with NAT', () => {
    const row = 'udp src=10.0.0.1 dst=1.1.1.1 sport=5 dport=53 src=1.1.1.1 dst=9.9.9.9 sport=53'
    const trace = new Trace().step(0, 'udp', 'h1', 'conntrack', row)
    expect(report(trace).replace(/\n +/g, ' ')).toContain(`connection: ${row}`)
  })

  it('says that nothing was sent, and why', () => {
    const text = report(new Trace(), { sendError: 'EMSGSIZE', knownMtu: 1450 })
    expect(text.replace('\n', ' ')).toContain(
      'h1 (10.0.0.1) to h2 (10.0.0.2): NOT SENT: EMSGSIZE (the message is longer than the MTU that',
    )
    expect(text).toContain('that MTU is 1450.')
  })

  it('tells a question that nobody answers once, and then only that it came again', () => {
    const trace = new Trace().step(
      0,
      'echo-request',
      'h1/eth0',
      'queue',
      '10.0.0.2 dev eth0 INCOMPLETE',
    )
    for (let i = 1; i <= 3; i++) {
      trace
        .at((i - 1) * 1e6)
        .step(i, 'arp', 'h1/eth0', 'transmit')
        .step(i, 'arp', 'sw/p1', 'switch', 'broadcast: flooded to 1 port')
        .step(i, 'arp', 'sw/p2', 'transmit')
        // A bystander learns from the question, which is no answer.
        .step(i, 'arp', 'h2/eth0', 'arp', '10.0.0.1 dev eth0 STALE')
    }
    trace.at(3e6).step(0, 'echo-request', 'h1/eth0', 'neighbour_failed', '10.0.0.2 dev eth0 FAILED')
    expect(report(trace)).toMatchInlineSnapshot(`
      "h1 (10.0.0.1) to h2 (10.0.0.2): NOT DELIVERED: Echo request LOST at h1/eth0:
      neighbour_failed (SKB_DROP_REASON_NEIGH_FAILED).
        Echo request: LOST at h1/eth0: neighbour_failed
          (SKB_DROP_REASON_NEIGH_FAILED): ARP was not answered; what decided: 10.0.0.2
          dev eth0 FAILED.
          Remedy: Nobody answered ARP: is the next hop up, on this segment and with
          this address? If it is behind a router, the route must name the router.
        a-scenario; seed 1; sent at 1 s

      Echo request, 3 s of its time in queues
           0 s  h1/eth0  waits: 10.0.0.2 dev eth0 INCOMPLETE
                         IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1,
                         length 64
          ARP request: nobody answered
               0 s  h1/eth0  leaves
                             02:42:0a:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, Request
                             who-has 10.0.0.2 tell 10.0.0.1
                    sw/p1    MAC table: broadcast: flooded to 1 port
                    sw/p2    leaves
                    h2/eth0  ARP: 10.0.0.1 dev eth0 STALE
          02:42:0a:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, Request who-has 10.0.0.2 tell
          10.0.0.1: again after 1 s, with the same end
          02:42:0a:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, Request who-has 10.0.0.2 tell
          10.0.0.1: again after 2 s, with the same end
           3 s  h1/eth0  LOST: neighbour_failed (SKB_DROP_REASON_NEIGH_FAILED): ARP
                         was not answered; 10.0.0.2 dev eth0 FAILED"
    `)
  })

  it('names the reply where it was the reply that was lost', () => {
    const trace = sent(new Trace(), 0, 'echo-request')
      .step(0, 'echo-request', 'h2/eth0', 'local_deliver')
      .step(1, 'echo-reply', 'h2/eth0', 'reverse_path', 'no route back')
    const [verdict, ...others] = report(trace).split('\n')
    expect(verdict).toBe(
      'h1 (10.0.0.1) to h2 (10.0.0.2): NOT DELIVERED: Echo reply LOST at h2/eth0:',
    )
    expect(others[1]).toMatch(/^ {2}Echo request: delivered at h2\/eth0/)
  })

  it('does not take the local stack for the end where that refused the packet', () => {
    const trace = sent(new Trace(), 0, 'udp')
      .step(0, 'udp', 'h2/eth0', 'local_deliver')
      .step(0, 'udp', 'h2/eth0', 'no_socket')
    expect(report(trace)).toContain('UDP datagram: LOST at h2/eth0: no_socket')
  })

  it('finds the fragment that was lost, rather than those that waited for it', () => {
    const trace = new Trace().step(0, 'udp', 'h1', 'fragment', '2 fragments for mtu 1500')
    for (const part of [0, 1480]) trace.step(0, 'udp', 'h1/eth0', 'transmit', null, { part })
    trace
      .at(1)
      .step(0, 'udp', 'sw/p1', 'switch', 'port p2', { part: 0 })
      .step(0, 'udp', 'sw/p2', 'transmit', null, { part: 0 })
      .step(0, 'udp', 'sw/p1', 'switch', 'port p2', { part: 1480 })
      .step(0, 'udp', 'sw/p2', 'transmit', null, { part: 1480 })
      .at(2)
      .step(0, 'udp', 'h2/eth0', 'queue', 'waits for the other fragments', { part: 0 })
      .step(0, 'udp', 'sw/p2', 'link_loss', 'loss', { part: 1480 })
      .at(3e7)
      .step(0, 'udp', 'h2/eth0', 'fragment_timeout', null, { part: 0 })
    const text = report(trace)
    expect(text).toContain('UDP datagram: LOST at sw/p2: link_loss')
    expect(text).toContain('(went in 2 fragments, of which one is shown)')
    expect(text).toContain('(1 other copy ended at h2/eth0: fragment_timeout,')
  })

  it('follows what one device hands to another without a cable', () => {
    const child = (name: string) => `02:42:0a:00:00:02 dev ${name}/eth0 macvlan mode bridge`
    const trace = sent(new Trace(), 0, 'udp')
      .at(1)
      .step(0, 'udp', 'sw/p1', 'switch', 'broadcast: flooded to 1 port')
      .step(0, 'udp', 'sw/p2', 'transmit')
      .at(2)
      .step(0, 'udp', 'h2/eth0', 'receive')
      .step(0, 'udp', 'h2/eth0', 'macvlan', child('c3'))
      .step(0, 'udp', 'h2/eth0', 'macvlan', child('c4'))
      .step(0, 'udp', 'c3/eth0', 'no_socket')
      .step(0, 'udp', 'c4/eth0', 'socket_receive', 'udp port 5001')
    const text = report(trace, DELIVERED).replace(/\s+/g, ' ')
    expect(text).toContain(`h2/eth0 arrives; macvlan: ${child('c4')}`)
    expect(text).not.toContain(child('c3'))
    expect(text).toContain('over 2 hops')
  })

  it('says how often a packet arrived, and where one still waits', () => {
    const twice = sent(new Trace(), 0, 'udp')
      .step(0, 'udp', 'h2/eth0', 'socket_receive')
      .at(1)
      .step(0, 'udp', 'h2/eth0', 'socket_receive')
    expect(report(twice, DELIVERED)).toContain('(received 2 times in all)')
    const waiting = new Trace().step(0, 'udp', 'h1/eth0', 'queue', '10.0.0.2 dev eth0 INCOMPLETE')
    expect(report(waiting)).toContain(
      'UDP datagram: still waiting at h1/eth0 (10.0.0.2 dev eth0 INCOMPLETE) when the',
    )
  })

  it('has what it cost the machines, the most first', () => {
    const stages = new Map([
      ['arp', 800_000],
      ['icmp', 1_500_000],
    ] as const)
    const text = report(sent(new Trace(), 0, 'echo-request'), {
      ...DELIVERED,
      cpu: [{ machine: 'h1', stages }],
    })
    expect(text).toContain('CPU time, with answer and ARP\n  h1: 2.3 us: icmp 1.5 us, arp 800 ns')
    expect(report(sent(new Trace(), 0, 'echo-request'), DELIVERED)).not.toContain('CPU time')
  })

  it('admits that events are missing', () => {
    const trace = sent(new Trace(), 0, 'udp')
    expect(report(trace, { missed: 1234 })).toContain('1,234 events more could not be kept')
  })

  it('fits 80 columns for every reason and long names, and colour changes no character', () => {
    for (const reason of Object.keys(DROP_REASONS) as DropReason[]) {
      const place = 'a-namespace-with-a-very-long-name/and-a-device'
      const trace = sent(new Trace(), 0, 'udp').at(1).step(0, 'udp', place, reason, 'x'.repeat(99))
      const text = report(trace)
      for (const line of text.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(80)
      expect(text).toContain(`${reason}`)
      const colored = report(trace, {}, true)
      expect(colored).not.toBe(text)
      expect(stripVTControlCharacters(colored)).toBe(text)
    }
  })
})

const SCENARIO = `
name: too-large
why: An MTU that leaves the tunnel no room, and a hop that takes less than it says.
fabric: { racks: 1, hostsPerRack: 2, links: 10Gbps }
networks: { app: { scheme: flannel, backend: vxlan } }
containers: { perHost: 1, networks: app }
workload: [{ kind: ping, from: c1, to: c2, count: 1, at: 1s }]
variants:
  fine: {}
  known: { networks: { app: { mtu: 1500 } } }
  silent: { faults: [{ node: h1, at: 0s, maxPacket: 1450 }] }
`

describe('a probe in a scenario', () => {
  const loaded = loadScenario(SCENARIO, 'too-large.yaml', builtinSchemes)

  it.each([
    ['fine', 56, 'delivered; the reply came after', 'VXLAN popped: vni 1'],
    ['known', 1472, 'Echo request LOST at h1/flannel.1: mtu_exceeded_df', 'ICMP error: delivered'],
    ['silent', 1422, 'Echo request LOST at h1/eth0: packet_too_big', 'VXLAN pushed, 50 bytes'],
  ])('%s, %i bytes', (variant, size, verdict, detail) => {
    expect(loaded.ok).toBe(true)
    const scenarios = loaded.ok ? loaded.scenarios : []
    const found = traceProbe(scenarios.find((each) => each.variant === variant)!, builtinSchemes, {
      ...outcome(new Trace()).request,
      from: 'c1',
      to: 'c2',
      size,
      dontFragment: true,
    })
    if ('problem' in found) throw new Error(found.problem)
    const text = whyReport(found, { color: false, columns: 80 })
    for (const line of text.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(80)
    const flat = text.replace(/\n */g, ' ')
    expect(flat).toContain(verdict)
    expect(flat).toContain(detail)
  })
})
