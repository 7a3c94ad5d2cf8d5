import { describe, expect, it } from 'vitest'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { MICROSECOND, NANOSECOND } from '../sim/units.ts'
import { Frame } from '../wire/frame.ts'
import { type LinkOptions, Port, type PortOwner } from './port.ts'

const GIGABIT = 1e9

class Station implements PortOwner {
  readonly name: string
  readonly arrivals: { time: number; sequence: number }[] = []
  private readonly simulator: Simulator
  private readonly ledger: Ledger

  constructor(name: string, simulator: Simulator, ledger: Ledger) {
    this.name = name
    this.simulator = simulator
    this.ledger = ledger
  }

  receive(frame: Frame): void {
    this.arrivals.push({ time: this.simulator.now, sequence: frame.sequence })
    this.ledger.delivered++
  }
}

function pair(options: Partial<LinkOptions> = {}) {
  const simulator = new Simulator('port')
  const ledger = new Ledger()
  const [left, right] = [new Station('a', simulator, ledger), new Station('b', simulator, ledger)]
  const a = new Port(simulator, ledger, left, 0, 'p1')
  const b = new Port(simulator, ledger, right, 0, 'p1')
  Port.connect(a, b, { rate: 10 * GIGABIT, delay: 0, ...options })
  let sent = 0
  /** `length` is that of the frame from its destination MAC on, without FCS. */
  const send = (length: number, from = a) => {
    const frame = new Frame()
    frame.l3Length = length - 14
    frame.sequence = sent++
    ledger.originated++
    from.send(frame)
  }
  const times = () => right.arrivals.map(({ time }) => time)
  return { simulator, ledger, a, b, left, right, send, times }
}

/** Preamble, start delimiter, FCS and gap besides the frame: 24 bytes, as IEEE 802.3 has them. */
const slot = (length: number, rate: number) => ((Math.max(length, 60) + 24) * 8e12) / rate

