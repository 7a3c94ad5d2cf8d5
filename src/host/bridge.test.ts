import { describe, expect, it } from 'vitest'
import { DeviceBench, hostDevice, made, type Seen } from '../../test/device-bench.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ETHERTYPE_IPV4, Frame } from '../wire/frame.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { BROADCAST_MAC, mac } from '../wire/mac-address.ts'
import type { Bridge } from './bridge.ts'
import type { BridgePort } from './bridge-port.ts'
import { Commands } from './commands.ts'
import { linkAdd } from './device-factory.ts'
import { LinkError } from './link-error.ts'
import type { BridgeSpec } from './link-spec.ts'

/** A bridge with stations s1, s2 ... of address 10.0.0.N on ports p1, p2 ... */
class BridgedStations extends DeviceBench {
  readonly host = this.namespace('host')
  readonly bridge: Bridge
  readonly stations: NetNamespace[] = []
  readonly ports: BridgePort[] = []

  constructor(count: number, options: Partial<BridgeSpec> = {}) {
    super()
    this.bridge = made(linkAdd(this.host, { ...options, type: 'bridge', name: 'br0' }))
    this.bridge.setUp(true)
    for (let n = 1; n <= count; n++) this.addStation(n)
  }

  private addStation(n: number): void {
    const station = this.namespace(`s${n}`)
    this.join(this.host, station, { name: `p${n}`, b: `10.0.0.${n}/24` })
    this.ports.push(made(this.bridge.addPort(hostDevice(this.host, `p${n}`))))
    this.stations.push(station)
  }

  station(n: number): NetNamespace {
    return this.stations[n - 1]!
  }

  eth(n: number) {
    return hostDevice(this.station(n), 'eth0')
  }

  /** Frames of a test's EtherType that each station received. */
  received(seen: readonly Seen[][]): number[] {
    return seen.map((all) => all.filter(isTestFrame).length)
  }
}

function isTestFrame({ direction, frame }: Seen): boolean {
  return direction === 'in' && frame.etherType === 0x88b5
}

