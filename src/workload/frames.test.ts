import { describe, expect, it } from 'vitest'
import { CabledHosts } from '../../test/cabled-hosts.ts'
import { MILLISECOND } from '../sim/units.ts'
import type { Frame } from '../wire/frame.ts'
import { BROADCAST_MAC, formatMacHalves, mac } from '../wire/mac-address.ts'
import { ETHERTYPE_EXPERIMENTAL } from './frame-stream.ts'
import { FrameCounter, Frames } from './frames.ts'
import { Macof, type MacofOptions } from './macof.ts'

interface Seen {
  readonly time: number
  readonly source: string
  readonly destination: string
  readonly length: number
}

/** Notes what leaves a host. */
function watch(hosts: CabledHosts): Seen[] {
  const seen: Seen[] = []
  hosts.a.nic.tap = {
    frame: (time, frame: Frame) => {
      if (frame.etherType !== ETHERTYPE_EXPERIMENTAL) throw new Error('another EtherType')
      seen.push({
        time,
        source: formatMacHalves(frame.srcHi, frame.srcLo),
        destination: formatMacHalves(frame.dstHi, frame.dstLo),
        length: frame.length,
      })
    },
  }
  return seen
}

function macof(hosts: CabledHosts, options: Partial<MacofOptions> = {}): Macof {
  const workload = new Macof({
    simulator: hosts.simulator,
    name: 'macof-1',
    devices: [hosts.a.nic],
    destination: BROADCAST_MAC,
    at: MILLISECOND,
    packetRate: 10_000,
    count: 5000,
    macs: null,
    ...options,
  })
  workload.start()
  return workload
}

describe('macof', () => {
  it('sends each frame from a new local unicast address, on time', () => {
    const hosts = new CabledHosts()
    const seen = watch(hosts)
    const workload = macof(hosts)
    hosts.simulator.run(workload.endsAt + MILLISECOND)
    expect(seen).toHaveLength(5000)
    expect(new Set(seen.map(({ source }) => source)).size).toBe(5000)
    expect(seen.filter(({ source }) => !/^.[26ae]:/.test(source))).toEqual([])
    expect(seen.map(({ time }) => time)).toEqual(seen.map((_, n) => MILLISECOND + n * 1e8))
    expect(new Set(seen.map(({ length }) => length))).toEqual(new Set([60]))
    expect(new Set(seen.map(({ destination }) => destination))).toEqual(
      new Set(['ff:ff:ff:ff:ff:ff']),
    )
    expect(workload.endsAt).toBe(seen[4999]!.time)
    expect(workload.result(hosts.simulator.now)).toMatchObject({
      kind: 'macof',
      partial: false,
      sent: 5000,
      bytes: 300_000,
      sources: 5000,
    })
    expect(hosts.ledger.originated).toBe(5000)
    expect(hosts.ledger.imbalance()).toBe(0)
  })

  it('spreads random addresses over the whole range', () => {
    const hosts = new CabledHosts()
    const seen = watch(hosts)
    hosts.simulator.run(macof(hosts).endsAt)
    for (const at of [0, 3, 6, 9, 12, 15]) {
      const octets = new Set(seen.map(({ source }) => source.slice(at, at + 2)))
      expect(octets.size).toBe(at === 0 ? 64 : 256)
    }
  })

  it('uses a number of addresses in turn', () => {
    const hosts = new CabledHosts()
    const seen = watch(hosts)
    const workload = macof(hosts, { macs: 7, count: 20 })
    hosts.simulator.run(workload.endsAt)
    const sources = seen.map(({ source }) => source)
    expect(new Set(sources).size).toBe(7)
    expect(sources.slice(7, 14)).toEqual(sources.slice(0, 7))
    expect(workload.result(workload.endsAt)).toMatchObject({ sent: 20, sources: 7 })
  })

  it('numbers addresses over all senders when asked to', () => {
    const hosts = new CabledHosts()
    const seen = watch(hosts)
    const devices = [hosts.a.nic, hosts.a.nic]
    const workload = macof(hosts, { devices, macs: 2, count: 2, order: 'sequential' })
    hosts.simulator.run(workload.endsAt)
    expect(seen.map(({ source }) => source).sort()).toEqual([
      '02:00:00:00:00:00',
      '02:00:00:00:00:01',
      '02:00:00:00:00:02',
      '02:00:00:00:00:03',
    ])
    expect(seen[0]!.time).toBe(MILLISECOND)
  })

  it('draws a destination for each frame where none is given', () => {
    const hosts = new CabledHosts()
    const seen = watch(hosts)
    const workload = macof(hosts, { destination: null, count: 100 })
    hosts.simulator.run(workload.endsAt + MILLISECOND)
    expect(new Set(seen.map(({ destination }) => destination)).size).toBe(100)
    expect(seen.filter(({ source, destination }) => source === destination)).toEqual([])
    expect(hosts.ledger.dropsByReason().get('nic_filter')).toBe(100)
    expect(hosts.ledger.imbalance()).toBe(0)
  })

  it('draws from the seed', () => {
    const [one, same, other] = ['1', '1', '2'].map((seed) => {
      const hosts = new CabledHosts(seed)
      const seen = watch(hosts)
      hosts.simulator.run(macof(hosts, { count: 10 }).endsAt)
      return seen
    })
    expect(same).toEqual(one)
    expect(other).not.toEqual(one)
  })
})

describe('frames', () => {
  it('go from one address to another, and are counted by whose they are', () => {
    const hosts = new CabledHosts()
    const { a, b, simulator } = hosts
    b.nic.promiscuity = 1
    const counter = new FrameCounter(b.namespace)
    const other = mac('02:00:00:00:00:99')
    let at = 0
    const send = (destination: number, count: number, size?: number) => {
      const base = { simulator, name: `frames-${at}`, device: a.nic, source: other, destination }
      const options = { ...base, at, packetRate: 1000, count }
      const workload = new Frames(size === undefined ? options : { ...options, size })
      workload.start()
      at += 100 * MILLISECOND
      simulator.run(at)
      return workload.result(at)
    }
    expect(send(b.nic.mac, 10)).toMatchObject({ kind: 'frames', sent: 10, sources: 1, bytes: 600 })
    send(other, 5, 1514)
    send(BROADCAST_MAC, 3)
    expect(counter).toMatchObject({ own: 10, others: 5, group: 3, total: 18 })
    expect(counter.bytes).toBe(13 * 60 + 5 * 1514)
    expect(hosts.ledger).toMatchObject({ originated: 18, delivered: 18 })
    expect(hosts.ledger.imbalance()).toBe(0)
  })

  it('end at a device that is down', () => {
    const hosts = new CabledHosts()
    hosts.a.nic.up = false
    hosts.simulator.run(macof(hosts, { count: 4 }).endsAt)
    expect(hosts.ledger.dropsByReason().get('device_down')).toBe(4)
    expect(hosts.ledger.imbalance()).toBe(0)
  })
})
