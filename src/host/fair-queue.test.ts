import { describe, expect, it } from 'vitest'
import { Frame } from '../wire/frame.ts'
import { FairQueue } from './fair-queue.ts'

const QUANTUM = 1514

/** @param flow told apart afterwards by `ipId`, with the number in it. */
function frame(flow: number, number: number, bytes = 1514): Frame {
  const made = new Frame()
  made.ipId = flow * 100 + number
  made.l3Length = bytes - 14
  return made
}

function fill(queue: FairQueue, flow: number, count: number, bytes = 1514): void {
  for (let i = 0; i < count; i++)
    expect(queue.push(frame(flow, i, bytes), flow, QUANTUM)).toBeNull()
}

function drain(queue: FairQueue, most = Infinity): number[] {
  const order: number[] = []
  while (order.length < most) {
    const next = queue.shift(QUANTUM)
    if (next === null) break
    order.push(next.ipId)
  }
  return order
}

describe('FairQueue', () => {
  it('lets flows take turns, each in its own order', () => {
    const queue = new FairQueue(100)
    fill(queue, 1, 4)
    fill(queue, 2, 2)
    fill(queue, 3, 1)
    expect([queue.length, queue.bytes]).toEqual([7, 7 * 1514])
    expect(drain(queue)).toEqual([100, 200, 300, 101, 201, 102, 103])
    expect([queue.length, queue.bytes, queue.shift(QUANTUM)]).toEqual([0, 0, null])
  })

  it('shares by bytes, whatever the size of a frame', () => {
    const queue = new FairQueue(1000)
    fill(queue, 1, 10, 60_000)
    fill(queue, 2, 90, 1500)
    const order = drain(queue, 82)
    const large = order.filter((id) => id < 200).length
    expect(large).toBe(2)
  })

  it('lets a flow go first that has just begun, once', () => {
    const queue = new FairQueue(100)
    fill(queue, 1, 5)
    fill(queue, 2, 5)
    expect(drain(queue, 4)).toEqual([100, 200, 101, 201])
    fill(queue, 3, 2)
    expect(drain(queue)).toEqual([300, 102, 301, 202, 103, 203, 104, 204])
  })

  it('forgets a flow that has sent all, and begins it anew', () => {
    const queue = new FairQueue(100)
    for (let round = 0; round < 3; round++) {
      fill(queue, 1, 1)
      expect(drain(queue)).toEqual([100])
    }
  })

  it('drops the oldest frame of the flow that has the most when it is full', () => {
    const queue = new FairQueue(6)
    fill(queue, 1, 4)
    fill(queue, 2, 2)
    expect(queue.push(frame(3, 0), 3, QUANTUM)?.ipId).toBe(100)
    expect(queue.push(frame(3, 1), 3, QUANTUM)?.ipId).toBe(101)
    expect([queue.length, queue.bytes]).toEqual([6, 6 * 1514])
    expect(drain(queue)).toEqual([102, 200, 300, 103, 201, 301])
  })
})
