import { describe, expect, it } from 'vitest'
import { DeviceBench, made } from '../../test/device-bench.ts'
import { testCosts } from '../../test/test-costs.ts'
import { MICROSECOND } from '../sim/units.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { linkAdd } from './device-factory.ts'
import type { Veth } from './veth.ts'

describe('Veth', () => {
  it('joins two kernels: ARP, echo, reply', () => {
    const bench = new DeviceBench()
    const a = bench.namespace('a')
    const b = bench.namespace('b', bench.addKernel('other'))
    const [, far] = bench.join(a, b, { a: '10.0.0.1/24', b: '10.0.0.2/24' })
    const seen = bench.record(far)
    expect(bench.ping(a, '10.0.0.2')).toBe(true)
    expect(seen.slice(0, 4).map(({ direction, text }) => `${direction} ${text}`)).toEqual([
      expect.stringMatching(/^in .*who-has 10\.0\.0\.2 tell 10\.0\.0\.1/),
      expect.stringMatching(/^out .*Reply 10\.0\.0\.2 is-at/),
      expect.stringMatching(/^in .*request, id/),
      expect.stringMatching(/^out .*reply, id/),
    ])
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('takes what exceeds its MTU by a tag, and drops a byte more without a word', () => {
    const bench = new DeviceBench()
    const a = bench.namespace('a')
    const b = bench.namespace('b')
    const [near, far] = bench.join(a, b)
    const seen = bench.record(far)
    bench.inject(near, near.mac, far.mac, 1518)
    bench.inject(near, near.mac, far.mac, 1519)
    expect(seen.map(({ frame }) => frame.length)).toEqual([1518])
    expect(bench.drops()).toEqual({ packet_too_big: 1, unhandled_protocol: 1 })
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('drops at a peer that is down, and takes the peer with it when it goes', () => {
    const bench = new DeviceBench()
    const a = bench.namespace('a')
    const b = bench.namespace('b')
    const [near, far] = bench.join(a, b)
    far.setUp(false)
    bench.inject(near, near.mac, far.mac)
    expect(bench.drops()).toEqual({ device_down: 1 })
    near.remove()
    expect([a.device('eth0'), b.device('eth0')]).toEqual([undefined, undefined])
    expect((near as Veth).peer).toBeNull()
  })

  it('leaves mark and conntrack entry behind, the mark only between namespaces', () => {
    const bench = new DeviceBench()
    const a = bench.namespace('a')
    const pair = made(linkAdd(a, { type: 'veth', name: 'v0', peer: { name: 'v1' } }))
    pair.setUp(true)
    pair.peer!.setUp(true)
    const [near, far] = bench.join(a, bench.namespace('b'))
    for (const [from, to, mark] of [
      [pair, pair.peer!, 7],
      [near, far, 0],
    ] as const) {
      const seen = bench.record(to)
      from.tap = {
        frame: (_time, frame) => {
          frame.mark = 7
          frame.conntrack = {}
        },
      }
      bench.inject(from, from.mac, to.mac)
      expect(seen.map(({ frame }) => [frame.mark, frame.conntrack])).toEqual([[mark, null]])
    }
  })

  it('hands a frame to another machine when the work that sends it ends', () => {
    const costs = testCosts({ unit: { veth: 1000, backlog: 500, arp: 2000 } })
    const bench = new DeviceBench('6.18', 'veth', costs)
    const other = bench.addKernel('other', costs)
    const [a, b] = [bench.namespace('a'), bench.namespace('b', other)]
    const [near, far] = bench.join(a, b, { a: '10.0.0.1/24', b: '10.0.0.2/24' })
    const times: string[] = []
    for (const device of [near, far]) {
      device.tap = {
        frame: (time, _frame, direction) => {
          times.push(`${device.namespace.name} ${direction} ${time / MICROSECOND}`)
        },
      }
    }
    bench.kernel.softirq(() => {
      a.arp.announce(near, ipv4('10.0.0.1'))
      a.arp.solicit(a.neighbours.lookupOrCreate(near, ipv4('10.0.0.2'))!, null)
    })
    expect(bench.ledger.imbalance()).toBe(0)
    bench.run()
    // Both are made in one work of 2 x 3 us; each is read in one of its own, the second with the answer.
    const expected = ['a out 0', 'a out 0', 'b in 6', 'b in 8.5', 'b out 8.5', 'a in 14']
    expect(times).toEqual(expected)
    for (const { machine } of [bench.kernel, other]) expect(machine!.unaccounted).toBe(0)
    expect(bench.ledger.imbalance()).toBe(0)
  })
})
