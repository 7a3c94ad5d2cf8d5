/** The states of a neighbour and their timers, with the defaults of net/core/neighbour.c. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { udp, type Wire, WireBench } from '../../test/wire-bench.ts'
import { SECOND } from '../sim/units.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import type { NetNamespace } from './namespace.ts'
import type { Neighbour } from './neighbour.ts'
import type { UdpSocket } from './udp-socket.ts'

const THEM = '10.0.0.2'
const US = '10.0.0.1'
const STEP = 0.004
/** The timer wheel rounds up: up to 16 s by 64 jiffies of 4 ms, beyond by 512. */
const ROUNDING = 2.048

let bench: WireBench
let host: NetNamespace
let wire: Wire
let socket: UdpSocket

function setUp(seed = '1'): void {
  bench = new WireBench({}, seed)
  host = bench.host()
  wire = bench.wire(host, 'eth0', `${US}/24`)
  socket = host.sockets.openUdp(4000)!
}

beforeEach(() => setUp())
afterEach(() => expect(bench.ledger.imbalance()).toBe(0))

function send(): void {
  expect(socket.sendTo(ipv4(THEM), 9, 8)).toBeNull()
  bench.settle()
}

function entry(): Neighbour {
  return host.neighbours.lookup(wire.nic, ipv4(THEM))!
}

function resolve(): void {
  send()
  wire.say(wire.isAt(THEM, US))
  expect(entry().state).toBe('REACHABLE')
}

/** Runs until the state is another. @returns seconds that this took. */
function untilChange(most = 60): number {
  const { state } = entry()
  const start = bench.simulator.now
  while (entry().state === state) {
    if (bench.simulator.now - start > most * SECOND) throw new Error(`still ${state}`)
    bench.run(STEP)
  }
  return (bench.simulator.now - start) / SECOND
}

function stale(): void {
  resolve()
  untilChange()
  expect(entry().state).toBe('STALE')
}

const BROADCAST_REQUEST =
  '02:00:00:00:01:01 > ff:ff:ff:ff:ff:ff, ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 42'
const UNICAST_REQUEST =
  '02:00:00:00:01:01 > 02:00:00:00:0a:01, ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 42'
const DATAGRAM = 'IP 10.0.0.1.4000 > 10.0.0.2.9: UDP, length 8'

describe('INCOMPLETE', () => {
  it('asks three times, then FAILED: what waited is told of', () => {
    const errors: string[] = []
    socket.onError = ({ type, code }) => errors.push(`${type}/${code}`)
    send()
    send()
    expect(entry().state).toBe('INCOMPLETE')
    expect(bench.ledger.held()).toBe(2)
    const took = untilChange()
    expect(took).toBeGreaterThan(3)
    expect(took).toBeLessThan(3.1)
    expect(entry().state).toBe('FAILED')
    expect(wire.take()).toEqual(new Array(3).fill(BROADCAST_REQUEST))
    expect(errors).toEqual(['3/1', '3/1'])
    expect(bench.drops()).toEqual({ neighbour_failed: 2 })
  })

  it('FAILED begins anew with the next packet', () => {
    send()
    untilChange()
    wire.take()
    send()
    expect(entry().state).toBe('INCOMPLETE')
    expect(wire.take()).toEqual([BROADCAST_REQUEST])
    wire.say(wire.isAt(THEM, US))
    expect(entry().state).toBe('REACHABLE')
  })

  it('tells the sender of a packet that is passed on', () => {
    host.sysctls.ipForward = true
    const other = bench.wire(host, 'eth1', '10.0.1.1/24')
    bench.permanent(other, '10.0.1.2')
    other.say(udp('10.0.1.2', THEM, 8))
    bench.run(3.1)
    expect(other.take()).toEqual([
      'IP 10.0.1.1 > 10.0.1.2: ICMP host 10.0.0.2 unreachable, length 44',
    ])
  })

  it('an answer lets all go in their order', () => {
    for (let i = 0; i < 5; i++) socket.sendTo(ipv4(THEM), 9, 8, i)
    bench.settle()
    expect(wire.take()).toEqual([BROADCAST_REQUEST])
    const sent = wire.exchange(wire.isAt(THEM, US))
    expect(sent.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4])
    expect(bench.ledger.held()).toBe(0)
  })

  it('a request of the neighbour lets all go as well, but is no proof: DELAY', () => {
    send()
    wire.take()
    const [datagram, answer] = wire.say(wire.whoHas(US, THEM))
    expect(datagram).toBe(DATAGRAM)
    expect(answer).toContain('Reply 10.0.0.1 is-at')
    expect(entry().state).toBe('DELAY')
  })

  it('that is removed loses what waited, without an error', () => {
    const errors: number[] = []
    socket.onError = ({ type }) => errors.push(type)
    send()
    host.neighbours.flush(() => true)
    bench.run(4)
    expect(errors).toEqual([])
    expect(wire.take()).toEqual([BROADCAST_REQUEST])
    expect(bench.drops()).toEqual({ neighbour_dead: 1 })
    // The socket's cached entry is dead: it asks for a new one.
    send()
    expect(wire.take()).toEqual([BROADCAST_REQUEST])
  })
})

