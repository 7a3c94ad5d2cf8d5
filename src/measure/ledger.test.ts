import { describe, expect, it } from 'vitest'
import { CabledHosts } from '../../test/cabled-hosts.ts'
import { udp, WireBench } from '../../test/wire-bench.ts'
import { SECOND } from '../sim/units.ts'
import { Frame } from '../wire/frame.ts'
import { DROP_REASONS, type DropReason, dropReasonInfo } from './drop-reason.ts'
import { Ledger } from './ledger.ts'

function traced(trace: number): Frame {
  return Object.assign(new Frame(), { trace })
}

describe('drops', () => {
  it('are counted by place and reason, in the order in which they first happened', () => {
    const ledger = new Ledger()
    for (const [reason, place] of [
      ['netfilter', 'h2'],
      ['link_loss', 'h1/eth0'],
      ['netfilter', 'h1/eth0'],
      ['netfilter', 'h2'],
    ] as const) {
      ledger.drop(new Frame(), reason, place)
    }
    expect([...ledger.dropCounts()]).toEqual([
      { place: 'h2', reason: 'netfilter', count: 2 },
      { place: 'h1/eth0', reason: 'link_loss', count: 1 },
      { place: 'h1/eth0', reason: 'netfilter', count: 1 },
    ])
    expect(ledger.dropped).toBe(4)
  })

  it('are summed by reason in the order of the list, losses apart from what nobody wanted', () => {
    const ledger = new Ledger()
    for (const reason of ['no_socket', 'other_host', 'link_loss', 'no_socket'] as const) {
      ledger.drop(new Frame(), reason, 'h1')
    }
    expect([...ledger.dropsByReason()]).toEqual([
      ['link_loss', 1],
      ['other_host', 1],
      ['no_socket', 2],
    ])
    expect([...ledger.dropsByReason('loss').keys()]).toEqual(['link_loss', 'no_socket'])
    expect([...ledger.dropsByReason('filter').keys()]).toEqual(['other_host'])
  })

  it('of a traced frame are told to the tracer, with the row that decided', () => {
    const ledger = new Ledger()
    const told: unknown[] = []
    ledger.tracer = {
      stage: () => {},
      dropped: (frame, reason, place, row) => told.push([frame.trace, reason, place, row]),
    }
    ledger.drop(traced(0), 'netfilter', 'h1', 'rule 1')
    ledger.drop(traced(7), 'netfilter', 'h1', 'rule 2')
    expect(told).toEqual([[7, 'netfilter', 'h1', 'rule 2']])
  })

  it('have a meaning each, and a kernel’s name of its own manner', () => {
    for (const reason of Object.keys(DROP_REASONS) as DropReason[]) {
      const { kind, kernel, meaning } = dropReasonInfo(reason)
      expect(['loss', 'filter']).toContain(kind)
      expect(meaning.length, reason).toBeGreaterThan(8)
      expect(kernel ?? 'NONE', reason).toMatch(/^[A-Z0-9_]+$/)
      expect(reason).toMatch(/^[a-z0-9_]+$/)
    }
  })
})

describe('the balance', () => {
  const kinds = ['originated', 'copied', 'fragments', 'segments'] as const
  const ends = ['delivered', 'consumed', 'merged', 'split', 'dropped'] as const

  it.each(kinds)('has what is %s on one side', (kind) => {
    const ledger = new Ledger()
    ledger[kind] += 3
    expect([ledger.created, ledger.ended, ledger.imbalance()]).toEqual([3, 0, 3])
  })

  it.each(ends)('has what is %s on the other', (end) => {
    const ledger = new Ledger()
    ledger[end] += 3
    expect([ledger.created, ledger.ended, ledger.imbalance()]).toEqual([0, 3, -3])
  })

  it('counts what is held where it waits', () => {
    const ledger = new Ledger()
    let waiting = 2
    ledger.addHolder({ heldFrames: () => waiting })
    ledger.addHolder({ heldFrames: () => 1 })
    ledger.originated = 3
    expect([ledger.held(), ledger.imbalance()]).toEqual([3, 0])
    waiting = 1
    expect(ledger.imbalance()).toBe(1)
  })

  it('is zero at every event of an exchange with ARP, fragments and a loss', () => {
    const hosts = new CabledHosts()
    const { simulator, ledger } = hosts
    hosts.b.namespace.sockets.openUdp(9)
    const socket = hosts.a.namespace.sockets.openUdp()!
    for (const [bytes, port] of [
      [4000, 9],
      [10, 9],
      [10, 10],
    ] as const) {
      socket.sendTo(hosts.b.address, port, bytes)
    }
    let held = 0
    while (!simulator.run(60 * SECOND, 1)) {
      expect(ledger.imbalance()).toBe(0)
      held = Math.max(held, ledger.held())
    }
    // Three fragments and two datagrams waited while the question was on the cable.
    expect(held).toBe(6)
    expect(ledger).toMatchObject({ fragments: 3, split: 1, merged: 2, delivered: 2, dropped: 1 })
    expect(ledger.held()).toBe(0)
  })

  it('holds the frames that wait in rings, neighbours and reassembly', () => {
    const bench = new WireBench()
    const host = bench.host()
    bench.wire(host, 'eth0', '10.0.0.1/24')
    host.sockets.openUdp()!.sendTo(udp('0.0.0.0', '10.0.0.9', 0).ipDst, 9, 3000)
    // Three fragments wait for the neighbour, and its question is on the cable.
    expect(bench.ledger.held()).toBe(4)
    expect(bench.ledger.imbalance()).toBe(0)
  })
})
