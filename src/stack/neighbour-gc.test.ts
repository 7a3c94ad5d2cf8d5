/** gc_thresh1, 2 and 3: what happens to a neighbour table that fills. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Wire, WireBench } from '../../test/wire-bench.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { KERNEL_PROFILES, type KernelProfile } from './kernel-profile.ts'
import type { NetNamespace } from './namespace.ts'

const { neighbour } = KERNEL_PROFILES['6.18']!
const SMALL: Partial<KernelProfile> = {
  neighbour: { ...neighbour, gcThresh1: 4, gcThresh2: 6, gcThresh3: 8 },
}

let bench: WireBench
let host: NetNamespace
let wire: Wire

function setUp(profile = '6.18', changes: Partial<KernelProfile> = SMALL): void {
  bench = new WireBench(changes, '1', profile)
  host = bench.host()
  wire = bench.wire(host, 'eth0', '10.0.0.1/24')
}

beforeEach(() => setUp())
afterEach(() => expect(bench.ledger.imbalance()).toBe(0))

const address = (i: number) => `10.0.0.${i + 10}`

/** A request of station `i`, which makes a STALE entry. @returns whether it was answered. */
function asks(i: number): boolean {
  return wire.say(wire.whoHas('10.0.0.1', address(i))).length === 1
}

/** A datagram to station `i`, which makes an INCOMPLETE entry where there is none. */
function sends(i: number): void {
  host.sockets.openUdp()!.sendTo(ipv4(address(i)), 9, 8)
  bench.settle()
  wire.take()
}

function answers(i: number): void {
  wire.say(wire.isAt(address(i), '10.0.0.1'))
}

