/** A scheme altered on purpose changes the cells that it should, and no others. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { Scheme } from '../../src/schemes/contract.ts'
import { builtinSchemes, type Schemes } from '../../src/schemes/registry.ts'
import { answerTask } from '../../src/study/compare/compare.ts'
import { QUESTIONS } from '../../src/study/compare/questions.ts'
import { forgetful, leaky } from './altered.ts'

const FILE = 'scenarios/compare.yaml'
const text = readFileSync(FILE, 'utf8')
const weave = builtinSchemes.get('weave')!

/** Texts of all cells of the sections of networks, by section and row. */
function cellsOf(schemes: Schemes, entrant: string): Map<string, string> {
  const questions = QUESTIONS.filter(({ name }) => ['networks', 'same subnet'].includes(name))
  const cells = questions.flatMap(({ name }) => {
    const task = { text, file: FILE, entrant, seed: '1', question: name }
    return answerTask(task, schemes).cells
  })
  return new Map(cells.map(({ section, row, text }) => [`${section}: ${row}`, text]))
}

function changes(scheme: Scheme, entrant: string): Record<string, string> {
  const [before, after] = [
    cellsOf(builtinSchemes, 'weave/fastdp'),
    cellsOf(builtinSchemes.with([scheme]), entrant),
  ]
  expect([...after.keys()]).toEqual([...before.keys()])
  const changed = [...after].filter(([key, text]) => before.get(key) !== text)
  return Object.fromEntries(changed.map(([key, text]) => [key, `${before.get(key)} -> ${text}`]))
}

it('an overlay that leaks between networks', () => {
  expect(changes(leaky(weave), 'leaky')).toEqual({
    'connectivity and isolation: other network, same host': 'no -> yes',
    'connectivity and isolation: other network, other host': 'no -> yes',
    'connectivity and isolation: pairs that reach each other': '24 of 72 -> 36 of 72',
  })
})

it('one that forgets its leases', () => {
  const changed = changes(forgetful(weave), 'forgetful')
  expect(Object.keys(changed)).toEqual(['IPAM: an address taken elsewhere'])
  expect(changed['IPAM: an address taken elsewhere']).toMatch(/^refused: .* -> given twice$/)
})
