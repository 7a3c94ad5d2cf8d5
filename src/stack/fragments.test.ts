/**
 * Reassembly. The cases were tried with the same fragments on Linux 6.18: which of them are answered,
 * which are not, and what is told of them after 30 s.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { echo, piece, pieces, udp, type Wire, WireBench } from '../../test/wire-bench.ts'
import { SECOND } from '../sim/units.ts'
import type { Frame } from '../wire/frame.ts'
import type { NetNamespace } from './namespace.ts'
import { skbTruesize } from './skb.ts'

const THEM = '10.0.0.2'
const US = '10.0.0.1'

let bench: WireBench
let host: NetNamespace
let wire: Wire

function setUp(changes: ConstructorParameters<typeof WireBench>[0] = {}): void {
  bench = new WireBench(changes)
  host = bench.host()
  wire = bench.wire(host, 'eth0', `${US}/24`)
  bench.permanent(wire, THEM)
}

beforeEach(() => setUp())
afterEach(() => expect(bench.ledger.imbalance()).toBe(0))

/** An echo request of 3000 bytes of content: header, then 2992 bytes of payload. */
function request(id: number): Frame {
  return echo(THEM, US, 2992, { ipId: id })
}

/** Sends the ranges in their order. @returns how many echo replies came. */
function replies(id: number, ...ranges: readonly (readonly [number, number, boolean?])[]): number {
  const whole = request(id)
  const said = wire.say(...ranges.map(([start, end, more]) => piece(whole, start, end, more)))
  // A reply of 3000 bytes of content leaves in three fragments itself.
  return said.filter((text) => text.includes('offset 0,')).length
}

const FIRST = [0, 1480] as const
const SECOND_PART = [1480, 2960] as const
const LAST = [2960, 3000] as const

describe('a datagram is put together', () => {
  it.each([
    ['in order', [FIRST, SECOND_PART, LAST]],
    ['in reverse', [LAST, SECOND_PART, FIRST]],
    ['with its last part in the middle', [FIRST, LAST, SECOND_PART]],
  ])('%s', (_, ranges) => {
    expect(replies(1, ...ranges)).toBe(1)
    expect(bench.ledger.merged).toBe(2)
    expect(bench.drops()).toEqual({})
  })

  it('again, once its number is free', () => {
    for (let i = 0; i < 3; i++) expect(replies(1, FIRST, SECOND_PART, LAST)).toBe(1)
  })

  it.each([
    ['a fragment that is there already', [FIRST, FIRST, SECOND_PART, LAST]],
    ['a part of one that is there', [FIRST, [0, 800], SECOND_PART, LAST]],
    ['a range that lies in a row of them', [FIRST, SECOND_PART, [800, 2000], LAST]],
  ] as const)('without %s', (_, ranges) => {
    expect(replies(2, ...ranges)).toBe(1)
    expect(bench.drops()).toEqual({ duplicate_fragment: 1 })
  })

  it('and is handed over with the first fragment’s header and the largest one’s size', () => {
    const socket = host.sockets.openUdp(5000)!
    const seen: Frame[] = []
    socket.onReceive = (frame) => seen.push(frame)
    const whole = udp(THEM, US, 3000, { ipId: 9, sequence: 42, tos: 0x10 })
    const [first, second, third] = pieces(whole, 1400) as [Frame, Frame, Frame]
    first.ttl = 61
    second.ttl = 62
    wire.say(third, second, first)
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({
      ...{ l3Length: 3028, ttl: 61, tos: 0x10, sequence: 42, fragmentMax: 1396 },
      ...{ isFragment: false, badChecksum: false, sourcePort: 4000, destinationPort: 5000 },
    })
  })

  it('by source, destination, protocol and number', () => {
    bench.permanent(wire, '10.0.0.3')
    const wholes = [request(5), request(6), echo('10.0.0.3', US, 2992, { ipId: 5 })]
    const parts = wholes.map((whole) => pieces(whole, 1500))
    const mixed = [0, 1, 2].flatMap((i) => parts.map((ofWhole) => ofWhole[i]!))
    const said = wire.say(...mixed)
    expect(said.filter((text) => text.includes('offset 0,'))).toHaveLength(3)
  })
})

describe('a datagram is given up with all its fragments', () => {
  it.each([
    ['when one reaches over the end of another', [FIRST, [800, 2000], SECOND_PART, LAST], 2],
    ['when one covers another and more', [[0, 800], FIRST, SECOND_PART, LAST], 2],
    [
      'when one covers a gap and its sides',
      [
        [0, 400],
        [800, 1200],
        [0, 1200],
      ],
      3,
    ],
    ['when one lies beyond the end', [LAST, [2968, 3008, true]], 2],
    ['when two claim to be the last', [LAST, [2800, 2960, false]], 2],
    ['when one is empty', [FIRST, [1480, 1480, true]], 2],
  ] as const)('%s', (_, ranges, dropped) => {
    expect(replies(3, ...ranges)).toBe(0)
    expect(bench.drops()).toEqual({ fragment_overlap: dropped })
    // What came after it waits for a datagram of its own.
    bench.run(31)
    const waiting = ranges.length - dropped
    expect(bench.drops()['fragment_timeout'] ?? 0).toBe(waiting)
  })

  it('and the same number can be used at once', () => {
    expect(replies(4, FIRST, [800, 2000])).toBe(0)
    expect(replies(4, FIRST, SECOND_PART, LAST)).toBe(1)
  })
})

