/** Memory of UDP sockets: what they have on the way out, and what waits for their reader. */
import { beforeEach, describe, expect, it } from 'vitest'
import { CabledHosts, wireTime } from '../../test/cabled-hosts.ts'
import { DeviceBench } from '../../test/device-bench.ts'
import { flatCosts, testCosts } from '../../test/test-costs.ts'
import { WireBench } from '../../test/wire-bench.ts'
import { STAGE_COPY_OUT, STAGE_SYSCALL_RECEIVE } from '../cpu/stage.ts'
import { MICROSECOND, NANOSECOND, SECOND } from '../sim/units.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { KERNEL_PROFILES } from './kernel-profile.ts'
import { skbTruesize } from './skb.ts'
import { withSysctls } from './sysctl.ts'
import type { UdpSocket } from './udp-socket.ts'

const PORT = 5000
const BYTES = 1400
/** Of a datagram of 1400 bytes. */
const TRUESIZE = 2304
const BUFFER = 212992

/** Sends until the socket refuses. @returns how many went. */
function fill(socket: UdpSocket, to: number, bytes = BYTES): number {
  let sent = 0
  for (;;) {
    const error = socket.sendTo(to, PORT, bytes, sent)
    if (error === 'EAGAIN') return sent
    expect(error).toBeNull()
    sent++
  }
}

