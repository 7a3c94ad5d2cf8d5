import { describe, expect, it } from 'vitest'
import { Port, type PortOwner } from '../link/port.ts'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { MICROSECOND, MILLISECOND, NANOSECOND, SECOND } from '../sim/units.ts'
import { Frame, UNTAGGED } from '../wire/frame.ts'
import { mac, macHi, macLo } from '../wire/mac-address.ts'
import { L2Switch } from './l2-switch.ts'
import type { SwitchPortOptions } from './switch-port.ts'
import { type SwitchOverrides, switchProfile } from './switch-profiles.ts'

const BROADCAST = 'ff:ff:ff:ff:ff:ff'
const RATE = 10e9
const FAST = 67.2 * NANOSECOND

class Station implements PortOwner {
  readonly name: string
  readonly got: { time: number; sequence: number; vlan: number }[] = []
  readonly frames: Frame[] = []
  private readonly network: Network

  constructor(network: Network, name: string) {
    this.network = network
    this.name = name
  }

  receive(frame: Frame): void {
    this.got.push({ time: this.network.simulator.now, sequence: frame.sequence, vlan: frame.vlan })
    this.frames.push(frame)
    this.network.ledger.delivered++
  }
}

/** One switch and a station on every port; stations are numbered as the ports, from 0. */
class Network {
  readonly simulator = new Simulator('switch')
  readonly ledger = new Ledger()
  readonly stages: string[] = []
  readonly device: L2Switch
  readonly stations: Station[] = []
  readonly nics: Port[] = []
  private sequence = 0

  constructor(ports: SwitchPortOptions[], overrides: SwitchOverrides = {}) {
    this.ledger.tracer = {
      stage: (_frame, stage, place, row) => {
        if (stage === 'switch') this.stages.push(`${place}: ${row}`)
      },
      dropped: () => {},
    }
    const profile = switchProfile('generic', overrides)!
    this.device = new L2Switch(this.simulator, this.ledger, 's', profile)
    ports.forEach((options, i) => {
      const port = this.device.addPort(options)
      const station = new Station(this, `h${i}`)
      const nic = new Port(this.simulator, this.ledger, station, 0, 'eth0')
      Port.connect(port, nic, { rate: RATE, delay: 0 })
      this.stations.push(station)
      this.nics.push(nic)
    })
  }

  /** Sends a frame now and lets it arrive. @returns its sequence number. */
  send(from: number, src: string, dst: string, change: (frame: Frame) => void = () => {}): number {
    const sequence = this.post(from, src, dst, change)
    this.simulator.run(this.simulator.now + 10 * MICROSECOND)
    return sequence
  }

  post(from: number, src: string, dst: string, change: (frame: Frame) => void = () => {}): number {
    const frame = new Frame()
    frame.srcHi = macHi(mac(src))
    frame.srcLo = macLo(mac(src))
    frame.dstHi = macHi(mac(dst))
    frame.dstLo = macLo(mac(dst))
    frame.l3Length = 46
    frame.sequence = this.sequence++
    change(frame)
    this.ledger.originated++
    this.nics[from]!.send(frame)
    return frame.sequence
  }

  /** Stations that got the frame of this sequence number. */
  receivers(sequence: number): number[] {
    return this.stations.flatMap(({ got }, i) =>
      got.filter((each) => each.sequence === sequence).map(() => i),
    )
  }

  /** Drops so far, checked to balance. */
  drops(): Record<string, number> {
    this.simulator.run(this.simulator.now + MILLISECOND)
    expect([this.ledger.held(), this.ledger.imbalance()]).toEqual([0, 0])
    return Object.fromEntries(this.ledger.dropsByReason())
  }
}

const plain = (count: number): SwitchPortOptions[] => Array.from({ length: count }, () => ({}))
/** MAC of station i. */
const of = (i: number): string => `02:42:0a:00:00:${i.toString(16).padStart(2, '0')}`

