import { describe, expect, it } from 'vitest'
import { SackBlocks } from './sack-blocks.ts'

function blocksOf(blocks: SackBlocks): [number, number][] {
  return Array.from({ length: blocks.count }, (_, i) => [blocks.starts[i]!, blocks.ends[i]!])
}

describe('SackBlocks', () => {
  it('has the latest block first, and at most four', () => {
    const blocks = new SackBlocks()
    for (const start of [10, 30, 50, 70, 90]) blocks.add(start, start + 5)
    expect(blocksOf(blocks)).toEqual([
      [90, 95],
      [70, 75],
      [50, 55],
      [30, 35],
    ])
  })

  it('joins what touches, on both sides', () => {
    const blocks = new SackBlocks()
    blocks.add(10, 20)
    blocks.add(50, 60)
    blocks.add(30, 40)
    blocks.add(20, 30)
    expect(blocksOf(blocks)).toEqual([
      [10, 40],
      [50, 60],
    ])
  })

  it('drops what has come in order', () => {
    const blocks = new SackBlocks()
    blocks.add(10, 20)
    blocks.add(50, 60)
    blocks.removeCovered(20)
    expect(blocksOf(blocks)).toEqual([[50, 60]])
  })

  it('reports neighbouring duplicates as one', () => {
    const blocks = new SackBlocks()
    expect(blocks.hasDsack).toBe(false)
    blocks.extendDsack(10, 20)
    blocks.extendDsack(20, 30)
    blocks.extendDsack(90, 95)
    expect([blocks.dsackStart, blocks.dsackEnd]).toEqual([10, 30])
    blocks.clearDsack()
    expect(blocks.hasDsack).toBe(false)
  })
})
