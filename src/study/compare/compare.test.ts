import { expect, it } from 'vitest'
import { type Cell, mergeSeeds } from './cell.ts'
import { type ComparePlan, Comparison } from './compare.ts'
import { chooseEntrants, type Entrant } from './entrant.ts'
import { SECTIONS } from './question.ts'

const entrant = (name: string): Entrant => ({
  name,
  scheme: name.split('/')[0]!,
  options: {},
  another: {},
  store: null,
  fabric: {},
  shortLeases: {},
})

const EVIDENCE = { scenario: 's', probe: 'ping', instant: 1 }
const cell = (row: string, value: Cell['value'], text = String(value)): Cell => ({
  section: 'performance',
  row,
  value,
  text,
  evidence: EVIDENCE,
})

it('puts seeds together: one text, a range, or one by one', () => {
  const merged = mergeSeeds('a', [
    { seed: '1', cells: [cell('same', 1), cell('range', 9, '9 B'), cell('words', 'yes')] },
    { seed: '2', cells: [cell('same', 1), cell('range', 10, '10 B'), cell('words', 'no')] },
    { seed: '3', cells: [cell('range', 2, '2 B'), cell('words', 'no')] },
  ])
  expect(merged.map(({ row, text }) => [row, text])).toEqual([
    ['same', '1'],
    ['range', '2..10 B'],
    ['words', 'yes | no'],
  ])
  expect(merged[1]!.seeds.map(({ seed, value }) => [seed, value])).toEqual([
    ['1', 9],
    ['2', 10],
    ['3', 2],
  ])
})

it('names the first of long texts, and how many others there are', () => {
  const long = 'x'.repeat(30)
  const [merged] = mergeSeeds('a', [
    { seed: '1', cells: [cell('row', long)] },
    { seed: '2', cells: [cell('row', 'y'.repeat(30))] },
  ])
  expect(merged!.text).toBe(`${long} (and 1 other)`)
})

it('chooses entrants by scheme or by variant, in their own order', () => {
  const all = ['a/1', 'a/2', 'b/1'].map(entrant)
  const names = (wanted: readonly string[]) => {
    const chosen = chooseEntrants(all, wanted)
    return 'problem' in chosen ? chosen.problem : chosen.entrants.map(({ name }) => name)
  }
  expect(names([])).toEqual(['a/1', 'a/2', 'b/1'])
  expect(names(['b', 'a/2'])).toEqual(['a/2', 'b/1'])
  expect(names(['a/3'])).toMatch(/^there is no scheme "a\/3"/)
})

it('shows what is there when only a part was done', () => {
  const plan: ComparePlan = {
    text: '',
    file: 'x.yaml',
    name: 'x',
    seeds: ['1', '2'],
    entrants: [entrant('a'), entrant('b')],
    needs: null,
    sections: SECTIONS,
  }
  const comparison = new Comparison(plan)
  const [first, second] = comparison.tasks
  // With the first seed all are asked before anybody is with the second.
  const ofFirstSeed = comparison.tasks.slice(0, comparison.tasks.length / 2)
  expect(ofFirstSeed.every(({ seed }) => seed === '1')).toBe(true)
  comparison.add(first!, { cells: [cell('row', 1)], scenarios: [['s', 'text']], refusal: null })
  comparison.add(second!, { cells: [], scenarios: [], refusal: 'no room' })
  const result = comparison.result()
  expect(result.cells.map(({ entrant: name, row }) => [name, row])).toEqual([['a', 'row']])
  expect([...result.scenarios]).toEqual([['s', 'text']])
  expect(result.refusals).toEqual([{ entrant: 'a', message: 'no room' }])
  expect(result.missing).toBe(result.total - 2)
})

it('asks only what fills the sections that are asked for, and leaves the rest of it out', () => {
  const plan: ComparePlan = {
    text: '',
    file: 'x.yaml',
    name: 'x',
    seeds: ['1'],
    entrants: [entrant('a')],
    needs: null,
    sections: ['IPAM'],
  }
  const comparison = new Comparison(plan)
  expect(comparison.tasks.map(({ question }) => question)).toEqual(['networks', 'same subnet'])
  const cells = [cell('row', 1), { ...cell('other', 2), section: 'IPAM' }]
  comparison.add(comparison.tasks[0]!, { cells, scenarios: [], refusal: null })
  expect(comparison.result().cells.map(({ row }) => row)).toEqual(['other'])
})