describe('Port', () => {
  it.each([
    [60, 10 * GIGABIT, 67.2],
    [42, 10 * GIGABIT, 67.2],
    [1514, 10 * GIGABIT, 1230.4],
    [1514, 40 * GIGABIT, 307.6],
    [1514, 400 * GIGABIT, 30.76],
    [60, 1 * GIGABIT, 672],
  ])('a frame of %i B at %i b/s occupies the wire for %f ns', (length, rate, nanoseconds) => {
    const { simulator, send, times, a } = pair({ rate, delay: 5 * NANOSECOND })
    send(length)
    send(length)
    simulator.run(MICROSECOND * 10)
    const occupied = Math.round(nanoseconds * NANOSECOND)
    expect(times()).toEqual([occupied + 5000, 2 * occupied + 5000])
    expect([a.txFrames, a.txBytes]).toEqual([2, 2 * length])
    expect(a.txWireBytes).toBe((2 * occupied * rate) / 8e12)
  })

  it('adds the receiver’s latency to the arrival and leaves the other direction alone', () => {
    const { simulator, send, times, a, b, left } = pair({ delay: 1000 })
    b.receiveLatency = 300
    send(60)
    send(60, b)
    simulator.run(MICROSECOND)
    expect(times()).toEqual([67200 + 1000 + 300])
    expect(left.arrivals.map(({ time }) => time)).toEqual([67200 + 1000])
    expect([a.rxFrames, b.rxFrames]).toEqual([1, 1])
  })

  it('is FIFO and as fast as its rate, through the growth of its ring', () => {
    const { simulator, ledger, send, right, times } = pair({ delay: 50 * MICROSECOND })
    const lengths = Array.from({ length: 1000 }, (_, i) => 60 + ((i * 37) % 1454))
    let expected = 50 * MICROSECOND
    const arrivals = lengths.map((length) => (expected += slot(length, 10 * GIGABIT)))
    for (const length of lengths.slice(0, 500)) send(length)
    // The ring has wrapped when it grows the second time.
    simulator.run(arrivals[20]!)
    expect(right.arrivals).toHaveLength(21)
    for (const length of lengths.slice(500)) send(length)
    expect(ledger.held()).toBe(979)
    simulator.run(Infinity)
    expect(times()).toEqual(arrivals)
    expect(right.arrivals.map(({ sequence }) => sequence)).toEqual(lengths.map((_, i) => i))
    expect([ledger.held(), ledger.imbalance()]).toEqual([0, 0])
  })

  it('starts at once when idle, and not before the frame in front has left', () => {
    const { simulator, send, times } = pair({ rate: GIGABIT })
    simulator.callAt(0, () => send(60))
    simulator.callAt(671_999, () => send(60))
    simulator.callAt(1_344_000, () => send(60))
    simulator.callAt(9_000_000, () => send(60))
    simulator.run(Infinity)
    expect(times()).toEqual([672_000, 1_344_000, 2_016_000, 9_672_000])
  })

  it('limits its queue by bytes, the frame in transmission among them', () => {
    const { simulator, ledger, a, right, send } = pair({ queueBytes: 3000, delay: MICROSECOND })
    for (let i = 0; i < 4; i++) send(1000)
    expect([a.queueLength, ledger.dropped]).toEqual([3000, 1])
    simulator.run(slot(1000, 10 * GIGABIT) - 1)
    send(1000)
    expect(ledger.dropped).toBe(2)
    // The first has left the queue but not arrived: it is on the wire.
    simulator.run(slot(1000, 10 * GIGABIT))
    expect([a.queueLength, ledger.held()]).toEqual([2000, 3])
    send(1000)
    send(60)
    simulator.run(Infinity)
    expect(right.arrivals.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 5])
    expect([...ledger.dropCounts()]).toEqual([{ place: 'a/p1', reason: 'queue_full', count: 3 }])
    expect([a.queueLength, a.queuePeakBytes, ledger.imbalance()]).toEqual([0, 3000, 0])
  })

  it('limits its queue by frames', () => {
    const { simulator, ledger, a, right, send } = pair({ queueFrames: 2 })
    for (let i = 0; i < 5; i++) send(60)
    simulator.run(67_200)
    send(60)
    send(60)
    simulator.run(Infinity)
    expect(right.arrivals.map(({ sequence }) => sequence)).toEqual([0, 1, 5])
    expect([a.txFrames, ledger.dropped, ledger.imbalance()]).toEqual([3, 4, 0])
  })

  it('takes no unit that nobody has cut, however short', () => {
    const { ledger, a } = pair()
    const unit = new Frame()
    unit.l3Length = 400
    unit.gsoSize = 100
    ledger.originated++
    a.send(unit)
    expect([...ledger.dropCounts()]).toEqual([
      { place: 'a/p1', reason: 'frame_too_long', count: 1 },
    ])
  })

  it('keeps the limit of its own end unless the link names one', () => {
    const { ledger, a, b, send } = pair()
    a.limitQueue(100)
    for (let i = 0; i < 3; i++) send(60)
    for (let i = 0; i < 3; i++) send(60, b)
    expect([...ledger.dropCounts()]).toEqual([{ place: 'a/p1', reason: 'queue_full', count: 2 }])

    const simulator = new Simulator('limits')
    const station = new Station('c', simulator, ledger)
    const limited = [0, 1].map((i) => new Port(simulator, ledger, station, i, `p${i}`))
    limited[0]!.limitQueue(100)
    Port.connect(limited[0]!, limited[1]!, { rate: GIGABIT, delay: 0, queueBytes: 200 })
    for (let i = 0; i < 4; i++) send(60, limited[0]!)
    expect(limited[0]!.queueLength).toBe(180)
  })

  it('loses what is queued and on the wire when it is cut, and starts afresh', () => {
    const { simulator, ledger, a, right, left, send, b } = pair({ delay: MICROSECOND })
    for (let i = 0; i < 20; i++) send(60)
    for (let i = 0; i < 3; i++) send(60, b)
    // One has arrived, fifteen have left, the rest waits.
    simulator.run(67_200 + MICROSECOND)
    a.setUp(false)
    expect([a.queueLength, ledger.dropped, a.heldFrames()]).toEqual([0, 19, 0])
    send(60)
    // Before the cut, transmission would have gone on until 1.344 us: the queue is empty now.
    a.setUp(true)
    send(60)
    simulator.run(Infinity)
    expect(left.arrivals).toHaveLength(3)
    expect(right.arrivals.map(({ time, sequence }) => [time, sequence])).toEqual([
      [67_200 + MICROSECOND, 0],
      [2 * (67_200 + MICROSECOND), 24],
    ])
    expect(ledger.dropsByReason()).toEqual(new Map([['link_down', 20]]))
    expect([ledger.held(), ledger.imbalance()]).toEqual([0, 0])
  })

  it('drops what is too long or has no link', () => {
    const { simulator, ledger, send, right, a } = pair()
    send(1518)
    send(1519)
    const alone = new Port(simulator, ledger, right, 1, 'p2')
    send(60, alone)
    simulator.run(Infinity)
    expect(ledger.dropsByReason()).toEqual(
      new Map([
        ['frame_too_long', 1],
        ['no_link', 1],
      ]),
    )
    expect([right.arrivals.length, ledger.imbalance()]).toEqual([1, 0])
    expect(() => Port.connect(a, alone, { rate: GIGABIT, delay: 0 })).toThrow('a/p1 has a link')
  })
})