describe('Bridge', () => {
  it('floods what it does not know, learns, and then sends to one port', () => {
    const bench = new BridgedStations(4)
    const seen = [1, 2, 3, 4].map((n) => bench.record(bench.eth(n)))
    bench.inject(bench.eth(1), bench.eth(1).mac, bench.eth(2).mac)
    expect(bench.received(seen)).toEqual([0, 1, 1, 1])
    bench.inject(bench.eth(2), bench.eth(2).mac, bench.eth(1).mac)
    expect(bench.received(seen)).toEqual([1, 1, 1, 1])
    bench.inject(bench.eth(1), bench.eth(1).mac, BROADCAST_MAC)
    expect(bench.received(seen)).toEqual([1, 2, 2, 2])
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('floods to the newest port first and delivers here last', () => {
    const bench = new BridgedStations(3)
    const order: string[] = []
    for (const device of [bench.bridge, ...bench.ports.map((port) => port.device)]) {
      device.tap = { frame: (_time, _frame, way) => order.push(`${device.name} ${way}`) }
    }
    bench.inject(bench.eth(1), bench.eth(1).mac, BROADCAST_MAC)
    expect(order).toEqual(['p1 in', 'p3 out', 'p2 out', 'br0 in'])
  })

  it('reflects a broadcast on a hairpin port before the answer comes', () => {
    const bench = new BridgedStations(2)
    bench.host.addAddress(bench.bridge, { address: ipv4('10.0.0.254'), length: 24 })
    for (const port of bench.ports) port.hairpin = true
    const seen = bench.record(bench.eth(1))
    const other = bench.record(bench.eth(2))
    expect(bench.ping(bench.station(1), '10.0.0.254')).toBe(true)
    expect(seen.slice(0, 3).map(({ direction, text }) => `${direction} ${text}`)).toEqual([
      expect.stringMatching(/^out .*who-has 10\.0\.0\.254/),
      expect.stringMatching(/^in .*who-has 10\.0\.0\.254/),
      expect.stringMatching(/^in .*Reply 10\.0\.0\.254 is-at/),
    ])
    expect(other).toHaveLength(1)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('keeps isolated ports apart, and flooded unicast from ports that do not want it', () => {
    const bench = new BridgedStations(4)
    bench.ports[0]!.isolated = true
    bench.ports[1]!.isolated = true
    bench.ports[2]!.flood = false
    const seen = [1, 2, 3, 4].map((n) => bench.record(bench.eth(n)))
    bench.inject(bench.eth(1), bench.eth(1).mac, BROADCAST_MAC)
    expect(bench.received(seen)).toEqual([0, 0, 1, 1])
    bench.inject(bench.eth(1), bench.eth(1).mac, mac('02:ff:00:00:00:99'))
    expect(bench.received(seen)).toEqual([0, 0, 1, 2])
    bench.inject(bench.eth(2), bench.eth(2).mac, bench.eth(1).mac)
    expect(bench.received(seen)).toEqual([0, 0, 1, 2])
    expect(bench.drops()['bridge_no_port']).toBe(1)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('forwards no link-local group but that of spanning tree, which it does not speak', () => {
    const bench = new BridgedStations(2)
    const seen = [1, 2].map((n) => bench.record(bench.eth(n)))
    for (const last of ['00', '01', '0e']) {
      bench.inject(bench.eth(1), bench.eth(1).mac, mac(`01:80:c2:00:00:${last}`))
    }
    bench.inject(bench.eth(1), mac('03:00:00:00:00:01'), BROADCAST_MAC)
    expect(bench.received(seen)).toEqual([0, 1])
    expect(bench.drops()).toMatchObject({ reserved_multicast: 1, invalid_source_mac: 1 })
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('has the lowest MAC and MTU of its ports, unless they were set', () => {
    const bench = new BridgedStations(3)
    const { bridge, ports } = bench
    const macs = ports.map((port) => port.device.mac)
    expect(bridge.mac).toBe(Math.min(...macs))
    ports[1]!.device.setMtu(1400)
    expect(bridge.mtu).toBe(1400)
    ports[1]!.device.setMac(mac('00:00:00:00:00:01'))
    expect(bridge.mac).toBe(1)
    bridge.setMac(mac('02:42:00:00:00:01'))
    bridge.setMtu(1450)
    ports[1]!.device.setMtu(1300)
    ports[1]!.device.setMac(mac('00:00:00:00:00:02'))
    expect([bridge.mtu, bridge.mac]).toEqual([1450, mac('02:42:00:00:00:01')])
  })

  it('shows its table as `bridge fdb show` does', () => {
    const bench = new BridgedStations(2)
    const addresses = ['02:00:00:00:01:01', '02:00:00:00:01:02'] as const
    bench.ports.forEach((port, i) => {
      port.device.setMac(mac(addresses[i]!))
    })
    bench.inject(bench.eth(1), mac('02:00:00:00:00:01'), BROADCAST_MAC)
    bench.bridge.addStatic(mac('02:00:00:00:00:77'), bench.ports[1]!)
    expect(bench.bridge.fdbEntries(bench.simulator.now).map(String)).toEqual([
      '02:00:00:00:00:01 dev p1 master br0',
      '02:00:00:00:00:77 dev p2 master br0 static',
      '02:00:00:00:01:01 dev p1 master br0 permanent',
      '02:00:00:00:01:02 dev p2 master br0 permanent',
    ])
    bench.ports[0]!.device.setUp(false)
    bench.ports[1]!.device.remove()
    expect(bench.bridge.fdbEntries(bench.simulator.now).map(String)).toEqual([
      '02:00:00:00:01:01 dev p1 master br0 permanent',
    ])
    expect(bench.bridge.removeEntry(mac('02:00:00:00:00:77'))).toBe(false)
  })

  it('takes 1023 ports and no device that is in use, of another namespace, or a bridge', () => {
    const bench = new DeviceBench()
    const host = bench.namespace('host')
    const bridge = made(linkAdd(host, { type: 'bridge', name: 'br0' }))
    const refusals: string[] = []
    for (let n = 1; n <= 1024; n++) {
      const device = made(linkAdd(host, { type: 'dummy', name: `d${n}` }))
      const port = bridge.addPort(device)
      if (port instanceof LinkError) refusals.push(`${n}: ${port.errno}`)
    }
    expect(refusals).toEqual(['1024: EXFULL'])
    const errors = [hostDevice(host, 'd1'), bridge, host.loopback].map(
      (device) => (bridge.addPort(device) as LinkError).errno,
    )
    expect(errors).toEqual(['EBUSY', 'ELOOP', 'EINVAL'])
    hostDevice(host, 'd500').remove()
    expect(made(bridge.addPort(hostDevice(host, 'd1024'))).number).toBe(500)
  })
})

describe('Bridge under a flood of addresses', () => {
  const UNKNOWN = mac('02:ff:00:00:00:99')
  const attacker = (n: number) => mac('06:00:00:00:00:00') + n

  /** The lab's run: s1, s2, s3 known, s1 sends from many addresses, s5 speaks only then. */
  function attacked(fdbMaxLearned: number, sources: number): { shares: number[]; learned: number } {
    const bench = new BridgedStations(5, { fdbMaxLearned })
    for (const n of [2, 3]) bench.inject(bench.eth(n), bench.eth(n).mac, BROADCAST_MAC)
    for (let n = 0; n < sources; n++) bench.inject(bench.eth(1), attacker(n), bench.eth(2).mac)
    bench.inject(bench.eth(5), bench.eth(5).mac, BROADCAST_MAC)
    const seen = bench.record(bench.eth(4))
    const count = (action: () => void) => {
      seen.length = 0
      action()
      return seen.filter(isTestFrame).length
    }
    const from = bench.eth(3)
    const shares = [
      count(() => bench.inject(from, from.mac, bench.eth(2).mac)),
      count(() => bench.inject(from, from.mac, bench.eth(5).mac)),
      count(() => bench.inject(from, from.mac, UNKNOWN)),
      count(() => {
        for (let n = 0; n < sources; n++) bench.inject(from, from.mac, attacker(n))
      }),
    ]
    expect(bench.ledger.imbalance()).toBe(0)
    return { shares, learned: bench.bridge.fdb.size(bench.simulator.now) }
  }

  it('never floods known stations while its table has no limit', () => {
    // The lab's figure is 20002: it counted before s5 spoke.
    expect(attacked(0, 20000)).toEqual({ shares: [0, 0, 1, 0], learned: 20003 })
  })

  it('refuses newcomers when it is full and floods what it refused', () => {
    expect(attacked(1024, 500)).toEqual({ shares: [0, 0, 1, 0], learned: 503 })
    expect(attacked(1024, 5000)).toEqual({ shares: [0, 1, 1, 3978], learned: 1024 })
  })

  it('gives a slot away once its station was silent for the ageing time', () => {
    const bench = new BridgedStations(3, { fdbMaxLearned: 10, ageing: 3e12 })
    const { bridge } = bench
    bench.inject(bench.eth(2), bench.eth(2).mac, BROADCAST_MAC)
    for (let second = 0; second < 5; second++) {
      for (let n = 0; n < 50; n++) bench.inject(bench.eth(1), attacker(n), BROADCAST_MAC)
      bench.run(1)
    }
    bench.inject(bench.eth(2), bench.eth(2).mac, BROADCAST_MAC)
    const rows = bridge.fdbEntries(bench.simulator.now).filter((row) => row.state === '')
    expect(rows.map((row) => row.device.name)).toEqual(Array(10).fill('p1'))
  })
})

describe('Bridge and packets that are too long', () => {
  function tooLong(bench: BridgedStations, dontFragment: boolean): void {
    const frame = new Frame()
    frame.etherType = ETHERTYPE_IPV4
    frame.l3Length = 1500
    frame.ipSrc = ipv4('10.0.0.1')
    frame.ipDst = ipv4('10.0.0.2')
    frame.protocol = 253
    frame.ttl = 64
    frame.ipId = 7
    frame.dontFragment = dontFragment
    frame.srcHi = bench.eth(1).hi
    frame.srcLo = bench.eth(1).lo
    frame.dstHi = bench.eth(2).hi
    frame.dstLo = bench.eth(2).lo
    bench.send(bench.eth(1), frame)
  }

  it('drops them in silence, whatever DF says (lab case F)', () => {
    const bench = new BridgedStations(2)
    bench.ports[1]!.device.setMtu(1450)
    const seen = [1, 2].map((n) => bench.record(bench.eth(n)))
    tooLong(bench, false)
    tooLong(bench, true)
    expect(seen.map((all) => all.filter(({ direction }) => direction === 'in'))).toEqual([[], []])
    expect(bench.drops()).toEqual({ packet_too_big: 2 })
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('cuts them where br_netfilter looks at them, unless DF forbids it (lab case C)', () => {
    const bench = new BridgedStations(2)
    bench.ports[1]!.device.setMtu(1450)
    bench.host.sysctls.bridgeNfCallIptables = true
    const seen = bench.record(bench.eth(2))
    tooLong(bench, true)
    expect(seen).toEqual([])
    tooLong(bench, false)
    const arrived = seen.filter(({ frame }) => frame.protocol === 253)
    expect(arrived.map(({ frame }) => frame.l3Length)).toEqual([1444, 76])
    expect(bench.drops()).toMatchObject({ packet_too_big: 1, unhandled_l4: 1 })
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('puts fragments together for the rules and cuts them again as they came', () => {
    const bench = new BridgedStations(2)
    bench.host.sysctls.bridgeNfCallIptables = true
    const { iptables } = new Commands(bench.host)
    iptables.restore(`*filter
:FORWARD DROP
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i br0 -o br0 -s 10.0.0.1/32 -j ACCEPT
COMMIT
`)
    const seen = bench.record(bench.eth(2))
    expect(bench.ping(bench.station(2), '10.0.0.1', {}, 1)).toBe('no reply')
    expect(bench.ping(bench.station(1), '10.0.0.2', { bytes: 3000, dontFragment: false })).toBe(
      true,
    )
    const sizes = seen.filter(({ frame }) => frame.isFragment)
    expect(sizes.map(({ direction, frame }) => `${direction} ${frame.l3Length}`)).toEqual([
      'in 1500',
      'in 1500',
      'in 68',
      'out 1500',
      'out 1500',
      'out 68',
    ])
    expect(bench.drops()['netfilter']).toBe(1)
    expect(bench.ledger.imbalance()).toBe(0)
  })
})