/** The same device by its short and by its long path: a generous storm control changes nothing else. */
describe.each([
  ['short', plain],
  ['long', (n: number) => [...plain(n - 1), { stormControl: { broadcast: 1e12 } }]],
] as const)('learning and forwarding, %s path', (_, ports) => {
  it('floods the unknown, learns sources and then forwards', () => {
    const network = new Network(ports(4))
    expect(network.receivers(network.send(0, of(0), of(1)))).toEqual([1, 2, 3])
    expect(network.receivers(network.send(1, of(1), of(0)))).toEqual([0])
    expect(network.receivers(network.send(0, of(0), of(1)))).toEqual([1])
    expect(network.receivers(network.send(0, of(0), BROADCAST))).toEqual([1, 2, 3])
    expect(network.receivers(network.send(0, of(0), '01:00:5e:00:00:05'))).toEqual([1, 2, 3])
    expect(network.drops()).toEqual({})
    expect(network.device.floods).toEqual({ broadcast: 1, multicast: 1, unknownUnicast: 1 })
    const { broadcast, unknownUnicast } = network.device.portState(2)
    expect([broadcast.frames, broadcast.wireBytes, unknownUnicast.frames]).toEqual([1, 84, 1])
    expect(network.device.portState(0).broadcast.frames).toBe(0)
    expect(network.ledger.copied).toBe(6)
  })

  it('takes serialisation twice and its own latency once', () => {
    const network = new Network(ports(2), { latency: 380 * NANOSECOND })
    network.send(0, of(0), of(1))
    expect(network.stations[1]!.got[0]!.time).toBeCloseTo(2 * FAST + 380 * NANOSECOND, 6)
  })

  it('filters what is behind the port of entry', () => {
    const network = new Network(ports(3))
    network.send(0, of(0), of(9))
    network.send(0, of(7), of(9))
    expect(network.receivers(network.send(0, of(0), of(7)))).toEqual([])
    expect(network.drops()).toEqual({ same_port: 1 })
  })

  it('follows a station that moves at once', () => {
    const network = new Network(ports(3))
    network.send(0, of(0), BROADCAST)
    network.send(1, of(0), BROADCAST)
    expect(network.receivers(network.send(2, of(2), of(0)))).toEqual([1])
    expect(network.device.table.moved).toBe(1)
  })

  it('floods again when an entry has aged', () => {
    const network = new Network(ports(3), { macTable: { ageing: SECOND } })
    network.send(0, of(0), BROADCAST)
    network.simulator.run(0.9 * SECOND)
    expect(network.receivers(network.send(1, of(1), of(0)))).toEqual([0])
    network.simulator.run(1.1 * SECOND)
    expect(network.receivers(network.send(1, of(1), of(0)))).toEqual([0, 2])
  })

  it('floods to newcomers when its table is full and keeps what it knows', () => {
    const network = new Network(ports(4), { macTable: { capacity: 2 } })
    for (let i = 0; i < 4; i++) network.send(i, of(i), BROADCAST)
    expect(network.receivers(network.send(3, of(3), of(0)))).toEqual([0])
    expect(network.receivers(network.send(0, of(0), of(3)))).toEqual([1, 2, 3])
    // Stations 2 and 3 send once each, station 3 once more; station 0's two frames only refresh.
    expect([network.device.table.learned, network.device.table.refused]).toEqual([2, 3])
  })

  it('never forwards reserved group addresses, and drops wrong sources', () => {
    const network = new Network(ports(3))
    network.send(0, of(0), '01:80:c2:00:00:00')
    network.send(0, of(0), '01:80:c2:00:00:0f')
    network.send(0, '01:00:00:00:00:01', of(1))
    network.send(0, '00:00:00:00:00:00', of(1))
    expect(network.receivers(network.send(0, of(0), '01:80:c2:00:00:10'))).toEqual([1, 2])
    expect(network.drops()).toEqual({ reserved_multicast: 2, invalid_source_mac: 2 })
  })

  it('floods neither to ports that are down nor to nobody', () => {
    const network = new Network(ports(3))
    network.device.addPort()
    network.device.ports[1]!.setUp(false)
    expect(network.receivers(network.send(0, of(0), BROADCAST))).toEqual([2])
    network.device.ports[2]!.setUp(false)
    network.send(0, of(0), BROADCAST)
    expect(network.drops()).toEqual({ no_other_port: 1 })
  })

  it('sends one object to all ports', () => {
    const network = new Network(ports(3))
    network.send(0, of(0), BROADCAST)
    const [first, second] = [network.stations[1]!.frames[0]!, network.stations[2]!.frames[0]!]
    expect(first).toBe(second)
    expect(first.shared).toBe(true)
  })

  it('tells a traced frame’s way', () => {
    const network = new Network(ports(3), { macTable: { capacity: 1 } })
    const traced = (frame: Frame) => {
      frame.trace = 1
    }
    network.send(0, of(0), of(1), traced)
    network.simulator.run(2 * SECOND)
    network.send(1, of(1), of(0), traced)
    network.send(1, of(1), BROADCAST, traced)
    network.send(1, of(1), of(0))
    expect(network.stages).toEqual([
      's/p1: no entry for mac 02:42:0a:00:00:01 vlan 1: flooded to 2 ports',
      's/p2: mac 02:42:0a:00:00:00 vlan 1 port p1 age 2 s; source not learned',
      's/p2: broadcast: flooded to 2 ports; source not learned',
    ])
  })
})

