import { expect, it } from 'vitest'
import type { ComparedCell } from '../../study/compare/cell.ts'
import { glance } from './glance.ts'

const cell = (entrant: string, section: string, row: string, text: string): ComparedCell => ({
  entrant,
  section,
  row,
  text,
  seeds: [],
})

const CELLS = [
  cell('a', 'network model', 'bytes added', '0 B'),
  cell('b', 'network model', 'bytes added', '50 B'),
  cell('b', 'distributed store', 'store', 'etcd 3.4'),
  cell('a', 'performance', 'flow', '9.4 Gb/s'),
  cell('b', 'performance', 'flow', '5.1 Gb/s'),
  cell('a', 'performance', 'flow, limited by', 'link'),
]

it('shows the first figure of each workload, and leaves a place where nothing was said', () => {
  expect(glance(CELLS, ['a', 'b'], { color: false, columns: 40 })).toEqual([
    '',
    'at a glance ----------------------------',
    '',
    '   bytes     store      flow',
    '   added',
    'a    0 B            9.4 Gb/s',
    'b   50 B  etcd 3.4  5.1 Gb/s',
  ])
})

it('takes as many columns as there is room for, and none for less than two', () => {
  const heads = (columns: number) => glance(CELLS, ['a', 'b'], { color: false, columns })[3]?.trim()
  expect(heads(25)).toBe('bytes     store')
  expect(heads(12)).toBeUndefined()
  expect(glance(CELLS.slice(0, 2), ['a', 'b'], { color: false, columns: 80 })).toEqual([])
})
