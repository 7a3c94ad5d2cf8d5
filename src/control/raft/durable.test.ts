import { expect, it } from 'vitest'
import { Durable } from './durable.ts'
import type { Entry, Snapshot, Write } from './types.ts'

const entry = (index: number, term: number): Entry => ({ index, term, data: null })

function disk(...writes: { entries?: Entry[]; snapshot?: Snapshot }[]): Durable {
  const durable = new Durable()
  for (const [i, { entries = [], snapshot = null }] of writes.entries()) {
    durable.apply({ id: i + 1, hardState: null, snapshot, entries, sync: true } satisfies Write)
  }
  return durable
}

const indexes = (durable: Durable) =>
  durable.restored().entries.map(({ index, term }) => `${index}/${term}`)

it('replaces the end of the log', () => {
  const log = [entry(1, 1), entry(2, 1), entry(3, 1)]
  expect(indexes(disk({ entries: log }, { entries: [entry(2, 2)] }))).toEqual(['1/1', '2/2'])
})

it('drops what its own snapshot covers, and a log that an installed one contradicts', () => {
  const log = [entry(1, 1), entry(2, 1), entry(3, 1)]
  const own = { index: 2, term: 1, data: null }
  const installed = { index: 2, term: 2, data: null }
  expect(indexes(disk({ entries: log }, { snapshot: own }))).toEqual(['3/1'])
  expect(indexes(disk({ entries: log }, { snapshot: installed }))).toEqual([])
  expect(indexes(disk({ snapshot: installed, entries: [entry(3, 2)] }))).toEqual(['3/2'])
})

it('has no gaps', () => {
  expect(() => disk({ entries: [entry(1, 1)] }, { entries: [entry(3, 1)] })).toThrow('entry 3')
})
