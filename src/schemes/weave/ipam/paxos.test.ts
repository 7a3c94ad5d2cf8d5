import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { Paxos } from './paxos.ts'

function nodes(count: number, quorum: number): Paxos[] {
  return Array.from({ length: count }, (_, i) => {
    const node = new Paxos({ name: i + 1, uid: BigInt(i + 100) })
    node.quorum = quorum
    return node
  })
}

describe('the election of the first peers', () => {
  it('needs only the one where the quorum is one', () => {
    const [node] = nodes(1, 1)
    node!.propose()
    expect(node!.consensus()).toEqual([1])
  })

  it('comes to no end without a quorum', () => {
    const [a, b] = nodes(2, 3)
    for (let i = 0; i < 5; i++) {
      a!.propose()
      for (const [from, to] of [
        [a, b],
        [b, a],
        [a, b],
        [b, a],
      ])
        if (to!.update(from!.claims)) to!.think()
    }
    expect(a!.consensus()).toBeNull()
    expect(b!.consensus()).toBeNull()
  })

  it('never comes to two results, whoever proposes and whatever gets lost', () => {
    let decided = 0
    for (let seed = 0; seed < 300; seed++) {
      const random = new RandomStreams(String(seed)).stream('paxos')
      const all = nodes(5, 3)
      const results = new Set<string>()
      for (let step = 0; step < 120; step++) {
        const from = all[random.integer(0, 4)]!
        const to = all[random.integer(0, 4)]!
        if (random.integer(0, 9) === 0) from.propose()
        else if (to.update(from.claims)) to.think()
        const result = to.consensus()
        if (result !== null) results.add(result.join())
      }
      expect(results.size).toBeLessThanOrEqual(1)
      for (const result of results) expect(result.split(',').length).toBeGreaterThanOrEqual(3)
      decided += results.size
    }
    expect(decided).toBeGreaterThan(200)
  })
})
