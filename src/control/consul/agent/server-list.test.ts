import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { ServerList } from './server-list.ts'

function listOf(...names: string[]): ServerList {
  const list = new ServerList()
  for (const [address, name] of names.entries()) list.add({ name, address })
  return list
}

function order(list: ServerList): string[] {
  return Array.from({ length: list.length }, () => {
    const first = list.first!
    list.failed(first)
    return first.name
  })
}

describe('ServerList', () => {
  it('has none at first', () => {
    expect(new ServerList().first).toBeNull()
  })

  it('moves the first to the end when it fails, once for calls that fail together', () => {
    const list = listOf('a', 'b', 'c')
    const first = list.first!
    list.failed(first)
    list.failed(first)
    expect(order(list)).toEqual(['b', 'c', 'a'])
  })

  it('keeps the place of a server that is told of again, with its new address', () => {
    const list = listOf('a', 'b')
    list.add({ name: 'a', address: 9 })
    expect(list.first).toEqual({ name: 'a', address: 9 })
    expect(order(list)).toEqual(['a', 'b'])
    list.remove('a')
    expect(order(list)).toEqual(['b'])
  })

  it('comes in any order when it is shuffled, with all its servers', () => {
    const stream = new RandomStreams('1').stream('servers')
    const list = listOf('a', 'b', 'c')
    const orders = new Set<string>()
    for (let i = 0; i < 100; i++) {
      list.shuffle(stream)
      orders.add(order(list).join(''))
    }
    expect([...orders].sort()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])
  })
})
