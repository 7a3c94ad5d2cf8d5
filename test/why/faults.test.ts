/**
 * `encap why` against generated faults: rows, rules, MTUs, devices, cables and daemons of built worlds are
 * deleted or altered, one or two at a time or none. Undoing what it names, and that alone, has to make the
 * same packet arrive; with two in the way it is asked once more. Where it arrives, nothing may be named.
 */
import { expect, it } from 'vitest'
import { DEEP, seedNumbers } from '../seeds.ts'
import { type Trial, tryFaults } from './trial.ts'

const SET = 500
const SHARE_FOUND = 0.95

function described({ name, faults, named, miss }: Trial): string {
  const causes = named.map(({ kind, finding, place, subject }) => {
    return `${kind} ${finding} ${place} ${subject}`
  })
  return `${name}: ${faults.join(' and ')}\n  named: ${causes.join(', then ')}\n  ${miss}`
}

it('names what, undone, lets the packet through', () => {
  const trials = seedNumbers(SET).map((number) => tryFaults(`why-${number}`, number))
  const misses = trials.filter(({ miss }) => miss !== null)
  const harmful = trials.filter(({ named }) => named.length > 0)
  const list = misses.map(described).join('\n')
  if (DEEP) console.log(`${trials.length} trials, ${harmful.length} harmful, missed:\n${list}`)
  expect(harmful.length, 'trials in which something was lost').toBeGreaterThan(trials.length / 2)
  expect(1 - misses.length / trials.length, list).toBeGreaterThanOrEqual(SHARE_FOUND)
}, 1_800_000)
