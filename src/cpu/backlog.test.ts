import { describe, expect, it } from 'vitest'
import { testCosts } from '../../test/test-costs.ts'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { MICROSECOND } from '../sim/units.ts'
import { Frame } from '../wire/frame.ts'
import { Machine } from './machine.ts'
import { STAGE_BACKLOG, STAGE_VETH } from './stage.ts'

/** A core whose backlog costs 100 ns a packet and 10 ns a segment. */
function bench() {
  const simulator = new Simulator('backlog')
  const ledger = new Ledger()
  const costs = testCosts({ unit: { backlog: 90, veth: 1000 }, segment: { backlog: 10 } })
  const machine = new Machine(simulator, ledger, 'm', 1, costs)
  const { backlog } = machine.cores[0]!
  const received: number[] = []
  const device = {
    label: 'host/veth0',
    receive: (frame: Frame) => {
      received.push(frame.sequence)
      ledger.consumed++
    },
  }
  const push = (sequence: number, segments = 0) => {
    const frame = new Frame()
    frame.sequence = sequence
    frame.gsoSegments = segments
    ledger.originated++
    backlog.push(frame, device)
  }
  return { simulator, ledger, machine, backlog, device, received, push }
}

describe('Backlog', () => {
  it('hands frames to their devices in order, after the work that sends them', () => {
    const { simulator, ledger, machine, received, push } = bench()
    const seen: (readonly number[])[] = []
    machine.softirq(() => {
      for (let i = 0; i < 3; i++) push(i)
      machine.spend(STAGE_VETH, 1, 0)
      seen.push([...received])
    })
    expect(seen).toEqual([[]])
    expect([ledger.held(), ledger.imbalance()]).toEqual([3, 0])
    simulator.run(Infinity)
    expect(received).toEqual([0, 1, 2])
    expect(simulator.now).toBe(1.3 * MICROSECOND)
    expect(machine.cores[0]!.account[STAGE_BACKLOG]).toBe(0.3 * MICROSECOND)
    expect(ledger.imbalance()).toBe(0)
  })

  it('counts a unit as one frame and pays for its segments', () => {
    const { simulator, machine, push } = bench()
    push(1, 44)
    simulator.run(Infinity)
    expect(machine.cores[0]!.account[STAGE_BACKLOG]).toBe(0.53 * MICROSECOND)
  })

  it('holds 1000 frames (netdev_max_backlog) and drops the next one where it was going', () => {
    const { simulator, ledger, machine, received, push } = bench()
    machine.softirq(() => {
      machine.spend(STAGE_VETH, 1, 0)
      for (let i = 0; i < 1003; i++) push(i)
    })
    expect([ledger.held(), ledger.imbalance()]).toEqual([1000, 0])
    expect([...ledger.dropCounts()]).toEqual([
      { place: 'host/veth0', reason: 'backlog_full', count: 3 },
    ])
    simulator.run(Infinity)
    expect(received).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(ledger.imbalance()).toBe(0)
  })

  it('takes what its own frames cause in the same round', () => {
    const { simulator, ledger, machine, backlog, device, received, push } = bench()
    const forwarder = {
      label: 'host/veth1',
      receive: (frame: Frame) => {
        machine.spend(STAGE_VETH, 1, 0)
        backlog.push(frame, device)
      },
    }
    const frame = new Frame()
    frame.sequence = 1
    ledger.originated++
    backlog.push(frame, forwarder)
    push(2)
    simulator.run(Infinity)
    expect(received).toEqual([1, 2])
    expect(machine.unaccounted).toBe(0)
    expect(ledger.imbalance()).toBe(0)
  })
})
