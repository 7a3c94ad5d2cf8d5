import { describe, expect, it } from 'vitest'
import { ConnectionTable } from './connection-table.ts'
import { Endpoint, type Verdict } from './endpoint.ts'

class Entry extends Endpoint {
  constructor(localPort: number, remoteAddress: number, remotePort: number) {
    super()
    this.localAddress = 1
    this.localPort = localPort
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
  }

  abandon(): void {}

  receive(): Verdict {
    return 'consumed'
  }
}

describe('ConnectionTable', () => {
  it('finds each of many connections, by all four parts of its name', () => {
    const table = new ConnectionTable()
    const entries: Entry[] = []
    for (let port = 32768; port < 33768; port++) entries.push(new Entry(port, 7, 80))
    for (let address = 100; address < 200; address++) entries.push(new Entry(80, address, 1024))
    for (const entry of entries) table.add(entry)
    expect(table.size).toBe(1100)
    for (const entry of entries) {
      expect(table.find(1, entry.localPort, entry.remoteAddress, entry.remotePort)).toBe(entry)
    }
    expect(table.find(2, 32768, 7, 80)).toBe(null)
    expect(table.find(1, 32768, 8, 80)).toBe(null)
    expect(table.find(1, 32768, 7, 81)).toBe(null)
    expect(table.find(1, 40000, 7, 80)).toBe(null)
  })

  it('forgets a connection, also the one found last', () => {
    const table = new ConnectionTable()
    const one = new Entry(1000, 7, 80)
    const other = new Entry(1001, 7, 80)
    table.add(one)
    table.add(other)
    expect(table.find(1, 1000, 7, 80)).toBe(one)
    table.remove(one)
    table.remove(one)
    expect(table.find(1, 1000, 7, 80)).toBe(null)
    expect(table.find(1, 1001, 7, 80)).toBe(other)
    expect(table.size).toBe(1)
  })

  it('spreads the ports of one pair of hosts over its buckets', () => {
    const table = new ConnectionTable()
    const entries = Array.from({ length: 4096 }, (_, i) => new Entry(32768 + i, 0x0a000002, 5201))
    for (const entry of entries) table.add(entry)
    const depth = (entry: Endpoint | null): number =>
      entry === null ? 0 : 1 + depth(entry.chained)
    expect(Math.max(...entries.map(depth))).toBeLessThan(12)
  })
})
