/** What datagram sockets make of a path: DF, fragments and the errors of system calls, as on Linux 6.18. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fragNeeded, udp, type Wire, WireBench } from '../../test/wire-bench.ts'
import { ipv4, prefix } from '../wire/ipv4-address.ts'
import type { PmtuDiscovery } from './datagram.ts'
import type { NetNamespace } from './namespace.ts'
import type { RouteType } from './route-table.ts'
import type { UdpSocket } from './udp-socket.ts'

const THEM = '10.0.0.2'
const US = '10.0.0.1'

let bench: WireBench
let host: NetNamespace
let wire: Wire
let socket: UdpSocket

beforeEach(() => {
  bench = new WireBench()
  host = bench.host()
  wire = bench.wire(host, 'eth0', `${US}/24`)
  bench.permanent(wire, THEM)
  socket = host.sockets.openUdp(4000)!
})
afterEach(() => expect(bench.ledger.imbalance()).toBe(0))

/** @returns the error of the call, or lengths and DF of what left. */
function send(bytes: number, mode: PmtuDiscovery = 'want', to = THEM): string {
  socket.pmtuDiscovery = mode
  const error = socket.sendTo(ipv4(to), 9, bytes)
  bench.settle()
  const sent = wire.frames().map((frame) => `${frame.l3Length}${frame.dontFragment ? ' DF' : ''}`)
  if (error !== null) expect(sent).toEqual([])
  return error ?? sent.join(', ')
}

describe('IP_MTU_DISCOVER', () => {
  it.each([
    ['want', 1472, '1500 DF'],
    ['want', 1473, '1500, 21'],
    ['want', 4000, '1500, 1500, 1068'],
    ['do', 1472, '1500 DF'],
    ['do', 1473, 'EMSGSIZE'],
    ['dont', 100, '128'],
    ['dont', 1473, '1500, 21'],
  ] as const)('%s: %i bytes leave as %s', (mode, bytes, sent) => {
    expect(send(bytes, mode)).toBe(sent)
  })

  it.each([
    ['want', 1372, '1400 DF'],
    ['want', 1373, '1396, 25'],
    ['do', 1372, '1400 DF'],
    ['do', 1373, 'EMSGSIZE'],
    ['dont', 1373, '1396, 25'],
  ] as const)('%s: %i bytes on a path of 1400 leave as %s', (mode, bytes, sent) => {
    expect(send(1472)).toBe('1500 DF')
    wire.say(fragNeeded(THEM, udp(US, THEM, 1472), 1400))
    expect(socket.mtu(ipv4(THEM))).toBe(1400)
    expect(send(bytes, mode)).toBe(sent)
  })

  it('the first datagram is lost on a path that is narrower, the next is cut, and later one is whole', () => {
    const errors: number[] = []
    socket.onError = ({ mtu }) => errors.push(mtu)
    expect(send(1472)).toBe('1500 DF')
    wire.say(fragNeeded('10.0.0.9', udp(US, THEM, 1472), 1400))
    expect(errors).toEqual([1400])
    expect(send(1472)).toBe('1396, 124')
    bench.run(601)
    expect(send(1472)).toBe('1500 DF')
  })

  it('the number of a packet that nobody may cut is 0; others count up', () => {
    const ids = (['do', 'do', 'want', 'want', 'dont'] as const).map((mode) => {
      socket.pmtuDiscovery = mode
      socket.sendTo(ipv4(THEM), 9, 8)
      bench.settle()
      return wire.frames()[0]!.ipId
    })
    expect(ids.slice(0, 2)).toEqual([0, 0])
    expect(ids[3]).toBe((ids[2]! + 1) & 0xffff)
    expect(ids[4]).toBe((ids[3]! + 1) & 0xffff)
  })
})

describe('the longest datagram', () => {
  it.each(['want', 'do', 'dont'] as const)('%s: 65507 bytes, and not one more', (mode) => {
    if (mode !== 'do') expect(send(65507, mode).split(', ')).toHaveLength(45)
    expect(send(65508, mode)).toBe('EMSGSIZE')
    expect(bench.drops()).toEqual({})
  })

  it('goes whole to ourselves', () => {
    let received = 0
    host.sockets.openUdp(9)!.onReceive = (frame) => {
      received = frame.l3Length
    }
    expect(send(65507, 'do', US)).toBe('')
    expect(received).toBe(65535)
  })
})

