import { describe, expect, it } from 'vitest'
import { TCP_FIN, TCP_PSH } from '../../wire/tcp.ts'
import { SACKED, Segment } from './segment.ts'
import { SendQueue } from './send-queue.ts'

const MSS = 100

/** A queue of segments of `lengths` bytes, of which the first `sent` have been sent. */
function queueOf(lengths: readonly number[], sent: number): SendQueue {
  const queue = new SendQueue()
  let at = 1
  for (const length of lengths) {
    const segment = new Segment(at, (at += length))
    segment.setCount(MSS)
    queue.append(segment)
  }
  for (let i = 0; i < sent; i++) {
    queue.touch(queue.unsent!)
    queue.advance()
  }
  return queue
}

function ranges(queue: SendQueue): string[] {
  const found: string[] = []
  for (let s = queue.head; s !== null; s = s.next) found.push(`${s.start}-${s.end}`)
  return found
}

function inOrderOfSending(queue: SendQueue): number[] {
  const found: number[] = []
  for (let s = queue.oldest; s !== null; s = s.newer) found.push(s.start)
  return found
}

describe('SendQueue', () => {
  it('knows what was sent, and what comes first and last of it', () => {
    const queue = queueOf([100, 100, 100], 2)
    expect(queue.head!.start).toBe(1)
    expect(queue.lastSent!.start).toBe(101)
    expect(queue.unsent!.start).toBe(201)
    queue.shift()
    expect(ranges(queue)).toEqual(['101-201', '201-301'])
    expect(queue.size).toBe(2)
    expect(inOrderOfSending(queue)).toEqual([101])
  })

  it('keeps the order of sending through repetitions', () => {
    const queue = queueOf([100, 100, 100], 3)
    queue.touch(queue.head!)
    expect(inOrderOfSending(queue)).toEqual([101, 201, 1])
    queue.removeTimed(queue.head!.next!)
    expect(inOrderOfSending(queue)).toEqual([201, 1])
    queue.touch(queue.head!.next!)
    expect(inOrderOfSending(queue)).toEqual([201, 1, 101])
  })

  it('cuts a segment: PSH and FIN stay with its end', () => {
    const queue = queueOf([250, 100], 1)
    const head = queue.head!
    head.flags = TCP_PSH | TCP_FIN
    const rest = queue.split(head, 100)
    expect(ranges(queue)).toEqual(['1-101', '101-251', '251-351'])
    expect(head.flags).toBe(0)
    expect(rest.flags).toBe(TCP_PSH | TCP_FIN)
    expect(rest.length).toBe(149)
    expect(inOrderOfSending(queue)).toEqual([1, 101])
    expect(queue.unsent!.start).toBe(251)
  })

  it('fills a unit from those behind it', () => {
    const queue = queueOf([150, 80, 80], 0)
    queue.tail!.flags = TCP_PSH
    const first = queue.head!
    queue.grow(first, 50)
    expect(ranges(queue)).toEqual(['1-201', '201-231', '231-311'])
    queue.grow(first, 100)
    expect(ranges(queue)).toEqual(['1-231', '231-311'])
    queue.grow(first, 100)
    expect(ranges(queue)).toEqual(['1-311'])
    expect(first.flags).toBe(TCP_PSH)
    expect(queue.tail).toBe(first)
  })

  it('joins neighbours that have both arrived', () => {
    const queue = queueOf([100, 200, 100], 3)
    for (let s = queue.head; s !== null; s = s.next) {
      s.tags = SACKED
      queue.removeTimed(s)
    }
    queue.join(queue.head!)
    expect(ranges(queue)).toEqual(['1-301', '301-401'])
    expect(queue.head!.count).toBe(3)
  })
})
