import { describe, expect, it } from 'vitest'
import { CabledHosts, costsOf, WAKEUP_LATENCY, wireTime } from '../../test/cabled-hosts.ts'
import { STAGE_SYSCALL_SEND } from '../cpu/stage.ts'
import { MICROSECOND, MILLISECOND } from '../sim/units.ts'
import { BROADCAST_MAC } from '../wire/mac-address.ts'
import { Macof } from './macof.ts'
import { Ping } from './ping.ts'
import { UdpStream } from './udp.ts'
import { UdpRequestResponse } from './udp-rr.ts'
import type { Workload } from './workload.ts'

const SEND = 4 * MICROSECOND
const RECEIVE = 8 * MICROSECOND

/** Sending a datagram takes 4 us, reading one 8 us. */
function machines(): CabledHosts {
  return new CabledHosts(
    '1',
    costsOf({ syscall_send: 4000, syscall_receive: 8000 }),
  ).fixNeighbours()
}

function base(hosts: CabledHosts) {
  const { a, b, simulator } = hosts
  return {
    simulator,
    name: 'load',
    at: MILLISECOND,
    pairs: [{ from: a.namespace, to: b.namespace, destination: b.address }],
  }
}

function run<W extends Workload>(hosts: CabledHosts, workload: W): ReturnType<W['result']> {
  workload.start()
  hosts.simulator.run(workload.endsAt)
  expect(hosts.ledger.imbalance()).toBe(0)
  expect(hosts.unaccounted).toBe(0)
  return workload.result(hosts.simulator.now) as ReturnType<W['result']>
}

describe('a UDP stream between machines', () => {
  const options = {
    duration: 10 * MILLISECOND,
    size: 100,
    port: 5001,
    linger: 3 * MILLISECOND,
  }

  it('takes the sender’s call, the wire, a wake-up and the reader’s call', () => {
    const hosts = machines()
    const result = run(hosts, new UdpStream({ ...base(hosts), ...options, packetRate: 1000 }))
    expect(result).toMatchObject({ sent: 10, delivered: 10, lost: 0, jitter: 0 })
    const latency = SEND + wireTime(128) + WAKEUP_LATENCY + RECEIVE
    expect(result.latency).toMatchObject({ min: latency, max: latency })
    expect(result.cores).toMatchObject({
      senders: [{ host: 'a', task: 'load client a', share: (10 * SEND) / (10 * MILLISECOND) }],
      receivers: [{ host: 'b', task: 'load server b', share: (10 * RECEIVE) / (10 * MILLISECOND) }],
    })
  })

  it('is as fast as the slower end when the pace asks for more', () => {
    const hosts = machines()
    const result = run(hosts, new UdpStream({ ...base(hosts), ...options, packetRate: 1e6 }))
    expect(result.offeredPacketsPerSecond).toBeCloseTo(1e12 / SEND, -3)
    expect(result.packetsPerSecond).toBeLessThanOrEqual(1e12 / RECEIVE)
    expect(result.packetsPerSecond).toBeGreaterThan(0.98 * (1e12 / RECEIVE))
    expect(result.requestedPacketsPerSecond).toBe(1e6)
    expect(result.cores!.senders[0]!.share).toBeGreaterThan(0.98)
    expect(result.cores!.receivers[0]!.share).toBeGreaterThan(0.98)
    expect(hosts.ledger.dropsByReason().get('socket_buffer')).toBe(result.lost)
  })

  it('catches up after a delay, as a sender by the clock does', () => {
    const hosts = new CabledHosts('1', costsOf({ syscall_send: 4000 })).fixNeighbours()
    const { simulator } = hosts
    const { kernel } = hosts.a.namespace
    // Another thread on the sender's core: the two take turns.
    const other = kernel.task(
      'other',
      () => {
        kernel.spend(STAGE_SYSCALL_SEND)
        return simulator.now < 3 * MILLISECOND
      },
      0,
    )
    simulator.callAt(MILLISECOND, () => other.wake())
    const stream = new UdpStream({ ...base(hosts), ...options, packetRate: 2e5, senderCore: 0 })
    stream.start()
    simulator.run(3 * MILLISECOND)
    // Of 400 that were due, half the core's time has sent 250.
    expect(Math.abs(stream.result(simulator.now).sent - 250)).toBeLessThanOrEqual(2)
    simulator.run(stream.endsAt)
    expect(stream.result(simulator.now)).toMatchObject({ sent: 2000, delivered: 2000 })
  })

  it('sends all that the socket takes when no rate is given', () => {
    const hosts = machines()
    const options64 = { ...options, size: 64, packetRate: Infinity }
    const result = run(hosts, new UdpStream({ ...base(hosts), ...options64 }))
    expect(result.requested).toBeNull()
    expect(result.sent).toBe(Math.ceil((10 * MILLISECOND) / SEND))
    expect(result.window.end).toBe(11 * MILLISECOND)
  })

  it('is held to the rate of the link by its send buffer', () => {
    const hosts = new CabledHosts('1', costsOf({ syscall_send: 100 })).fixNeighbours()
    const large = { ...options, size: 1472, packetRate: Infinity }
    const result = run(hosts, new UdpStream({ ...base(hosts), ...large }))
    expect(result).toMatchObject({ refused: 0, lost: 0 })
    expect(hosts.ledger.dropsByReason().size).toBe(0)
    const linkRate = 1e12 / (wireTime(1500) - 5 * MICROSECOND)
    expect(result.packetsPerSecond).toBeGreaterThan(0.98 * linkRate)
    expect(result.packetsPerSecond).toBeLessThanOrEqual(linkRate)
  })

  it('has no highest rate where work takes no time', () => {
    const hosts = new CabledHosts()
    const make = () => new UdpStream({ ...base(hosts), ...options, packetRate: Infinity })
    expect(make).toThrow('highest packet rate')
  })

  it('runs where it is pinned', () => {
    const hosts = machines()
    const pinned = { senderCore: 1, receiverCore: 1, packetRate: 1000 }
    const { cores } = run(hosts, new UdpStream({ ...base(hosts), ...options, ...pinned }))
    expect([cores!.senders[0]!.core, cores!.receivers[0]!.core]).toEqual([1, 1])
    expect(hosts.a.namespace.kernel.machine!.cores[0]!.busy).toBe(0)
  })
})