describe('VLANs', () => {
  const access = (vlan: number): SwitchPortOptions => ({ vlans: { kind: 'access', vlan } })
  const trunk = (allowed?: number[], native?: number | null): SwitchPortOptions => ({
    vlans: {
      kind: 'trunk',
      ...(allowed === undefined ? {} : { allowed }),
      ...(native === undefined ? {} : { native }),
    },
  })
  const tagged = (vlan: number) => (frame: Frame) => {
    frame.vlan = vlan
  }

  it('keeps VLANs apart, tags on trunks and untags on access ports', () => {
    const network = new Network([access(10), access(10), access(20), trunk([10, 20]), trunk([20])])
    const sequence = network.send(0, of(0), BROADCAST)
    expect(network.receivers(sequence)).toEqual([1, 3])
    expect(network.stations[1]!.got[0]!.vlan).toBe(UNTAGGED)
    expect(network.stations[3]!.got[0]!.vlan).toBe(10)
    const back = network.send(3, of(3), BROADCAST, tagged(20))
    expect(network.receivers(back)).toEqual([2, 4])
    expect(network.stations[4]!.got[0]!.vlan).toBe(20)
    expect(network.drops()).toEqual({})
  })

  it('learns a MAC in each VLAN on its own', () => {
    const network = new Network([access(10), access(20), trunk()])
    network.send(0, of(0), BROADCAST)
    expect(network.receivers(network.send(2, of(5), of(0), tagged(10)))).toEqual([0])
    expect(network.receivers(network.send(2, of(5), of(0), tagged(20)))).toEqual([1])
    expect(network.drops()).toEqual({})
  })

  it('keeps the priority of a tag and gives a known destination its tag', () => {
    const network = new Network([access(10), trunk([10]), trunk([10])])
    network.send(1, of(1), BROADCAST, tagged(10))
    network.send(0, of(0), of(1))
    network.send(2, of(2), of(1), tagged(0x6000 | 10))
    expect(network.stations[1]!.got.map(({ vlan }) => vlan)).toEqual([10, 0x6000 | 10])
  })

  it('carries the native VLAN untagged and takes VID 0 for it', () => {
    const network = new Network([trunk(undefined, 10), trunk(undefined, 1), access(10)])
    network.send(0, of(0), BROADCAST)
    network.send(0, of(0), BROADCAST, tagged(0xa000))
    expect(network.stations[1]!.got.map(({ vlan }) => vlan)).toEqual([10, 0xa000 | 10])
    expect(network.stations[2]!.got.map(({ vlan }) => vlan)).toEqual([UNTAGGED, UNTAGGED])
    network.send(2, of(2), of(0))
    expect(network.stations[0]!.got.map(({ vlan }) => vlan)).toEqual([UNTAGGED])
  })

  it('drops what a port does not carry', () => {
    const network = new Network([access(10), trunk([20]), trunk([20], null)])
    network.send(0, of(0), BROADCAST, tagged(20))
    network.send(1, of(1), BROADCAST, tagged(30))
    network.send(2, of(2), BROADCAST)
    expect(network.drops()).toEqual({ vlan_not_allowed: 3 })
    expect(network.device.table.size(network.simulator.now)).toBe(0)
  })

  it('makes ports without a setting access ports of VLAN 1', () => {
    const network = new Network([{}, access(10), {}, trunk([1, 10], null)])
    expect(network.receivers(network.send(0, of(0), BROADCAST))).toEqual([2, 3])
    expect(network.receivers(network.send(3, of(3), BROADCAST, tagged(10)))).toEqual([1])
    network.send(0, of(0), BROADCAST, tagged(10))
    expect(network.drops()).toEqual({ vlan_not_allowed: 1 })
  })

  it('leaves the frames of other receivers alone when it tags', () => {
    const network = new Network([trunk([10]), trunk([10]), access(10), access(10), trunk([10], 10)])
    network.send(0, of(0), BROADCAST, tagged(10))
    expect(network.stations.map(({ got }) => got.map(({ vlan }) => vlan))).toEqual([
      [],
      [10],
      [UNTAGGED],
      [UNTAGGED],
      [UNTAGGED],
    ])
    const [two, three] = [network.stations[2]!.frames[0]!, network.stations[3]!.frames[0]!]
    expect([two === three, two.shared]).toEqual([true, true])
    expect(network.drops()).toEqual({})
  })

  it('refuses VLAN numbers out of range', () => {
    for (const vlan of [0, 4095, 1.5]) expect(() => new Network([access(vlan)])).toThrow(RangeError)
  })
})

