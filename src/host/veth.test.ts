import { describe, expect, it } from 'vitest'
import { DeviceBench, made } from '../../test/device-bench.ts'
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
})
