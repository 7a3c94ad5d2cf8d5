import { describe, expect, it } from 'vitest'
import { BroadcastQueue } from './broadcast-queue.ts'

/** A message of `length` bytes, each the code of `letter`. */
const message = (letter: string, length: number): Uint8Array =>
  new Uint8Array(length).fill(letter.charCodeAt(0))
const letters = (taken: readonly Uint8Array[]): string =>
  taken.map(([code]) => String.fromCharCode(code!)).join('')

describe('a queue of broadcasts', () => {
  it('sends each 4 * ceil(log10(n + 1)) times and says when that is done', () => {
    const queue = new BroadcastQueue(4, () => 10)
    const finished: string[] = []
    queue.queue({ content: message('a', 10), finished: () => finished.push('a') })
    for (let i = 0; i < 7; i++) expect(letters(queue.take(2, 100))).toBe('a')
    expect(finished).toEqual([])
    expect(letters(queue.take(2, 100))).toBe('a')
    expect(finished).toEqual(['a'])
    expect(queue.take(2, 100)).toEqual([])
  })

  it('prefers what was sent less often, then the longest that fit, then the newest', () => {
    const queue = new BroadcastQueue(4, () => 10)
    queue.queue({ content: message('a', 10) })
    expect(letters(queue.take(2, 100))).toBe('a')
    queue.queue({ content: message('b', 10) })
    queue.queue({ content: message('c', 20) })
    queue.queue({ content: message('d', 10) })
    queue.queue({ content: message('e', 30) })
    // 46 bytes: c with its overhead leaves 24, into which e does not go, but d and b do.
    expect(letters(queue.take(2, 46))).toBe('ed')
    expect(letters(queue.take(2, 46))).toBe('cbd')
    expect(queue.length).toBe(5)
  })

  it('lets a newer one take the place of an older one of its name', () => {
    const queue = new BroadcastQueue(4, () => 10)
    const finished: string[] = []
    queue.queue({ content: message('a', 10), name: 'm1', finished: () => finished.push('a') })
    queue.queue({ content: message('x', 5) })
    queue.queue({ content: message('b', 10), name: 'm1' })
    expect(finished).toEqual(['a'])
    expect(letters(queue.take(2, 100))).toBe('bx')
    // Named or not, it is forgotten when it is done.
    while (queue.length > 0) queue.take(2, 100)
    queue.queue({ content: message('c', 10), name: 'm1' })
    expect(finished).toEqual(['a'])
  })

  it('is cut from the end, where those sent most often stand', () => {
    const queue = new BroadcastQueue(4, () => 10)
    const finished: string[] = []
    queue.queue({ content: message('a', 10), finished: () => finished.push('a') })
    queue.take(2, 100)
    queue.queue({ content: message('b', 10) })
    queue.prune(1)
    expect(finished).toEqual(['a'])
    expect(letters(queue.take(2, 100))).toBe('b')
  })
})