describe('spanning tree states', () => {
  it('drops at closed ports, does not learn there and forgets on a change', () => {
    const network = new Network(plain(3))
    network.send(0, of(0), BROADCAST)
    network.device.setForwarding(2, false)
    expect(network.device.table.size(network.simulator.now)).toBe(0)
    expect(network.receivers(network.send(0, of(0), BROADCAST))).toEqual([1])
    network.send(2, of(2), BROADCAST)
    expect(network.device.table.size(network.simulator.now)).toBe(1)
    network.device.setForwarding(2, true)
    expect(network.receivers(network.send(0, of(0), BROADCAST))).toEqual([1, 2])
    expect(network.drops()).toEqual({ port_blocking: 1 })
  })
})

describe('hairpin', () => {
  it('sends back through the port of entry, broadcasts too', () => {
    const network = new Network([{ hairpin: true }, {}])
    network.send(0, of(0), of(9))
    network.send(0, of(7), of(9))
    expect(network.receivers(network.send(0, of(0), of(7)))).toEqual([0])
    expect(network.receivers(network.send(0, of(0), BROADCAST))).toEqual([0, 1])
    expect(network.receivers(network.send(1, of(1), BROADCAST))).toEqual([0])
    expect(network.drops()).toEqual({})
  })
})

describe('port security', () => {
  const secure = (violation: 'protect' | 'restrict' | 'shutdown', recovery?: number) =>
    new Network([
      {
        security: {
          maximum: 2,
          violation,
          ...(recovery === undefined ? {} : { recovery }),
        },
      },
      {},
      { security: { maximum: 1, violation: 'restrict' } },
    ])

  it.each([
    ['protect', 0],
    ['restrict', 2],
  ] as const)('%s drops further sources and counts %i violations', (violation, count) => {
    const network = secure(violation)
    const sent = [0, 5, 6, 6, 0].map((i) => network.send(0, of(i), of(1)))
    const reached = sent.map((sequence) => network.receivers(sequence).length > 0)
    expect(reached).toEqual([true, true, false, false, true])
    expect(network.device.portState(0).security!.violations).toBe(count)
    expect(network.drops()).toEqual({ port_security: 2 })
  })

  it('holds an address to its port', () => {
    const network = secure('restrict')
    network.send(0, of(0), BROADCAST)
    network.send(2, of(0), BROADCAST)
    expect(network.receivers(network.send(1, of(1), of(0)))).toEqual([0])
    network.send(1, of(0), BROADCAST)
    expect(network.receivers(network.send(1, of(1), of(0)))).toEqual([0])
    expect(network.drops()).toEqual({ port_security: 1 })
  })

  it('shuts the port and opens it again after the recovery time', () => {
    const network = secure('shutdown', SECOND)
    for (const i of [0, 5, 6, 0]) network.send(0, of(i), of(1))
    const { security } = network.device.portState(0)
    expect([security!.isDisabled, security!.shutdowns]).toEqual([true, 1])
    expect(network.receivers(network.send(1, of(1), of(0)))).toEqual([2])
    network.simulator.run(2 * SECOND)
    expect(network.receivers(network.send(0, of(6), of(1)))).toEqual([1])
    expect(network.drops()).toEqual({ port_security: 2 })
  })

  it('stays shut without a recovery time', () => {
    const network = secure('shutdown')
    for (const i of [0, 5, 6]) network.send(0, of(i), of(1))
    network.simulator.run(1000 * SECOND)
    network.send(0, of(0), of(1))
    expect(network.drops()).toEqual({ port_security: 2 })
  })
})

