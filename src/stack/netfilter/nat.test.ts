import { describe, expect, it } from 'vitest'
import { Ledger } from '../../measure/ledger.ts'
import { Simulator } from '../../sim/simulator.ts'
import { Frame, PROTOCOL_ICMP, PROTOCOL_UDP } from '../../wire/frame.ts'
import { ICMP_ECHO, IcmpMessage } from '../../wire/icmp.ts'
import { ipv4 } from '../../wire/ipv4-address.ts'
import { Kernel } from '../kernel.ts'
import { KERNEL_PROFILES } from '../kernel-profile.ts'
import { HOOK_PREROUTING, NetNamespace } from '../namespace.ts'
import { Conntrack } from './conntrack.ts'
import { trackedBy } from './conntrack-entry.ts'
import { MANIP_DESTINATION, MANIP_SOURCE, Nat, type NatRange } from './nat.ts'

const HOST = ipv4('192.168.50.11')
const SERVER = ipv4('192.168.50.12')

const toHost: NatRange = { address: HOST, firstPort: -1, lastPort: -1, randomFully: false }

function setUp() {
  const ledger = new Ledger()
  const kernel = new Kernel(new Simulator('1'), ledger, 'h1', KERNEL_PROFILES['6.18']!)
  const namespace = new NetNamespace(kernel, 'h1')
  const conntrack = new Conntrack(namespace)
  const nat = new Nat(conntrack, kernel.random)
  /** The first packet of a flow. @returns it as it leaves, or null when it was dropped. */
  function open(frame: Frame, manip: number, range: NatRange | null): Frame | null {
    const tracked = conntrack.track(frame, HOOK_PREROUTING, namespace.loopback)!
    const tuple = trackedBy(tracked)!
    if (!tuple.entry.isConfirmed) nat.bind(tuple.entry, manip, range)
    return conntrack.confirm(nat.translate(tracked, tuple, manip), namespace.loopback)
  }
  return { ledger, open }
}

function udp(source: string, sport: number, dport = 53): Frame {
  const frame = new Frame()
  frame.l3Length = 60
  frame.ipSrc = ipv4(source)
  frame.ipDst = SERVER
  frame.protocol = PROTOCOL_UDP
  frame.sourcePort = sport
  frame.destinationPort = dport
  return frame
}

function echo(source: string, id: number): Frame {
  const frame = udp(source, 0)
  frame.protocol = PROTOCOL_ICMP
  frame.header = new IcmpMessage(ICMP_ECHO, 0, id, 1)
  return frame
}

describe('source NAT', () => {
  it('keeps the port while it is free, and stays within its class when it is not', () => {
    const { open } = setUp()
    for (const [port, first, last] of [
      [40000, 1024, 65535],
      [600, 600, 1023],
      [53, 1, 511],
    ] as const) {
      expect(open(udp('10.0.0.2', port), MANIP_SOURCE, toHost)).toMatchObject({
        ipSrc: HOST,
        sourcePort: port,
      })
      const other = open(udp('10.0.0.3', port), MANIP_SOURCE, toHost)!
      expect(other.ipSrc).toBe(HOST)
      expect(other.sourcePort).not.toBe(port)
      expect(other.sourcePort).toBeGreaterThanOrEqual(first)
      expect(other.sourcePort).toBeLessThanOrEqual(last)
    }
  })

  it('uses one port for two servers', () => {
    const { open } = setUp()
    open(udp('10.0.0.2', 40000, 53), MANIP_SOURCE, toHost)
    expect(open(udp('10.0.0.3', 40000, 54), MANIP_SOURCE, toHost)?.sourcePort).toBe(40000)
  })

  it('draws a port with --random-fully', () => {
    const { open } = setUp()
    const range = { ...toHost, randomFully: true }
    const ports = [1, 2, 3, 4].map((port) => {
      return open(udp('10.0.0.2', 40000, port), MANIP_SOURCE, range)!.sourcePort
    })
    expect(new Set(ports).size).toBe(4)
    expect(ports).not.toContain(40000)
  })

  it('maps the identifiers of pings likewise', () => {
    const { open } = setUp()
    const ids = ['10.0.0.2', '10.0.0.3', '10.0.0.4'].map((source) => {
      const { header } = open(echo(source, 7), MANIP_SOURCE, toHost)!
      return (header as IcmpMessage).identifier
    })
    expect(ids[0]).toBe(7)
    expect(new Set(ids).size).toBe(3)
  })

  it('moves the port of a flow that keeps its address, if its answers are taken', () => {
    const { open } = setUp()
    open(udp('10.0.0.2', 40000), MANIP_SOURCE, toHost)
    const own = open(udp('192.168.50.11', 40000), MANIP_SOURCE, null)!
    expect(own.ipSrc).toBe(HOST)
    expect(own.sourcePort).not.toBe(40000)
  })

  it('drops a flow when every port of the rule is taken', () => {
    const { open, ledger } = setUp()
    const range = { ...toHost, firstPort: 1000, lastPort: 1009 }
    const ports = new Set<number | undefined>()
    for (let i = 0; i < 10; i++) {
      ports.add(open(udp(`10.0.1.${i}`, 40000), MANIP_SOURCE, range)?.sourcePort)
    }
    expect([...ports].sort()).toEqual([1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009])
    expect(open(udp('10.0.1.10', 40000), MANIP_SOURCE, range)).toBe(null)
    expect(ledger.dropsByReason()).toEqual(new Map([['nat_exhausted', 1]]))
  })
})

describe('destination NAT', () => {
  const toServer: NatRange = { ...toHost, firstPort: 80, lastPort: 80 }

  it('changes address and port; without a port it keeps the packet’s own', () => {
    const { open } = setUp()
    expect(open(udp('10.0.0.2', 1, 8080), MANIP_DESTINATION, toServer)).toMatchObject({
      ipDst: HOST,
      destinationPort: 80,
    })
    expect(open(udp('10.0.0.2', 2, 8080), MANIP_DESTINATION, toHost)).toMatchObject({
      ipDst: HOST,
      destinationPort: 8080,
    })
  })
})
