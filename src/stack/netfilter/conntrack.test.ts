import { describe, expect, it } from 'vitest'
import { Ledger } from '../../measure/ledger.ts'
import { Simulator } from '../../sim/simulator.ts'
import { SECOND } from '../../sim/units.ts'
import {
  ETHERTYPE_IPV4,
  Frame,
  PROTOCOL_ICMP,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../../wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_ECHO, ICMP_ECHO_REPLY, IcmpMessage } from '../../wire/icmp.ts'
import { ipv4 } from '../../wire/ipv4-address.ts'
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, TcpHeader } from '../../wire/tcp.ts'
import { Kernel } from '../kernel.ts'
import { KERNEL_PROFILES } from '../kernel-profile.ts'
import { HOOK_PREROUTING, NetNamespace } from '../namespace.ts'
import { Conntrack } from './conntrack.ts'
import { trackedBy } from './conntrack-entry.ts'

const A = ipv4('10.0.0.1')
const B = ipv4('10.0.0.2')

function setUp() {
  const simulator = new Simulator('1')
  const ledger = new Ledger()
  const kernel = new Kernel(simulator, ledger, 'h1', KERNEL_PROFILES['6.18']!)
  const namespace = new NetNamespace(kernel, 'h1')
  const conntrack = new Conntrack(namespace)
  const device = namespace.loopback
  return {
    ledger,
    namespace,
    conntrack,
    wait: (seconds: number) => simulator.run(simulator.now + seconds * SECOND),
    /** A packet that nothing stops. @returns its flow with its state, or why there is none. */
    pass(frame: Frame): string {
      const tracked = conntrack.track(frame, HOOK_PREROUTING, device)
      if (tracked === null) return 'dropped'
      if (conntrack.confirm(tracked, device) === null) return 'clash'
      return String(trackedBy(tracked)?.entry ?? 'INVALID')
    },
    /** Flows in the table, as `conntrack -L` lists them. */
    list: () => [...conntrack.table.entries(simulator.now)].map(String),
  }
}

function packet(source: number, destination: number, protocol: number): Frame {
  const frame = new Frame()
  frame.etherType = ETHERTYPE_IPV4
  frame.l3Length = 60
  frame.ipSrc = source
  frame.ipDst = destination
  frame.protocol = protocol
  return frame
}

function udp(source: number, sport: number, destination: number, dport: number): Frame {
  const frame = packet(source, destination, PROTOCOL_UDP)
  frame.sourcePort = sport
  frame.destinationPort = dport
  return frame
}

function tcp(isReply: boolean, flags: number): Frame {
  const frame = isReply ? packet(B, A, PROTOCOL_TCP) : packet(A, B, PROTOCOL_TCP)
  frame.sourcePort = isReply ? 80 : 4000
  frame.destinationPort = isReply ? 4000 : 80
  frame.header = new TcpHeader(0, 0, flags, 0)
  return frame
}

function icmp(source: number, destination: number, type: number, id: number): Frame {
  const frame = packet(source, destination, PROTOCOL_ICMP)
  frame.header = new IcmpMessage(type, 0, id, 1)
  return frame
}

const FLOW = 'src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2'
const ANSWERS = 'src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1'