describe('after ipfrag_time', () => {
  function told(): string[] {
    return wire.take().filter((text) => text.includes('ICMP'))
  }

  it('a datagram for us ends with an ICMP error about its first fragment', () => {
    const whole = request(7)
    wire.say(piece(whole, ...FIRST))
    bench.run(20)
    // What comes later does not put the end off.
    wire.say(piece(whole, ...LAST))
    bench.run(9.9)
    expect(told()).toEqual([])
    expect(bench.ledger.held()).toBe(2)
    bench.run(0.7)
    expect(told()).toEqual(['IP 10.0.0.1 > 10.0.0.2: ICMP ip reassembly time exceeded, length 556'])
    expect(bench.drops()).toEqual({ fragment_timeout: 2 })
  })

  it('without the first fragment nobody is told', () => {
    wire.say(piece(request(8), ...SECOND_PART))
    bench.run(31)
    expect(told()).toEqual([])
    expect(bench.drops()).toEqual({ fragment_timeout: 1 })
  })

  it('fragments that are only passed on are not kept', () => {
    host.sysctls.ipForward = true
    const other = bench.wire(host, 'eth1', '10.0.1.1/24')
    bench.permanent(other, '10.0.1.2')
    wire.say(piece(echo(THEM, '10.0.1.2', 2992, { ipId: 5 }), ...FIRST))
    expect(other.take()).toEqual([
      'IP 10.0.0.2 > 10.0.1.2: ICMP fragment, id 5, flags [+], offset 0, length 1480',
    ])
  })

  it('one that a filter gathered on its way is not told of (CONNTRACK_IN)', () => {
    const transit = echo(THEM, '10.0.1.2', 2992, { ipId: 5 })
    bench.ledger.originated++
    expect(host.fragments.assemble(piece(transit, ...FIRST), wire.nic)).toBeNull()
    bench.run(31)
    expect(told()).toEqual([])
    expect(bench.drops()).toEqual({ fragment_timeout: 1 })
  })
})

describe('ipfrag_high_thresh', () => {
  it('is looked at before a fragment is taken: one goes over it, the next is dropped', () => {
    const size = skbTruesize(1514)
    setUp({ fragmentMemory: 2 * size })
    for (let id = 0; id < 5; id++) wire.say(piece(request(id), ...FIRST))
    expect(bench.drops()).toEqual({ fragment_memory: 2 })
    expect(bench.ledger.held()).toBe(3)
  })

  it('has room again when datagrams are whole, given up or out of time', () => {
    const size = skbTruesize(1514)
    setUp({ fragmentMemory: 3 * size })
    expect(replies(1, FIRST, SECOND_PART, LAST)).toBe(1)
    expect(replies(2, FIRST, SECOND_PART, [800, 2000, true], [0, 1488, true])).toBe(0)
    bench.run(31)
    wire.take()
    expect(replies(3, FIRST, SECOND_PART, LAST)).toBe(1)
    expect(bench.drops()['fragment_memory']).toBeUndefined()
  })
})

describe('a number that is used again', () => {
  /** The middle of one datagram, `between` other fragments, then first and last of the next. */
  function mixed(between: number): { said: string[]; next: Frame } {
    const old = request(300)
    const next = request(300)
    wire.say(piece(old, ...SECOND_PART))
    for (let i = 0; i < between; i++) wire.say(piece(request(1000 + i), 0, 8))
    return { said: wire.say(piece(next, ...FIRST), piece(next, ...LAST)), next }
  }

  it('soon, mixes two datagrams, and the checksum tells', () => {
    expect(mixed(63).said).toEqual([])
    expect(bench.drops()).toEqual({ icmp_checksum: 1 })
  })

  it('after more than ipfrag_max_dist fragments of the source, throws the old ones away', () => {
    const { said, next } = mixed(64)
    expect(said).toEqual([])
    expect(bench.drops()).toEqual({ fragment_too_far: 1 })
    expect(wire.say(piece(next, ...SECOND_PART))).toHaveLength(3)
  })

  it('other sources do not count', () => {
    const old = request(300)
    wire.say(piece(old, ...SECOND_PART))
    for (let i = 0; i < 100; i++) wire.say(piece(echo('10.0.0.3', US, 2992, { ipId: i }), 0, 8))
    const said = wire.say(piece(old, ...FIRST), piece(old, ...LAST))
    expect(said.filter((text) => text.includes('offset 0,'))).toHaveLength(1)
  })

  it('its timer begins anew', () => {
    wire.say(piece(request(1), ...FIRST))
    bench.run(20)
    for (let i = 0; i < 64; i++) wire.say(piece(request(1000 + i), 0, 8))
    wire.say(piece(request(1), ...FIRST))
    const start = bench.simulator.now
    bench.run(20)
    expect(bench.ledger.held()).toBeGreaterThan(0)
    while (bench.ledger.held() > 0) bench.run(0.1)
    expect((bench.simulator.now - start) / SECOND).toBeGreaterThan(30)
  })
})
