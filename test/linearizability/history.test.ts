import { describe, expect, it } from 'vitest'
import { type Answer, faultsOf, type Operation, type Request } from './history.ts'

const NOTHING: Answer = { isDone: null, seen: null, revision: null, storeRevision: null }

/** One operation after the other, each of a client of its own; `null` = its outcome is unknown. */
function sequence(...steps: readonly [Request, Partial<Answer> | null][]): Operation[] {
  return steps.map(([request, answer], i) => ({
    client: `c${i}`,
    key: 'k',
    request,
    called: 2 * i,
    returned: answer === null ? Infinity : 2 * i + 1,
    answer: answer && { ...NOTHING, ...answer },
  }))
}

const put = (value: string): Request => ({ kind: 'put', value })
const swap = (revision: number, value: string): Request => ({
  kind: 'cas',
  expected: { revision },
  value,
})
const GET: Request = { kind: 'get' }
const DELETE: Request = { kind: 'delete' }
const seen = (value: string | null, revision: number) => ({ seen: { value, revision } })

describe('histories of a key', () => {
  const good: Record<string, Operation[]> = {
    'a swap by the revision that a put of unknown outcome got': sequence(
      [put('x'), null],
      [GET, seen('x', 7)],
      [swap(7, 'y'), { isDone: true, revision: 8 }],
      [GET, seen('y', 8)],
    ),
    'a put of unknown outcome that never was': sequence(
      [put('x'), null],
      [swap(0, 'y'), { isDone: true }],
      [GET, seen('y', 3)],
    ),
    'a key that is created, deleted and created': sequence(
      [swap(0, 'x'), { isDone: true, revision: 2 }],
      [DELETE, { isDone: true, revision: 3 }],
      [DELETE, { isDone: false }],
      [swap(0, 'y'), { isDone: true, revision: 4 }],
    ),
  }
  const bad: Record<string, [Operation[], RegExp]> = {
    'a swap by an old revision': [
      sequence(
        [put('x'), { revision: 2 }],
        [put('y'), { revision: 3 }],
        [swap(2, 'z'), { isDone: true, revision: 4 }],
      ),
      /^k is not linearizable/,
    ],
    'a refusal that saw an old value': [
      sequence(
        [put('x'), { revision: 2 }],
        [put('y'), { revision: 3 }],
        [swap(1, 'z'), { isDone: false, ...seen('x', 2) }],
      ),
      /^k is not linearizable/,
    ],
    'a deletion of what was there that found nothing': [
      sequence([put('x'), { revision: 2 }], [DELETE, { isDone: false }]),
      /^k is not linearizable/,
    ],
    'changes whose revisions are the wrong way round': [
      sequence([put('x'), { revision: 3 }], [put('y'), { revision: 2 }], [GET, seen('y', 2)]),
      /^k is not linearizable/,
    ],
    'a value of two revisions': [
      sequence([put('x'), { revision: 2 }], [GET, seen('x', 3)]),
      /^x has revision/,
    ],
    'a store whose revision goes back': [
      sequence(
        [put('x'), { revision: 5, storeRevision: 5 }],
        [GET, { ...seen('x', 5), storeRevision: 4 }],
      ),
      /^c1 is told of revision 4 after 5/,
    ],
    'a change that makes no new revision': [
      sequence(
        [put('x'), { revision: 5, storeRevision: 5 }],
        [DELETE, { isDone: true, revision: 5, storeRevision: 5 }],
      ),
      /^c1 is told of revision 5 after 5/,
    ],
  }

  it.each(Object.keys(good))('right: %s', (name) => {
    expect(faultsOf(good[name]!)).toEqual([])
  })

  it.each(Object.keys(bad))('wrong: %s', (name) => {
    const [ops, fault] = bad[name]!
    expect(faultsOf(ops)).toContainEqual(expect.stringMatching(fault))
  })

  it('are judged key by key', () => {
    const other = sequence([put('x'), { revision: 2 }], [GET, seen(null, 0)])
    const apart = other.map((op, i) => ({ ...op, key: `k${i}` }))
    expect([faultsOf(other).length, faultsOf(apart).length]).toEqual([1, 0])
  })
})
