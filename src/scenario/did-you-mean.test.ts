import { describe, expect, it } from 'vitest'
import { editDistance, nearest, suggest } from './did-you-mean.ts'

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['racks', 'rakcs', 1],
    ['racks', 'rack', 1],
    ['kitten', 'sitting', 3],
  ])('%j to %j', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
    expect(editDistance(b, a)).toBe(distance)
  })
})

describe('nearest', () => {
  const KEYS = ['mtu_exceeded_df', 'ttl_exceeded', 'racks', 'hostsPerRack', 'h1', 'h2']
  it.each([
    ['rakcs', 'racks'],
    ['RACKS', 'racks'],
    ['hostPerRack', 'hostsPerRack'],
    ['mtu_exeeded', 'mtu_exceeded_df'],
    ['h9', 'h1'],
    ['zebra', null],
    ['', null],
    ['x', null],
  ])('%s', (word, meant) => {
    expect(nearest(word, KEYS)).toBe(meant)
  })

  it('leaves the choice to the reader when nothing is near', () => {
    expect(suggest('zebra', ['racks', 'spines'], 'keys')).toBe('keys: racks, spines')
    expect(suggest('zebra', [], 'keys')).toBe('there are no keys')
    const many = Array.from({ length: 15 }, (_, i) => `name-${i}`)
    expect(suggest('zebra', many, 'keys')).toMatch(/name-11 and 3 more$/)
  })
})
