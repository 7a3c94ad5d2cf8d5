import { describe, expect, it } from 'vitest'
import { DeviceBench, made } from '../../test/device-bench.ts'
import { SECOND } from '../sim/units.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { mac, macHi, macLo } from '../wire/mac-address.ts'
import { linkAdd } from './device-factory.ts'
import { VxlanFdb } from './vxlan-fdb.ts'

const A = mac('02:00:00:00:00:0a')
const [VTEP1, VTEP2, VTEP3] = [1, 2, 3].map((n) => ipv4(`192.168.50.${n}`)) as [
  number,
  number,
  number,
]

function fdb(maxAddresses = 0): VxlanFdb {
  const namespace = new DeviceBench().namespace('h')
  const device = made(linkAdd(namespace, { type: 'dummy', name: 'vx' }))
  return new VxlanFdb(device, { ageing: 10 * SECOND, maxAddresses })
}

describe('VxlanFdb', () => {
  it('keeps a chain of remotes in their order, each once', () => {
    const table = fdb()
    for (const dst of [VTEP1, VTEP2, VTEP3, VTEP2]) table.append({ lladdr: A, dst })
    table.append({ lladdr: A, dst: VTEP2, port: 4789, vni: 7, state: 'static' })
    const rows = () => table.entries(0).map((row) => String(row).slice('02:00:00:00:00:0a '.length))
    expect(rows()).toEqual([
      'dev vx dst 192.168.50.1 self permanent',
      'dev vx dst 192.168.50.2 self permanent',
      'dev vx dst 192.168.50.3 self permanent',
      'dev vx dst 192.168.50.2 port 4789 vni 7 self static',
    ])
    expect([table.remove(A, VTEP1), table.remove(A, VTEP3)]).toEqual([null, null])
    expect(rows().map((row) => row.split(' ')[3])).toEqual(['192.168.50.2', '192.168.50.2'])
    expect(table.remove(A, VTEP3)?.errno).toBe('ENOENT')
    table.replace({ lladdr: A, dst: VTEP3 })
    expect(rows()).toEqual(['dev vx dst 192.168.50.3 self permanent'])
    expect([table.remove(A), table.remove(A)?.errno, rows()]).toEqual([null, 'ENOENT', []])
  })

  it('learns up to its limit and forgets by age', () => {
    const table = fdb(2)
    const snoop = (n: number, now: number) => table.snoop(macHi(A + n), macLo(A + n), VTEP1, now)
    expect([snoop(0, 0), snoop(1, 0), snoop(2, 0)]).toEqual([true, true, true])
    expect([table.entries(0).length, table.refused]).toEqual([2, 1])
    snoop(1, 5 * SECOND)
    expect(table.entries(10 * SECOND).map((row) => row.mac)).toEqual([A + 1])
    snoop(2, 10 * SECOND)
    table.add({ lladdr: A, dst: VTEP2 })
    table.flush()
    expect(table.entries(10 * SECOND).map((row) => row.mac)).toEqual([A])
  })
})