describe('UDP requests between machines', () => {
  const options = {
    duration: 10 * MILLISECOND,
    size: 10,
    replySize: 10,
    timeout: 5 * MILLISECOND,
    port: 12865,
  }
  /** A call that sends and one that reads, at each end, after a wake-up there. */
  const turn = 2 * (SEND + wireTime(46) + WAKEUP_LATENCY + RECEIVE)

  it('take two calls and a wake-up at each end', () => {
    const hosts = machines()
    const result = run(
      hosts,
      new UdpRequestResponse({ ...base(hosts), ...options, outstanding: 1 }),
    )
    expect(result.rtt).toMatchObject({ min: turn, max: turn })
    expect(result).toMatchObject({ lost: 0, timeouts: 0, refused: 0, partial: false })
    expect(result.transactionsPerSecond).toBeCloseTo(1e12 / turn, -3)
  })

  it('keep the busier end busy when there are enough of them', () => {
    const hosts = machines()
    const result = run(
      hosts,
      new UdpRequestResponse({ ...base(hosts), ...options, outstanding: 50 }),
    )
    expect(result.transactionsPerSecond).toBeCloseTo(1e12 / (SEND + RECEIVE), -4)
    expect(result.cores!.receivers[0]!.share).toBeGreaterThan(0.95)
  })

  it('block on a full send buffer and lose nothing', () => {
    const hosts = machines()
    const large = { ...options, replySize: 9000, outstanding: 100, timeout: MILLISECOND * 100 }
    const result = run(hosts, new UdpRequestResponse({ ...base(hosts), ...large }))
    expect(result).toMatchObject({ lost: 0, refused: 0, timeouts: 0 })
    expect(result.goodput).toBeGreaterThan(0.9e9)
  })

  it('are given up by the clock', () => {
    const hosts = machines()
    const pairs = [{ from: hosts.a.namespace, to: null, destination: hosts.b.address }]
    const workload = new UdpRequestResponse({ ...base(hosts), ...options, pairs, outstanding: 2 })
    expect(run(hosts, workload)).toMatchObject({ delivered: 0, timeouts: 4, sent: 4 })
  })
})

it('ping on a machine reads the time of arrival, not of reading', () => {
  const hosts = machines()
  const options = { count: 3, interval: MILLISECOND, size: 56, timeout: MILLISECOND }
  const result = run(hosts, new Ping({ ...base(hosts), ...options }))
  expect(result).toMatchObject({ sent: 3, delivered: 3, partial: false })
  expect(result.rtt).toMatchObject({ min: SEND + 2 * wireTime(84), max: SEND + 2 * wireTime(84) })
  expect(result.cores!.senders).toHaveLength(1)
})

it('frames below IP are sent by a thread, which may be late', () => {
  const hosts = machines()
  const workload = new Macof({
    simulator: hosts.simulator,
    name: 'macof',
    devices: [hosts.a.nic],
    destination: BROADCAST_MAC,
    at: MILLISECOND,
    packetRate: 1e6,
    count: 100,
    macs: null,
  })
  workload.start()
  hosts.simulator.run(MILLISECOND + 50 * SEND)
  expect(workload.result(hosts.simulator.now)).toMatchObject({ sent: 50, partial: true })
  hosts.simulator.run(2 * MILLISECOND)
  expect(workload.result(hosts.simulator.now)).toMatchObject({ sent: 100, partial: false })
  expect(hosts.unaccounted).toBe(0)
})