describe('REACHABLE', () => {
  it('lasts a random time of 15 to 45 s, each machine its own; then STALE', () => {
    const times = Array.from({ length: 60 }, (_, seed) => {
      setUp(String(seed))
      resolve()
      const took = untilChange()
      expect(entry().state).toBe('STALE')
      expect(bench.ledger.imbalance()).toBe(0)
      return took
    })
    expect(Math.min(...times)).toBeGreaterThan(15)
    expect(Math.max(...times)).toBeLessThan(45 + ROUNDING + STEP)
    expect(Math.min(...times)).toBeLessThan(20)
    expect(Math.max(...times)).toBeGreaterThan(40)
  })

  it('is longer by each answer, and not by packets that are sent', () => {
    resolve()
    for (let i = 0; i < 10; i++) {
      bench.run(14)
      wire.say(wire.isAt(THEM, US))
      expect(entry().state).toBe('REACHABLE')
    }
    const start = bench.simulator.now
    while (entry().state === 'REACHABLE') {
      send()
      bench.run(0.1)
    }
    expect((bench.simulator.now - start) / SECOND).toBeLessThan(45 + ROUNDING + 0.2)
    expect(wire.take()).not.toContain(UNICAST_REQUEST)
  })

  it('is the same for all neighbours of a device, and drawn anew after 300 s', () => {
    const time = host.neighbours.reachableTime(wire.nic)
    expect(time).toBeGreaterThanOrEqual(15 * SECOND)
    expect(time).toBeLessThan(45 * SECOND)
    bench.run(300)
    expect(host.neighbours.reachableTime(wire.nic)).toBe(time)
    bench.run(1)
    expect(host.neighbours.reachableTime(wire.nic)).not.toBe(time)
  })
})

describe('STALE', () => {
  it('stays so while nobody uses it', () => {
    stale()
    bench.run(3600)
    expect(entry().state).toBe('STALE')
    expect(wire.take()).toEqual([])
  })

  it('is used at once; nobody confirms: after 5 s three unicast questions, then FAILED', () => {
    stale()
    wire.take()
    send()
    expect(wire.take()).toEqual([DATAGRAM])
    expect(entry().state).toBe('DELAY')
    const delay = untilChange()
    expect(delay).toBeGreaterThan(5)
    expect(delay).toBeLessThan(5.27)
    expect(entry().state).toBe('PROBE')
    expect(wire.take()).toEqual([UNICAST_REQUEST])
    // What is sent meanwhile goes where it went before.
    send()
    expect(wire.take()).toEqual([DATAGRAM])
    const probing = untilChange()
    expect(probing).toBeGreaterThan(3)
    expect(probing).toBeLessThan(3.1)
    expect(entry().state).toBe('FAILED')
    expect(wire.take()).toEqual([UNICAST_REQUEST, UNICAST_REQUEST])
    send()
    expect(wire.take()).toEqual([BROADCAST_REQUEST])
  })

  it('in DELAY an answer makes it REACHABLE, and nothing is asked', () => {
    stale()
    send()
    bench.run(1)
    wire.take()
    wire.say(wire.isAt(THEM, US))
    expect(entry().state).toBe('REACHABLE')
    bench.run(10)
    expect(wire.take()).toEqual([])
  })

  it('in PROBE an answer makes it REACHABLE', () => {
    stale()
    send()
    untilChange()
    wire.take()
    expect(wire.say(wire.isAt(THEM, US))).toEqual([])
    expect(entry().state).toBe('REACHABLE')
    bench.run(3)
    expect(wire.take()).toEqual([])
  })

  it('in PROBE an answer by another station counts after a second (locktime)', () => {
    stale()
    send()
    untilChange()
    const sender = 0x020000000033
    wire.say(wire.isAt(THEM, US, { sender }))
    expect(entry().toString()).toBe('10.0.0.2 dev eth0 lladdr 02:00:00:00:0a:01 PROBE')
    bench.run(1.01)
    wire.say(wire.isAt(THEM, US, { sender }))
    expect(entry().toString()).toBe('10.0.0.2 dev eth0 lladdr 02:00:00:00:00:33 REACHABLE')
  })
})

describe('entries by hand', () => {
  it('PERMANENT is used without question, and no packet changes it', () => {
    bench.permanent(wire, THEM)
    send()
    bench.run(100)
    wire.say(wire.isAt(THEM, US, { sender: 0x020000000033 }))
    wire.say(wire.whoHas(THEM, THEM, { sender: 0x020000000033 }))
    expect(entry().toString()).toBe('10.0.0.2 dev eth0 lladdr 02:00:00:00:0a:01 PERMANENT')
  })

  it('PERMANENT survives a flush, unless the device goes', () => {
    bench.permanent(wire, THEM)
    host.neighbours.flush(() => true)
    expect(entry().state).toBe('PERMANENT')
    host.removeDevice(wire.nic)
    expect([...host.neighbours.entries()]).toEqual([])
  })

  it('an entry that is replaced lets go what waited', () => {
    send()
    wire.take()
    bench.permanent(wire, THEM)
    bench.settle()
    expect(wire.take()).toEqual([DATAGRAM])
    bench.run(5)
    expect(wire.take()).toEqual([])
  })

  it('a device without ARP asks nobody', () => {
    wire.nic.noArp = true
    send()
    expect(entry().state).toBe('NOARP')
    expect(wire.take()).toEqual([DATAGRAM])
  })
})
