import { expect, it } from 'vitest'
import type { Entry, Message } from '../raft/types.ts'
import { WordsWriter } from './words.ts'

const entry = (index: number, data: unknown = { id: `a-${index}`, command: 'é"\n' }): Entry => ({
  index,
  term: 3,
  data,
})

const append = (to: string, entries: readonly Entry[]): Message => ({
  type: 'append',
  from: 'store "1"',
  to,
  term: 3,
  index: 6,
  logTerm: 2,
  entries,
  commit: 5,
})

it('writes what JSON.stringify does, also entries that it has written before', () => {
  const writer = new WordsWriter()
  const [first, second] = [entry(7), entry(8, null)]
  const messages: Message[] = [
    append('b', [first, second]),
    append('c', [first, second]),
    append('c', []),
    { type: 'heartbeat', from: 'a', to: 'b', term: 3, commit: 5, round: 1 },
  ]
  const proposals = [{ id: 'a-9', command: { api: 3 } }]
  for (const words of [
    { messages, proposals },
    { messages: [], proposals: [] },
    // Another entry in the place of the first, and one so much later that they share a slot.
    { messages: [append('b', [entry(7, 'other'), entry(7 + 1024)])], proposals: [] },
    { messages: [append('b', [first])], proposals: [] },
  ]) {
    expect(writer.write(words)).toBe(JSON.stringify(words))
  }
})
