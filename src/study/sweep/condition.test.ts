import { describe, expect, it } from 'vitest'
import { holds, parseCondition } from './condition.ts'

describe('condition', () => {
  it.each([
    ['flooded > 1%', 'flooded', '>', 0.01],
    ['goodput<9Gbps', 'goodput', '<', 9e9],
    ['stream.rtt.p99 >= 5ms', 'stream.rtt.p99', '>=', 5e9],
    ['leaf1.macEntries <= 8192', 'leaf1.macEntries', '<=', 8192],
    ['drops.link_loss > 0', 'drops.link_loss', '>', 0],
    ['fairness < 0.9', 'fairness', '<', 0.9],
  ])('reads %s', (text, metric, operator, value) => {
    expect(parseCondition(text)).toEqual({ metric, operator, value, text })
  })

  it.each([
    ['flooded', 'write it like'],
    ['flooded = 1%', 'write it like'],
    ['flooded > 1', 'has no unit'],
    ['macEntries > 5ms', 'is not a number'],
    ['floded > 1%', 'did you mean "flooded"?'],
    ['stream.drops > 1', 'there is no metric'],
  ])('refuses %s', (text, message) => {
    expect(() => parseCondition(text)).toThrow(message)
  })

  it.each([
    ['macEntries > 5', [false, false, true]],
    ['macEntries >= 5', [false, true, true]],
    ['macEntries < 5', [true, false, false]],
    ['macEntries <= 5', [true, true, false]],
  ])('decides %s', (text, at456) => {
    const condition = parseCondition(text)
    expect([4, 5, 6].map((value) => holds(condition, value))).toEqual(at456)
  })
})