/** Numbers of the stations that have an entry. */
function known(): number[] {
  return [...host.neighbours.entries()].map((entry) => (entry.address & 255) - 10)
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describe('gc_thresh3', () => {
  it('is the end: without room a packet is lost and a question not answered', () => {
    for (const i of range(0, 8)) sends(i)
    sends(8)
    expect(asks(9)).toBe(false)
    expect(bench.drops()).toEqual({ neighbour_table_full: 2 })
    expect(bench.kernel.neighbourGc.overflows).toBe(2)
    expect(known()).toEqual(range(0, 8))
  })

  it('FAILED entries make room at once', () => {
    for (const i of range(0, 8)) sends(i)
    bench.run(3.2)
    sends(8)
    // Down to gc_thresh2, the oldest first.
    expect(known()).toEqual([...range(2, 8), 8])
    bench.run(4)
  })

  it('entries that changed in the last five seconds stay', () => {
    for (const i of range(0, 8)) expect(asks(i)).toBe(true)
    bench.run(1)
    expect(asks(8)).toBe(false)
    bench.run(4.5)
    expect(asks(8)).toBe(true)
    expect(known()).toEqual([...range(2, 8), 8])
  })

  it('what a timer holds stays: REACHABLE is never taken', () => {
    for (const i of range(0, 8)) {
      sends(i)
      answers(i)
    }
    bench.run(10)
    expect(asks(8)).toBe(false)
    expect(known()).toEqual(range(0, 8))
    bench.run(40)
    expect(asks(8)).toBe(true)
  })
})

describe('gc_thresh2', () => {
  it('is exceeded for five seconds at most, where there is something to take', () => {
    for (const i of range(0, 6)) asks(i)
    bench.run(6)
    asks(6)
    // gc_thresh2 was full, and a collection due: it may take none but what is beyond.
    expect(known()).toEqual(range(1, 7))
    asks(7)
    expect(known()).toEqual(range(1, 8))
    bench.run(6)
    asks(8)
    expect(known()).toEqual([...range(2, 8), 8])
  })
})

describe('the limits', () => {
  it('are counted over all namespaces of a kernel, and each kernel for itself', () => {
    const second = bench.host('second')
    const there = bench.wire(second, 'eth0', '10.0.0.1/24')
    for (const i of range(0, 5)) asks(i)
    for (const i of range(0, 3)) there.say(there.whoHas('10.0.0.1', address(i)))
    expect(bench.kernel.neighbourGc.size).toBe(8)
    expect(asks(5)).toBe(false)
    expect(there.say(there.whoHas('10.0.0.1', address(3)))).toEqual([])
    const elsewhere = bench.host('elsewhere', bench.addKernel('other', bench.kernel.profile))
    const away = bench.wire(elsewhere, 'eth0', '10.0.0.1/24')
    expect(away.say(away.whoHas('10.0.0.1', address(0)))).toHaveLength(1)
    bench.run(6)
    // The oldest entries go, whosever they are.
    expect(there.say(there.whoHas('10.0.0.1', address(3)))).toHaveLength(1)
    expect(known()).toEqual(range(2, 5))
  })

  it('are those of the sysctls by default: 128, 512, 1024', () => {
    setUp('6.18', {})
    host.addAddress(wire.nic, { address: ipv4('10.9.0.1'), length: 16 })
    const stations = range(0, 1025).map((i) => `10.9.${1 + (i >> 8)}.${i & 255}`)
    const answered = stations.map((from) => wire.say(wire.whoHas('10.9.0.1', from)).length)
    expect(answered.filter((count) => count === 1)).toHaveLength(1024)
    expect(bench.drops()).toEqual({ neighbour_table_full: 1 })
  })
})

describe('PERMANENT entries', () => {
  const byHand = (from: number, to: number) =>
    bench.permanent(wire, ...range(from, to).map(address))

  it('do not count', () => {
    byHand(100, 200)
    expect(bench.kernel.neighbourGc.size).toBe(0)
    for (const i of range(0, 8)) expect(asks(i)).toBe(true)
    expect(asks(8)).toBe(false)
    byHand(200, 201)
    expect(known()).toHaveLength(109)
  })

  it('count again when they are given back to the protocol', () => {
    byHand(0, 8)
    for (const i of range(0, 8)) {
      host.neighbours.replace(wire.nic, ipv4(address(i)), wire.mac, 'REACHABLE')
    }
    expect(bench.kernel.neighbourGc.size).toBe(8)
    expect(asks(8)).toBe(false)
    byHand(0, 1)
    expect(asks(8)).toBe(true)
  })

  it('count before 5.0, but are never collected', () => {
    setUp('4.15')
    byHand(0, 8)
    bench.run(100)
    expect(host.neighbours.replace(wire.nic, ipv4(address(9)), wire.mac, 'PERMANENT')).toBe(false)
    expect(asks(10)).toBe(false)
    expect(known()).toEqual(range(0, 8))
  })
})

describe('before 5.0', () => {
  it('a forced collection takes all that no timer holds, however young', () => {
    setUp('4.15')
    for (const i of range(0, 5)) asks(i)
    sends(5)
    expect(known()).toEqual(range(0, 6))
    expect(asks(6)).toBe(true)
    expect(known()).toEqual([5, 6])
    bench.run(4)
  })
})

describe('the periodic collection', () => {
  it('above gc_thresh1 forgets what was not used for 60 s, within half of base_reachable_time', () => {
    for (const i of range(0, 5)) asks(i)
    bench.run(59)
    expect(known()).toEqual(range(0, 5))
    bench.run(18)
    expect(known()).toEqual([])
  })

  it('keeps what was used', () => {
    for (const i of range(0, 5)) asks(i)
    for (let i = 0; i < 6; i++) {
      sends(4)
      answers(4)
      bench.run(30)
    }
    expect(known()).toEqual([4])
  })

  it('does nothing below gc_thresh1, which counts entries by hand as well', () => {
    for (const i of range(0, 3)) asks(i)
    bench.run(3600)
    expect(known()).toEqual(range(0, 3))
    bench.permanent(wire, ...range(50, 54).map(address))
    bench.run(20)
    expect(known()).toEqual(range(50, 54))
  })

  it('forgets failed entries first', () => {
    for (const i of range(0, 5)) sends(i)
    bench.run(3.2)
    expect(known()).toHaveLength(5)
    bench.run(15)
    expect(known()).toEqual([])
  })
})
