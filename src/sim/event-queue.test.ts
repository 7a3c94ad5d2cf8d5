import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventQueue } from './event-queue.ts'
import { Simulator } from './simulator.ts'

interface Pending {
  time: number
  sequence: number
}

/** Runs pushes and pops against a list that is sorted at every step, and compares what comes out. */
function agreesWithSortedList(delays: readonly number[], pops: readonly number[]): void {
  const queue = new EventQueue()
  const list: Pending[] = []
  let now = 0
  let sequence = 0
  const target = { fire: () => {} }
  delays.forEach((delay, i) => {
    const time = now + delay
    queue.push(time, sequence, target, sequence)
    list.push({ time, sequence })
    sequence++
    for (let n = pops[i % pops.length] ?? 0; n > 0 && list.length > 0; n--) {
      list.sort((a, b) => a.time - b.time || a.sequence - b.sequence)
      const expected = list.shift()!
      expect(queue.peekTime()).toBe(expected.time)
      expect(queue.pop(expected.time - 1)).toBeNull()
      expect(queue.pop(Infinity)).toBe(target)
      expect([queue.poppedTime, queue.poppedArgument]).toEqual([expected.time, expected.sequence])
      now = expected.time
    }
    expect(queue.size).toBe(list.length)
  })
}

describe('EventQueue', () => {
  it('gives events back as a sorted list would, whatever their spread', () => {
    const spread = fc.oneof(
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 0, max: 1e6 }),
      fc.integer({ min: 0, max: 1e9 }),
      fc.integer({ min: 0, max: 1e15 }),
    )
    fc.assert(
      fc.property(
        fc.array(spread, { maxLength: 300 }),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 7 }),
        agreesWithSortedList,
      ),
      { seed: 20261122, numRuns: process.env['ENCAP_DEEP'] ? 5000 : 250 },
    )
  })

  it('keeps the order while it tunes its bucket width to a dense and to a sparse load', () => {
    for (const range of [1e3, 1e13]) {
      const simulator = new Simulator('tune')
      const stream = simulator.random.stream('delays')
      const fired: number[] = []
      const target = {
        fire: (sequence: number) => {
          fired.push(simulator.now)
          if (sequence > 0) simulator.after(stream.integer(0, range), target, sequence - 1)
        },
      }
      for (let i = 0; i < 1000; i++) simulator.at(stream.integer(0, range), target, 60)
      simulator.run(Infinity)
      expect(fired).toHaveLength(61000)
      expect(fired.every((time, i) => i === 0 || fired[i - 1]! <= time)).toBe(true)
    }
  })

  it('keeps the order from few events to many and back, with some far beyond the rest', () => {
    const queue = new EventQueue()
    const stream = new Simulator('crowd').random.stream('delays')
    const target = { fire: () => {} }
    const last = { time: 0, sequence: 0 }
    let sequence = 0
    const push = () => {
      const delay = stream.integer(0, 99) === 0 ? 1e12 : stream.integer(0, 1e6)
      sequence++
      queue.push(last.time + delay, sequence, target, sequence)
    }
    const pop = () => {
      expect(queue.pop(Infinity)).toBe(target)
      const { poppedTime: time, poppedArgument } = queue
      const isLater = time > last.time || (time === last.time && poppedArgument > last.sequence)
      if (!isLater) throw new Error(`${poppedArgument} at ${time} came after ${last.time}`)
      Object.assign(last, { time, sequence: poppedArgument })
    }
    for (const pending of [5, 30_000, 5, 100]) {
      while (queue.size < pending) push()
      while (queue.size > pending) pop()
      for (let i = 0; i < 20_000; i++) {
        push()
        pop()
      }
    }
    while (queue.size > 0) pop()
    expect(sequence).toBeGreaterThan(110_000)
    expect(queue.pop(Infinity)).toBeNull()
  })

  it('runs events of one instant in the order in which they were scheduled', () => {
    const simulator = new Simulator('ties')
    const order: number[] = []
    const target = { fire: (n: number) => order.push(n) }
    for (let n = 0; n < 2000; n++) simulator.at(5, target, n)
    simulator.run(5)
    expect(order).toEqual(Array.from({ length: 2000 }, (_, n) => n))
  })
})

describe('Simulator', () => {
  it('refuses the past and stops exactly at `until`', () => {
    const simulator = new Simulator('past')
    let fired = 0
    simulator.callAt(10, () => fired++)
    simulator.callAt(11, () => fired++)
    simulator.run(10)
    expect([fired, simulator.now]).toEqual([1, 10])
    expect(() => simulator.callAt(9, () => {})).toThrow(RangeError)
    simulator.callAt(10, () => fired++)
    simulator.run(20)
    expect([fired, simulator.now]).toEqual([3, 20])
  })

  it('gives a stream the same draws whatever other streams exist', () => {
    const alone = new Simulator('s').random.stream('host/a')
    const { random } = new Simulator('s')
    random.stream('host/b').next()
    const beside = random.stream('host/a')
    const draws = Array.from({ length: 5 }, () => alone.next())
    expect(Array.from({ length: 5 }, () => beside.next())).toEqual(draws)
    expect(new Set(draws).size).toBe(5)
  })
})

describe('bursts in lock-step, far apart', () => {
  // A width that suits the pauses puts a whole burst into one list, and every insertion walks it.
  it('cost no more than their number', () => {
    const queue = new EventQueue()
    const random = new Simulator('lock-step').random.stream('delays')
    let sequence = 0
    const target = { fire: () => {} }
    const push = (time: number, argument: number) => queue.push(time, sequence++, target, argument)
    for (let i = 0; i < 20_000; i++) push(random.integer(0, 1e6), 1)
    let [lastTime, lastSequence] = [-1, -1]
    for (let n = 0; n < 300_000; n++) {
      queue.pop(Infinity)
      const { poppedTime: now, poppedSequence, poppedArgument } = queue
      const isLater = now > lastTime || (now === lastTime && poppedSequence > lastSequence)
      if (!isLater) expect([now, poppedSequence]).toEqual(['later than', lastTime, lastSequence])
      ;[lastTime, lastSequence] = [now, poppedSequence]
      if (poppedArgument !== 1) continue
      for (let k = 0; k < 3; k++) push(now + 5e6 + random.integer(0, 1e5), 2)
      push(now + 30e12 + random.integer(0, 1e3), 1)
    }
    expect(queue.size).toBeGreaterThan(20_000)
  })
})
