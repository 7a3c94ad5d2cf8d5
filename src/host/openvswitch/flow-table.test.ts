import { describe, expect, it } from 'vitest'
import { Frame } from '../../wire/frame.ts'
import { type MacAddress, macHi, macLo } from '../../wire/mac-address.ts'
import { Flow, type FlowKey, type TunnelKey } from './flow.ts'
import { FlowTable } from './flow-table.ts'

const A: MacAddress = 0x02000000000a
const B: MacAddress = 0x02000000000b
const TUNNEL: TunnelKey = { id: 0x102101, source: 1, destination: 2 }

function frame(source: MacAddress, destination: MacAddress): Frame {
  const made = new Frame()
  made.srcHi = macHi(source)
  made.srcLo = macLo(source)
  made.dstHi = macHi(destination)
  made.dstLo = macLo(destination)
  return made
}

function flow(key: Partial<FlowKey>): Flow {
  const ethernet = { source: A, destination: B }
  return new Flow({ inPort: 1, tunnel: null, ethernet, ...key }, [])
}

describe('the flow table of a datapath', () => {
  it('takes a packet for a flow only when port, tunnel and both addresses are its own', () => {
    const table = new FlowTable()
    const plain = flow({})
    const tunnelled = flow({ inPort: 2, tunnel: TUNNEL })
    table.add(plain)
    table.add(tunnelled)
    expect(table.lookup(frame(A, B), 1, null)).toBe(plain)
    expect(table.lookup(frame(A, B), 2, { ...TUNNEL })).toBe(tunnelled)
    for (const other of [
      table.lookup(frame(B, A), 1, null),
      table.lookup(frame(A, B), 3, null),
      table.lookup(frame(A, B), 2, null),
      table.lookup(frame(A, B), 2, { ...TUNNEL, id: 0x101102 }),
      table.lookup(frame(A, B), 2, { ...TUNNEL, source: 3 }),
      table.lookup(frame(A, B), 2, { ...TUNNEL, destination: 3 }),
    ]) {
      expect(other).toBeNull()
    }
  })

  it('asks flows of all addresses last', () => {
    const table = new FlowTable()
    const all = flow({ tunnel: TUNNEL, ethernet: null })
    const one = flow({ tunnel: TUNNEL })
    table.add(all)
    expect(table.lookup(frame(A, B), 1, TUNNEL)).toBe(all)
    table.add(one)
    expect(table.lookup(frame(A, B), 1, TUNNEL)).toBe(one)
    expect(table.lookup(frame(B, A), 1, TUNNEL)).toBe(all)
    expect(table.remove(all)).toBe(true)
    expect(table.lookup(frame(B, A), 1, TUNNEL)).toBeNull()
  })

  it('holds one flow of a key, and thousands of others', () => {
    const table = new FlowTable()
    const flows = Array.from({ length: 5000 }, (_, i) =>
      flow({ ethernet: { source: A + i, destination: B } }),
    )
    expect(flows.every((each) => table.add(each))).toBe(true)
    expect(table.add(flow({}))).toBe(false)
    expect(table.size).toBe(5000)
    expect(new Set(table.entries()).size).toBe(5000)
    expect(flows.every((each, i) => table.lookup(frame(A + i, B), 1, null) === each)).toBe(true)
    for (const each of flows) expect(table.remove(each)).toBe(true)
    expect(table.remove(flows[0]!)).toBe(false)
    expect([table.size, table.entries().length]).toEqual([0, 0])
  })
})