describe('conntrack', () => {
  it('knows a UDP flow by both directions, and a stream by its age', () => {
    const { pass, wait, list } = setUp()
    expect(pass(udp(A, 1, B, 2))).toBe(`udp ${FLOW} [UNREPLIED] ${ANSWERS}`)
    expect(pass(udp(B, 2, A, 1))).toBe(`udp ${FLOW} ${ANSWERS}`)
    wait(3)
    expect(pass(udp(A, 1, B, 2))).toBe(`udp ${FLOW} ${ANSWERS} [ASSURED]`)
    wait(119)
    expect(list()).toHaveLength(1)
    wait(1)
    expect(list()).toEqual([])
  })

  it('forgets a UDP flow that is not answered after 30 s', () => {
    const { pass, wait, conntrack } = setUp()
    pass(udp(A, 1, B, 2))
    wait(30)
    expect(pass(udp(B, 2, A, 1))).toBe(`udp ${ANSWERS} [UNREPLIED] ${FLOW}`)
    expect(conntrack.table.size).toBe(1)
  })

  it('tells pings by their identifier', () => {
    const { pass, list } = setUp()
    pass(icmp(A, B, ICMP_ECHO, 7))
    pass(icmp(A, B, ICMP_ECHO, 8))
    expect(pass(icmp(B, A, ICMP_ECHO_REPLY, 7))).toBe(
      'icmp src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=7 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=7',
    )
    expect(pass(icmp(B, A, ICMP_ECHO_REPLY, 9))).toBe('INVALID')
    expect(list()).toHaveLength(2)
  })

  it('tracks other protocols by their addresses', () => {
    const { pass } = setUp()
    expect(pass(packet(A, B, PROTOCOL_IPIP))).toBe(
      'ipip src=10.0.0.1 dst=10.0.0.2 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1',
    )
  })

  it('finds nothing to track in fragments and in what came in damaged', () => {
    const { pass, conntrack } = setUp()
    const fragment = udp(A, 1, B, 2)
    fragment.moreFragments = true
    expect(pass(fragment)).toBe('INVALID')
    const damaged = udp(A, 1, B, 2)
    damaged.badChecksum = true
    expect(pass(damaged)).toBe('INVALID')
    expect(conntrack.table.size).toBe(0)
  })

  it('enters a flow only once its packet went through', () => {
    const { conntrack, namespace } = setUp()
    const frame = conntrack.track(udp(A, 1, B, 2), HOOK_PREROUTING, namespace.loopback)!
    expect(trackedBy(frame)?.entry.isConfirmed).toBe(false)
    expect(conntrack.table.size).toBe(0)
  })

  it('does not write into a frame that others hold', () => {
    const { conntrack, namespace } = setUp()
    const frame = udp(A, 1, B, 2)
    frame.shared = true
    const copy = conntrack.track(frame, HOOK_PREROUTING, namespace.loopback)
    expect(frame.conntrack).toBe(null)
    expect(copy?.conntrack).not.toBe(null)
  })
})

describe('ICMP errors', () => {
  function errorAbout(quoted: Frame, target: number): Frame {
    const frame = icmp(ipv4('10.0.0.254'), target, ICMP_DEST_UNREACH, 0)
    frame.inner = quoted
    return frame
  }

  it('are related to the flow that they quote, and do not prolong it', () => {
    const { pass, wait, conntrack, namespace } = setUp()
    pass(udp(A, 1, B, 2))
    wait(29)
    const error = errorAbout(udp(A, 1, B, 2), A)
    const tracked = trackedBy(conntrack.track(error, HOOK_PREROUTING, namespace.loopback)!)
    expect(tracked).toMatchObject({ isRelated: true, direction: 1 })
    wait(1)
    expect(pass(errorAbout(udp(A, 1, B, 2), A))).toBe('INVALID')
  })

  it.each([
    ['a flow that is not there', () => errorAbout(udp(A, 1, B, 3), A)],
    ['a packet of somebody else', () => errorAbout(udp(A, 1, B, 2), B)],
    ['nothing', () => icmp(B, A, ICMP_DEST_UNREACH, 0)],
    [
      'a later fragment',
      () => {
        const quoted = udp(A, 1, B, 2)
        quoted.fragmentOffset = 1480
        return errorAbout(quoted, A)
      },
    ],
  ])('are invalid when they quote %s', (_, error) => {
    const { pass } = setUp()
    pass(udp(A, 1, B, 2))
    expect(pass(error())).toBe('INVALID')
  })
})

