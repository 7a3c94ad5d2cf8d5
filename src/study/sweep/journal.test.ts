import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { JOURNAL_FILE, Journal, type JournalRow } from './journal.ts'

const IDENTITY = { format: 1, 'the scenario file': 'abc', '--vary': [['x', ['1', '2']]] }

function row(value: number): JournalRow {
  const metrics = { goodput: 1e9 / 3 + value }
  return { series: 0, point: [value], replica: 0, metrics, limitedBy: {}, failed: ['µ'] }
}

describe('journal', () => {
  let folder = ''
  let path = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'encap-journal-'))
    path = join(folder, JOURNAL_FILE)
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const open = (identity: Record<string, unknown> = IDENTITY) => Journal.open(folder, identity)
  const rowsOf = (journal: Journal) => {
    journal.close()
    return journal.rows
  }
  const fill = (...indices: readonly number[]) => {
    const journal = open()
    for (const index of indices) journal.append(row(index))
    journal.close()
  }

  it('is empty at first and makes its folder', () => {
    const deeper = join(folder, 'a/b')
    expect(rowsOf(Journal.open(deeper, IDENTITY))).toEqual([])
    expect(readFileSync(join(deeper, JOURNAL_FILE), 'utf8')).toBe(
      `${JSON.stringify({ sweep: IDENTITY })}\n`,
    )
  })

  it('keeps rows to the last digit, over any number of openings', () => {
    fill(3, 1)
    fill(0)
    expect(rowsOf(open())).toEqual([row(3), row(1), row(0)])
  })

  it('cuts off a torn last line, wherever it was torn, and goes on after it', () => {
    fill(0, 1)
    const whole = readFileSync(path)
    const rowAt = whole.lastIndexOf('\n', whole.length - 2) + 1
    for (let end = 0; end <= whole.length; end++) {
      writeFileSync(path, whole.subarray(0, end))
      const journal = open()
      const isBegun = whole.subarray(0, end).filter((byte) => byte === 10).length
      expect(journal.rows.map(({ point }) => point[0])).toEqual(
        [0, 1].slice(0, Math.max(0, isBegun - 1)),
      )
      journal.append(row(7))
      journal.close()
      if (end >= rowAt && end < whole.length) {
        expect(rowsOf(open())).toEqual([row(0), row(7)])
      }
    }
  })

  it.each(Object.keys(IDENTITY))('refuses one that differs in %s, and leaves it alone', (part) => {
    fill(0)
    appendFileSync(path, '{"torn')
    const before = readFileSync(path, 'utf8')
    expect(() => open({ ...IDENTITY, [part]: 'other' })).toThrow(
      `is of another sweep: it differs in ${part}`,
    )
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  it('goes on where a part has grown that may, keeps what was there, and does not shrink', () => {
    const grown = { ...IDENTITY, seeds: ['a', 'b', 'c'] }
    const begin = Journal.open(folder, { ...IDENTITY, seeds: ['a'] }, 'seeds')
    begin.append(row(0))
    begin.close()
    expect(() => Journal.open(folder, grown)).toThrow('it differs in seeds')
    for (let round = 0; round < 2; round++) {
      const journal = Journal.open(folder, grown, 'seeds')
      expect(rowsOf(journal)).toEqual([row(0)])
      // The second time there is nothing new to say.
      expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(3)
    }
    const fewer = () => Journal.open(folder, { ...IDENTITY, seeds: ['a', 'b'] }, 'seeds')
    expect(fewer).toThrow('it has more seeds already (3)')
    const others = () => Journal.open(folder, { ...IDENTITY, seeds: ['x', 'b', 'c', 'd'] }, 'seeds')
    expect(others).toThrow('it differs in seeds')
  })

  it('refuses a file that is no journal, and names the line', () => {
    fill(0)
    appendFileSync(path, 'hello\n')
    expect(() => open()).toThrow(`${JOURNAL_FILE}:3: this is no journal`)
  })
})
