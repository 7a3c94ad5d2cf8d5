import { describe, expect, it } from 'vitest'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { MICROSECOND, MILLISECOND } from '../sim/units.ts'
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, Frame, PROTOCOL_IPIP, PROTOCOL_UDP } from '../wire/frame.ts'
import * as rules from './fault-rules.ts'
import type { FaultRule } from './faulty-channel.ts'
import { Port, type PortOwner } from './port.ts'

interface Arrival {
  readonly time: number
  readonly frame: Frame
}

/** Two ports, the rules on the way from one to the other; frames are sent 10 us apart. */
function run(count: number, given: FaultRule[], prepare?: (frame: Frame, i: number) => void) {
  const simulator = new Simulator('faults')
  const ledger = new Ledger()
  const arrivals: Arrival[] = []
  const owner: PortOwner = {
    name: 'host',
    receive(frame) {
      ledger.delivered++
      arrivals.push({ time: simulator.now, frame })
    },
  }
  const a = new Port(simulator, ledger, owner, 0, 'a')
  const b = new Port(simulator, ledger, owner, 1, 'b')
  Port.connect(a, b, { rate: 10e9, delay: 0 })
  for (const rule of given) a.channel.add(rule)
  for (let i = 0; i < count; i++) {
    simulator.callAt(i * 10 * MICROSECOND, () => {
      const frame = new Frame()
      frame.etherType = ETHERTYPE_IPV4
      frame.protocol = PROTOCOL_UDP
      frame.l3Length = 100
      frame.sequence = i
      prepare?.(frame, i)
      ledger.originated++
      a.send(frame)
    })
  }
  const sequences = () => arrivals.map(({ frame }) => frame.sequence)
  return { simulator, ledger, a, arrivals, sequences }
}

function finish(count: number, given: FaultRule[], prepare?: (frame: Frame, i: number) => void) {
  const result = run(count, given, prepare)
  result.simulator.run(Infinity)
  expect([result.ledger.held(), result.ledger.imbalance()]).toEqual([0, 0])
  return result
}

const JOURNEY = 110.4 * 1000 // 138 bytes on the wire at 10 Gb/s