describe('TCP', () => {
  const stateAfter = (pass: (frame: Frame) => string, isReply: boolean, flags: number) =>
    pass(tcp(isReply, flags)).replace(/^tcp (\w+) .*?( \[ASSURED\])?$/, '$1$2')

  it('follows a connection from SYN to TIME_WAIT, and reopens it', () => {
    const { pass, wait, list } = setUp()
    const conversation: [boolean, number, string][] = [
      [false, TCP_SYN, 'SYN_SENT'],
      [false, TCP_SYN, 'SYN_SENT'],
      [true, TCP_SYN | TCP_ACK, 'SYN_RECV'],
      [false, TCP_ACK, 'ESTABLISHED [ASSURED]'],
      [true, TCP_ACK, 'ESTABLISHED [ASSURED]'],
      [false, TCP_SYN, 'ESTABLISHED [ASSURED]'],
      [true, TCP_SYN, 'INVALID'],
      [false, TCP_FIN | TCP_ACK, 'FIN_WAIT [ASSURED]'],
      [true, TCP_ACK, 'CLOSE_WAIT [ASSURED]'],
      [true, TCP_FIN | TCP_ACK, 'LAST_ACK [ASSURED]'],
      [false, TCP_ACK, 'TIME_WAIT [ASSURED]'],
      [false, TCP_ACK, 'TIME_WAIT [ASSURED]'],
      [false, TCP_SYN, 'SYN_SENT'],
    ]
    for (const [isReply, flags, state] of conversation) {
      expect(stateAfter(pass, isReply, flags)).toBe(state)
    }
    wait(119)
    expect(list()).toHaveLength(1)
    wait(1)
    expect(list()).toEqual([])
  })

  it('keeps an open connection for five days, a reset one for ten seconds', () => {
    const { pass, wait, list } = setUp()
    pass(tcp(false, TCP_SYN))
    pass(tcp(true, TCP_SYN | TCP_ACK))
    pass(tcp(false, TCP_ACK))
    wait(5 * 86400 - 1)
    expect(list()).toHaveLength(1)
    expect(stateAfter(pass, true, TCP_RST)).toBe('CLOSE [ASSURED]')
    wait(10)
    expect(list()).toEqual([])
  })

  it('forgets at once what was refused', () => {
    const { pass, conntrack } = setUp()
    pass(tcp(false, TCP_SYN))
    pass(tcp(true, TCP_RST | TCP_ACK))
    expect(conntrack.table.size).toBe(0)
  })

  it('takes up connections in the middle, but by nothing else than data and acknowledgements', () => {
    const { pass } = setUp()
    for (const flags of [TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST, 0]) {
      expect(pass(tcp(false, flags))).toBe('INVALID')
    }
    expect(stateAfter(pass, false, TCP_ACK)).toBe('ESTABLISHED')
  })
})

describe('a full table', () => {
  const LIMIT = 300

  /** Fills the table with flows that have lasted, which nobody may push out. */
  function filled() {
    const bed = setUp()
    bed.namespace.sysctls.nfConntrackMax = LIMIT
    for (let port = 0; port < LIMIT; port++) {
      bed.pass(udp(A, port, B, 53))
      bed.pass(udp(B, 53, A, port))
    }
    bed.wait(3)
    for (let port = 0; port < LIMIT; port++) bed.pass(udp(A, port, B, 53))
    return bed
  }

  it('drops new flows, books them, and leaves old ones alone', () => {
    const { pass, ledger, conntrack } = filled()
    expect(conntrack.table.size).toBe(LIMIT)
    expect(pass(udp(A, 1000, B, 53))).toBe('dropped')
    expect(pass(udp(A, 1001, B, 53))).toBe('dropped')
    expect(pass(udp(B, 53, A, 17))).toContain('[ASSURED]')
    expect(ledger.dropsByReason()).toEqual(new Map([['conntrack_full', 2]]))
  })

  it('has room again when flows have expired', () => {
    const { pass, wait, conntrack } = filled()
    wait(120)
    expect(pass(udp(A, 1000, B, 53))).toContain('[UNREPLIED]')
    for (let port = 1001; port < 1000 + LIMIT; port++) pass(udp(A, port, B, 53))
    expect(conntrack.table.size).toBe(LIMIT)
    expect(conntrack.table.earlyDropped).toBe(0)
  })

  it('gives up flows without answers for new ones', () => {
    const { pass, namespace, conntrack, ledger } = setUp()
    namespace.sysctls.nfConntrackMax = LIMIT
    for (let port = 0; port < 3 * LIMIT; port++) pass(udp(A, port, B, 53))
    expect(conntrack.table.size).toBeLessThanOrEqual(LIMIT)
    expect(conntrack.table.earlyDropped + conntrack.table.size).toBe(3 * LIMIT)
    expect(ledger.dropped).toBe(0)
  })

  it('finds every flow again after it grew', () => {
    const { pass, conntrack } = setUp()
    for (let port = 0; port < 5000; port++) pass(udp(A, port, B, 53))
    for (let port = 0; port < 5000; port++) {
      expect(pass(udp(B, 53, A, port))).not.toContain('[UNREPLIED]')
    }
    expect(conntrack.table.size).toBe(5000)
  })
})