describe('errors of the call', () => {
  it('ENETUNREACH without a route, and nothing is in the books', () => {
    const before = bench.ledger.originated
    expect(send(8, 'want', '8.8.8.8')).toBe('ENETUNREACH')
    expect(bench.ledger.originated).toBe(before)
  })

  it.each([
    ['unreachable', 'EHOSTUNREACH'],
    ['prohibit', 'EACCES'],
    ['blackhole', 'EINVAL'],
  ] as readonly [RouteType, string][])('a route of type %s: %s', (type, error) => {
    host.routes.add({ destination: prefix('10.1.0.0/16'), type })
    expect(send(8, 'want', '10.1.2.3')).toBe(error)
  })

  it('the route that a socket keeps is looked up again when the table changes', () => {
    expect(send(8, 'want', '8.8.8.8')).toBe('ENETUNREACH')
    host.routes.add({ destination: prefix('0.0.0.0/0'), via: ipv4(THEM) })
    expect(send(8, 'want', '8.8.8.8')).toBe('36 DF')
    host.routes.delete(prefix('0.0.0.0/0'))
    expect(send(8, 'want', '8.8.8.8')).toBe('ENETUNREACH')
  })

  it('an address that becomes ours is reached here at once', () => {
    host.routes.add({ destination: prefix('0.0.0.0/0'), via: ipv4(THEM) })
    expect(send(8, 'want', '8.8.8.8')).toBe('36 DF')
    const own = { address: ipv4('8.8.8.8'), length: 32 }
    host.addAddress(wire.nic, own)
    expect(send(8, 'want', '8.8.8.8')).toBe('')
    host.removeAddress(wire.nic, own)
    expect(send(8, 'want', '8.8.8.8')).toBe('36 DF')
    expect(bench.drops()).toEqual({ no_socket: 1 })
  })
})

describe('the source address', () => {
  const from = (to: string) => {
    bench.permanent(wire, to)
    socket.sendTo(ipv4(to), 9, 8)
    bench.settle()
    return wire.frames()[0]!.ipSrc
  }

  it('is that of the subnet, of the gateway’s subnet, or of the route', () => {
    host.addAddress(wire.nic, { address: ipv4('10.5.0.1'), length: 24 })
    bench.permanent(wire, '10.5.0.9')
    host.routes.add({ destination: prefix('172.16.0.0/16'), via: ipv4('10.5.0.9') })
    host.routes.add({
      ...{ destination: prefix('172.17.0.0/16'), via: ipv4('10.5.0.9'), source: ipv4(US) },
    })
    expect(from('10.0.0.7')).toBe(ipv4(US))
    expect(from('10.5.0.7')).toBe(ipv4('10.5.0.1'))
    expect(from('172.16.0.7')).toBe(ipv4('10.5.0.1'))
    expect(from('172.17.0.7')).toBe(ipv4(US))
  })

  it('is another device’s where the one of exit has none', () => {
    const bare = bench.wire(host, 'eth1')
    host.routes.add({ destination: prefix('10.7.0.0/24'), device: bare.nic })
    bench.permanent(bare, '10.7.0.2')
    socket.sendTo(ipv4('10.7.0.2'), 9, 8)
    bench.settle()
    expect(bare.frames()[0]!.ipSrc).toBe(ipv4(US))
  })
})

describe('ports', () => {
  it('one socket a port; a closed one is free', () => {
    expect(host.sockets.openUdp(4000)).toBeNull()
    socket.close()
    expect(host.sockets.openUdp(4000)).not.toBeNull()
  })

  it('ephemeral ones are of ip_local_port_range, until there is none', () => {
    bench = new WireBench({ localPorts: [50000, 50003] })
    const { sockets } = bench.host()
    const ports = Array.from({ length: 5 }, () => sockets.openUdp()?.port)
    expect(ports.slice(0, 4).sort()).toEqual([50000, 50001, 50002, 50003])
    expect(ports[4]).toBeUndefined()
  })
})

it('sends nothing between its owner’s death and the next life, though the device is there', () => {
  expect(send(100)).toBe('128 DF')
  host.sockets.abort()
  expect(send(100)).toBe('ENETUNREACH')
  host.sockets.revive()
  expect(send(100)).toBe('128 DF')
})