describe('SO_SNDBUF', () => {
  let bench: CabledHosts
  let socket: UdpSocket
  let received: number

  beforeEach(() => {
    bench = new CabledHosts().fixNeighbours()
    socket = bench.a.namespace.sockets.openUdp()!
    received = 0
    bench.b.namespace.sockets.openUdp(PORT)!.onReceive = () => received++
  })

  it('takes datagrams until their memory has reached it, then says EAGAIN', () => {
    expect(skbTruesize(BYTES + 42)).toBe(TRUESIZE)
    const sent = fill(socket, bench.b.address)
    expect(sent).toBe(Math.ceil(BUFFER / TRUESIZE))
    expect([socket.sendBufferUsed, socket.isBlocked]).toEqual([sent * TRUESIZE, true])
    // What was refused was never made.
    expect(bench.ledger.originated).toBe(sent)
    bench.simulator.run(SECOND)
    expect(received).toBe(sent)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('tells the sender when half of it is free, which is when half has left the NIC', () => {
    const sent = fill(socket, bench.b.address)
    const told: number[] = []
    socket.onWritable = () => told.push(bench.simulator.now)
    bench.simulator.run(SECOND)
    expect(told).toHaveLength(1)
    const departure = wireTime(BYTES + 28) - 5 * MICROSECOND
    const left = told[0]! / departure
    expect(left).toBeGreaterThanOrEqual(Math.floor(sent / 2))
    expect(left).toBeLessThanOrEqual(Math.ceil(sent / 2) + 1)
    expect(socket.isBlocked).toBe(false)
    expect(fill(socket, bench.b.address)).toBe(sent)
  })

  it('looks what has left meanwhile before it refuses', () => {
    fill(socket, bench.b.address)
    bench.simulator.run(SECOND)
    const sent = fill(socket, bench.b.address)
    bench.simulator.run(2 * SECOND)
    expect(sent).toBe(Math.ceil(BUFFER / TRUESIZE))
    expect(socket.sendTo(bench.b.address, PORT, BYTES)).toBeNull()
  })

  it('gets back what was cut, dropped on the way or refused, to the last byte', () => {
    fill(socket, bench.b.address, 4000)
    bench.simulator.run(SECOND)
    socket.pmtuDiscovery = 'do'
    expect(socket.sendTo(bench.b.address, PORT, 4000)).toBe('EMSGSIZE')
    socket.pmtuDiscovery = 'want'
    socket.sendTo(ipv4('10.0.0.77'), PORT, 100)
    bench.simulator.run(10 * SECOND)
    // The NIC's completions are lazy: the next transmission looks.
    socket.transmitter!.reap()
    expect(socket.sendBufferUsed).toBe(0)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('is net.core.wmem_default', () => {
    const profile = KERNEL_PROFILES['6.18']!
    const sysctls = new Map([['net.core.wmem_default', `${5 * TRUESIZE + 1}`]])
    const wires = new WireBench(withSysctls(profile, sysctls))
    const host = wires.host()
    wires.permanent(wires.wire(host, 'eth0', '10.0.0.1/24'), '10.0.0.2')
    expect(fill(host.sockets.openUdp()!, ipv4('10.0.0.2'))).toBe(6)
  })

  it('does not hold back who sends over veth: another stack has it at once', () => {
    const veths = new DeviceBench()
    const [a, b] = [veths.namespace('a'), veths.namespace('b')]
    veths.join(a, b, { a: '10.0.0.1/24', b: '10.0.0.2/24' })
    veths.ping(a, '10.0.0.2')
    const sender = a.sockets.openUdp()!
    let count = 0
    b.sockets.openUdp(PORT)!.onReceive = () => count++
    for (let i = 0; i < 1000; i++) expect(sender.sendTo(ipv4('10.0.0.2'), PORT, BYTES)).toBeNull()
    expect([count, sender.sendBufferUsed]).toEqual([1000, 0])
  })
})

describe('SO_RCVBUF of a socket on a machine', () => {
  function receiver() {
    const bench = new DeviceBench('6.18', 'receiver', flatCosts(1))
    const [a, b] = [bench.namespace('a'), bench.namespace('b')]
    bench.join(a, b, { a: '10.0.0.1/24', b: '10.0.0.2/24' })
    const socket = b.sockets.openUdp(PORT)!
    const send = (count: number) => {
      const from = a.sockets.openUdp()!
      let sequence = 0
      const step = () => {
        from.sendTo(ipv4('10.0.0.2'), PORT, BYTES, sequence++)
        return sequence < count
      }
      a.kernel.task('sender', step, 0).wake()
      bench.run()
    }
    return { bench, b, socket, send }
  }

  it('keeps datagrams for the reader, who is told of each, and drops what is too much', () => {
    const { bench, socket, send } = receiver()
    let told = 0
    socket.onReadable = () => told++
    send(200)
    const kept = Math.floor(BUFFER / TRUESIZE) + 1
    expect([told, socket.queued]).toEqual([kept, kept])
    expect(bench.drops()).toEqual({ socket_buffer: 200 - kept })
    expect(bench.ledger.held()).toBe(kept)
    expect([bench.ledger.delivered, bench.ledger.imbalance()]).toEqual([0, 0])
  })

  it('gives them out in order, each charged as a system call and a copy', () => {
    const { bench, b, socket, send } = receiver()
    send(3)
    const { machine } = bench.kernel
    const got: number[] = []
    const step = () => {
      const frame = socket.receive()
      if (frame !== null) got.push(frame.sequence)
      return frame !== null
    }
    b.kernel.task('reader', step, 1).wake()
    bench.run()
    expect(got).toEqual([0, 1, 2])
    const { account } = machine!.cores[1]!
    expect(account[STAGE_SYSCALL_RECEIVE]).toBe(3 * NANOSECOND)
    expect(account[STAGE_COPY_OUT]).toBe(3 * NANOSECOND)
    expect([bench.ledger.delivered, bench.ledger.held()]).toEqual([3, 0])
    expect(machine!.unaccounted).toBe(0)
  })

  it('takes from it what a closed socket still had', () => {
    const { bench, b, socket, send } = receiver()
    send(2)
    socket.close()
    expect(bench.drops()).toEqual({ no_socket: 2 })
    expect(bench.ledger.imbalance()).toBe(0)
    expect(b.sockets.openUdp(PORT)).not.toBeNull()
  })

  it('overflows when the reader is slower than what comes (receive livelock)', () => {
    const costs = testCosts({ unit: { udp_send: 1000, syscall_receive: 4000 } })
    const bench = new DeviceBench('6.18', 'slow', costs)
    const [a, b] = [bench.namespace('a'), bench.namespace('b')]
    bench.join(a, b, { a: '10.0.0.1/24', b: '10.0.0.2/24' })
    const socket = b.sockets.openUdp(PORT)!
    let read = 0
    const reader = b.kernel.task('reader', () => socket.receive() !== null && ++read > 0, 1)
    socket.onReadable = () => reader.wake()
    const from = a.sockets.openUdp()!
    let sent = 0
    const step = () => from.sendTo(ipv4('10.0.0.2'), PORT, BYTES) === null && ++sent < 4000
    a.kernel.task('sender', step, 0).wake()
    bench.run()
    expect(sent).toBe(4000)
    // A quarter is read in time, and what the buffer holds at the end.
    expect(read).toBeGreaterThan(1000)
    expect(read).toBeLessThan(1000 + BUFFER / TRUESIZE + 3)
    expect(bench.drops()['socket_buffer']).toBe(sent - read)
    expect(bench.ledger.imbalance()).toBe(0)
  })
})