describe('fault rules', () => {
  it.each([
    ['loss', rules.loss, 'link_loss'],
    ['corruption', rules.corruption, 'bad_fcs'],
  ] as const)('%s: none at 0, all at 1, and its share between', (_, rule, reason) => {
    expect(finish(500, [rule(0)]).arrivals).toHaveLength(500)
    const all = finish(500, [rule(1)])
    expect(all.arrivals).toHaveLength(0)
    expect(all.ledger.dropsByReason()).toEqual(new Map([[reason, 500]]))
    const some = finish(20_000, [rule(0.1)]).ledger.dropped
    // Three standard deviations of the binomial are 127.
    expect(Math.abs(some - 2000)).toBeLessThan(127)
  })

  it('holds a probability of 0 against the lowest draw', () => {
    const lowest = { next: () => 0, integer: (low: number) => low, int32: () => 0 }
    expect(rules.loss(0).judge(new Frame(), lowest).kind).toBe('pass')
  })

  it('undetected corruption arrives with a broken transport checksum', () => {
    const { arrivals } = finish(200, [rules.corruption(1, true)])
    expect(arrivals).toHaveLength(200)
    expect(arrivals.every(({ frame }) => frame.badChecksum && !frame.badFcs)).toBe(true)
  })

  it('corruption leaves the copies of a flooded frame alone', () => {
    const original = new Frame()
    original.shared = true
    const { a, simulator, ledger } = run(0, [rules.corruption(1)])
    ledger.originated++
    a.send(original)
    simulator.run(Infinity)
    expect([original.badFcs, ledger.dropped, ledger.imbalance()]).toEqual([false, 1, 0])
  })

  it('duplication: none at 0, every frame twice at 1', () => {
    expect(finish(100, [rules.duplication(0)]).arrivals).toHaveLength(100)
    const { sequences, ledger } = finish(100, [rules.duplication(1)])
    expect(sequences()).toEqual(Array.from({ length: 200 }, (_, i) => i >> 1))
    expect(ledger.copied).toBe(100)
    const both = finish(100, [rules.duplication(1), rules.duplication(1), rules.loss(1)])
    expect([both.arrivals.length, both.ledger.copied]).toEqual([0, 0])
  })

  it('delay shifts every frame by the same time', () => {
    const { arrivals, sequences } = finish(50, [rules.delay(MILLISECOND), rules.delay(MICROSECOND)])
    expect(sequences()).toEqual(Array.from({ length: 50 }, (_, i) => i))
    arrivals.forEach(({ time }, i) => {
      expect(time).toBe(i * 10 * MICROSECOND + JOURNEY + MILLISECOND + MICROSECOND)
    })
  })

  it('reordering lets later frames overtake those that it holds', () => {
    const held = 25 * MICROSECOND
    const { arrivals, sequences } = finish(2000, [rules.reordering(0.2, held)])
    const late = arrivals.filter(
      ({ time, frame }) => time === frame.sequence * 10 * MICROSECOND + JOURNEY + held,
    )
    expect(arrivals).toHaveLength(2000)
    expect(Math.abs(late.length - 400)).toBeLessThan(54)
    expect(sequences()).not.toEqual(Array.from({ length: 2000 }, (_, i) => i))
    const none = finish(100, [rules.reordering(0, held)]).sequences()
    expect(none).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })

  it('jitter spreads the delay over its whole range, each frame on its own', () => {
    const { arrivals } = finish(5000, [rules.jitter(1000)])
    const delays = arrivals.map(
      ({ time, frame }) => time - frame.sequence * 10 * MICROSECOND - JOURNEY,
    )
    const mean = delays.reduce((sum, each) => sum + each, 0) / delays.length
    expect([Math.min(...delays) >= 0, Math.max(...delays) <= 1000]).toEqual([true, true])
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(990)
    expect(Math.abs(mean - 500)).toBeLessThan(15)
  })

  it('blocks a UDP port in either direction, by the outer header', () => {
    const ports = [
      [4789, 40000],
      [40000, 4789],
      [40000, 40001],
    ]
    const { sequences, ledger } = finish(6, [rules.blockUdpPort(4789)], (frame, i) => {
      ;[frame.sourcePort, frame.destinationPort] = ports[i % 3] as [number, number]
      if (i === 3) frame.protocol = 6
      if (i === 4) frame.etherType = ETHERTYPE_ARP
      if (i !== 5) return
      frame.inner = new Frame()
      frame.inner.destinationPort = 4789
    })
    expect(sequences()).toEqual([2, 3, 4, 5])
    expect(ledger.dropsByReason()).toEqual(new Map([['blocked_port', 2]]))
  })

  it('knows the port of a first fragment only', () => {
    const whole = new Frame()
    whole.destinationPort = 8472
    const { sequences } = finish(2, [rules.blockUdpPort(8472)], (frame, i) => {
      frame.fragmentOf = whole
      frame.moreFragments = i === 0
      frame.fragmentOffset = i * 1480
    })
    expect(sequences()).toEqual([1])
  })

  it('blocks an IP protocol and packets over a size', () => {
    const filters = [rules.blockProtocol(PROTOCOL_IPIP), rules.maxPacket(1400)]
    const { sequences, ledger } = finish(4, filters, (frame, i) => {
      if (i === 0) frame.protocol = PROTOCOL_IPIP
      frame.l3Length = 1399 + i
      frame.vlan = 5
      if (i === 3) frame.l3Length = 1400
    })
    expect(sequences()).toEqual([1, 3])
    expect([...ledger.dropsByReason().keys()].sort()).toEqual([
      'blocked_protocol',
      'packet_too_big',
    ])
  })

  it('keeps its balance when the link is cut while frames are held back', () => {
    const { simulator, ledger, a, arrivals } = run(20, [
      rules.duplication(1),
      rules.delay(MILLISECOND),
    ])
    simulator.run(300 * MICROSECOND)
    expect([ledger.held(), ledger.imbalance()]).toEqual([40, 0])
    a.setUp(false)
    simulator.run(Infinity)
    expect([arrivals.length, ledger.held(), ledger.imbalance()]).toEqual([0, 0, 0])
    expect(ledger.dropsByReason()).toEqual(new Map([['link_down', 40]]))
  })

  it('stops when it is removed', () => {
    const rule = rules.loss(1)
    const { simulator, a, sequences } = run(10, [rule])
    simulator.run(45 * MICROSECOND)
    a.channel.remove(rule)
    simulator.run(Infinity)
    expect(sequences()).toEqual([5, 6, 7, 8, 9])
  })

  it('refuses what is no probability or time', () => {
    expect(() => rules.loss(1.1)).toThrow(RangeError)
    expect(() => rules.duplication(-0.1)).toThrow(RangeError)
    expect(() => rules.corruption(Number.NaN)).toThrow(RangeError)
    expect(() => rules.delay(-1)).toThrow(RangeError)
    expect(() => rules.jitter(Number.NaN)).toThrow(RangeError)
  })
})