describe('limits', () => {
  it('storm control passes its rate of each kind and leaves known unicast alone', () => {
    const stormControl = { broadcast: 100, multicast: 200, unknownUnicast: 300 }
    const network = new Network([{ stormControl }, {}])
    network.send(1, of(1), BROADCAST)
    const target = { [BROADCAST]: 110, '01:00:5e:00:00:05': 220, [of(9)]: 330, [of(1)]: 1000 }
    for (const [dst, expected] of Object.entries(target)) {
      const sent: number[] = []
      const start = network.simulator.now
      for (let i = 0; i < 1000; i++) {
        network.simulator.run(start + i * MILLISECOND)
        sent.push(network.post(0, of(0), dst))
      }
      network.simulator.run(start + 2 * SECOND)
      const passed = sent.filter((sequence) => network.receivers(sequence).length > 0).length
      // A burst of a tenth of a second, then the rate; the first interval ends after its first frame.
      expect(Math.abs(passed - expected)).toBeLessThanOrEqual(1)
    }
    expect(Object.keys(network.drops())).toEqual(['storm_control'])
  })

  it('learns no more addresses a second than its rate, but refreshes all', () => {
    const network = new Network(plain(2), { learnRate: 1000 })
    for (let i = 0; i < 100; i++) network.send(0, `02:00:00:00:01:${(i + 16).toString(16)}`, of(1))
    // 100 frames, 10 us apart: one token at the start and none before the first millisecond is over.
    expect([network.device.table.learned, network.device.learnLimited]).toEqual([1, 99])
    const { table } = network.device
    const before = table.entry(1, 0x020000, 0x000110, network.simulator.now)!.lastSeen
    network.send(0, '02:00:00:00:01:10', of(1))
    const after = table.entry(1, 0x020000, 0x000110, network.simulator.now)!.lastSeen
    expect(after).toBeGreaterThan(before)
  })

  it('gives each port the queue of its profile', () => {
    const network = new Network(plain(3), { portQueueBytes: 6000 })
    network.send(2, of(2), BROADCAST)
    for (let i = 0; i < 200; i++) {
      network.post(0, of(0), of(2))
      network.post(1, of(1), of(2))
    }
    expect(network.drops()['queue_full']).toBeGreaterThan(50)
    expect(network.device.ports[2]!.queuePeakBytes).toBe(6000)
  })

  it.each([
    [1, 1 / 2],
    [0.5, 1 / 3],
    [2, 2 / 3],
  ])('shared buffer: with alpha %f one congested port settles at %f of it', (alpha, share) => {
    const network = new Network(plain(3), { bufferBytes: 60_000, bufferAlpha: alpha })
    network.send(2, of(2), BROADCAST)
    const count = 2000
    for (let i = 0; i < count; i++) {
      network.post(0, of(0), of(2))
      network.post(1, of(1), of(2))
    }
    const drops = network.drops()
    expect(Object.keys(drops)).toEqual(['queue_full'])
    // A frame short of the threshold at most on either side.
    expect(Math.abs(network.device.ports[2]!.queuePeakBytes - share * 60_000)).toBeLessThan(60)
  })

  it('shared buffer: is never more than full', () => {
    const network = new Network(plain(3), { bufferBytes: 60_030, bufferAlpha: 1e6 })
    network.send(2, of(2), BROADCAST)
    for (let i = 0; i < 2000; i++) {
      network.post(0, of(0), of(2))
      network.post(1, of(1), of(2))
    }
    expect(Object.keys(network.drops())).toEqual(['queue_full'])
    expect(network.device.ports[2]!.queuePeakBytes).toBe(60_000)
  })

  it('shared buffer: two congested ports share what one had', () => {
    const network = new Network(plain(6), { bufferBytes: 60_000, bufferAlpha: 1 })
    network.send(4, of(4), BROADCAST)
    network.send(5, of(5), BROADCAST)
    for (let i = 0; i < 4000; i++) {
      for (let from = 0; from < 4; from++) network.post(from, of(from), of(4 + (from % 2)))
    }
    network.simulator.run(network.simulator.now + 200 * MICROSECOND)
    const lengths = [4, 5].map((i) => network.device.ports[i]!.queueLength)
    for (const length of lengths) expect(Math.abs(length - 20_000)).toBeLessThan(130)
    network.drops()
  })
})
