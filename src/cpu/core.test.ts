import { describe, expect, it } from 'vitest'
import { type TestCosts, testCosts } from '../../test/test-costs.ts'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { MICROSECOND, MILLISECOND, NANOSECOND } from '../sim/units.ts'
import type { Core, PollSource } from './core.ts'
import { Machine } from './machine.ts'
import { STAGE_COPY_IN, STAGE_GSO, STAGE_SYSCALL_SEND, STAGE_TIMER } from './stage.ts'
import { type Step, Task } from './task.ts'

function machineOf(cpus: number, costs: TestCosts = {}): Machine {
  return new Machine(new Simulator('cpu'), new Ledger(), 'm', cpus, testCosts(costs))
}

/** A system call costs 1 us. */
const CALLS: TestCosts = { unit: { syscall_send: 1000 } }

/** A thread on core 0, awake. */
function thread(machine: Machine, name: string, step: Step): Task {
  const task = new Task(machine, name, step, 0)
  task.wake()
  return task
}

/** Work that never ends, in packets of 1 us. */
class Flood implements PollSource {
  packets = 0
  readonly slices: number[] = []

  poll(core: Core): boolean {
    const before = this.packets
    while (!core.isSliceOver) {
      core.countFrame()
      core.spend(STAGE_SYSCALL_SEND, 1, 0)
      this.packets++
    }
    this.slices.push(this.packets - before)
    return true
  }
}

describe('Core', () => {
  it('does one work at a time, each as long as it costs', () => {
    const machine = machineOf(1, CALLS)
    const { simulator } = machine
    const starts: string[] = []
    const step = (name: string, calls: number) => () => {
      starts.push(`${name} ${simulator.now / MICROSECOND}`)
      for (let i = 0; i < calls; i++) machine.spend(STAGE_SYSCALL_SEND, 1, 0)
      return false
    }
    thread(machine, 'a', step('a', 3))
    thread(machine, 'b', step('b', 1))
    thread(machine, 'c', step('c', 2))
    simulator.run(Infinity)
    expect(starts).toEqual(['a 0', 'b 3', 'c 4'])
    expect(simulator.now).toBe(6 * MICROSECOND)
    expect(machine.cores[0]!.busy).toBe(6 * MICROSECOND)
  })

  it('lets the rest of the world know when the work ends, in the order in which it was done', () => {
    const machine = machineOf(1, CALLS)
    const { simulator } = machine
    const seen: string[] = []
    const outlet = (name: string) => ({
      release: () => seen.push(`${name} ${simulator.now / MICROSECOND}`),
    })
    thread(machine, 'a', () => {
      machine.current!.defer(outlet('first'), null)
      machine.spend(STAGE_SYSCALL_SEND, 1, 0)
      machine.current!.defer(outlet('second'), null)
      machine.spend(STAGE_SYSCALL_SEND, 1, 0)
      seen.push(`step ${simulator.now}`)
      return false
    })
    simulator.run(Infinity)
    expect(seen).toEqual(['step 0', 'first 2', 'second 2'])
  })

  it('runs softirqs before tasks, and does not break off a work for them', () => {
    const machine = machineOf(1, CALLS)
    const { simulator } = machine
    const order: string[] = []
    const step = (name: string) => () => {
      order.push(`${name} ${simulator.now / MICROSECOND}`)
      for (let i = 0; i < 10; i++) machine.spend(STAGE_SYSCALL_SEND, 1, 0)
      return false
    }
    thread(machine, 'a', step('a'))
    thread(machine, 'b', step('b'))
    simulator.callAt(3 * MICROSECOND, () =>
      machine.cores[0]!.timers.push(() => order.push(`timer ${simulator.now / MICROSECOND}`)),
    )
    simulator.run(Infinity)
    expect(order).toEqual(['a 0', 'timer 10', 'b 10'])
  })

  it('gives what a poll did its effect after 5 us at the latest', () => {
    const machine = machineOf(1, CALLS)
    const flood = new Flood()
    machine.cores[0]!.raise(flood)
    machine.simulator.run(MILLISECOND)
    expect(new Set(flood.slices)).toEqual(new Set([5]))
  })

  it('hands softirqs over to ksoftirqd after 2 ms, so that a task has its half', () => {
    const machine = machineOf(1, CALLS)
    const { simulator } = machine
    const core = machine.cores[0]!
    core.raise(new Flood())
    let first = -1
    const task = thread(machine, 'reader', () => {
      if (first < 0) first = simulator.now
      machine.spend(STAGE_SYSCALL_SEND, 1, 0)
      return true
    })
    simulator.run(22 * MILLISECOND)
    expect(first / MILLISECOND).toBeGreaterThanOrEqual(2)
    expect(first / MILLISECOND).toBeLessThan(2.01)
    expect(task.busy / MILLISECOND).toBeCloseTo(10, 1)
    expect(core.softirq / MILLISECOND).toBeCloseTo(12, 1)
  })

  it('hands over after 3000 frames too, and takes back what has run dry', () => {
    const machine = machineOf(1, { unit: { syscall_send: 100 } })
    const { simulator } = machine
    const core = machine.cores[0]!
    const flood = new Flood()
    let left = true
    core.raise({ poll: (here) => flood.poll(here) && left })
    let first = -1
    thread(machine, 'reader', () => {
      if (first < 0) first = flood.packets
      machine.spend(STAGE_SYSCALL_SEND, 1, 0)
      return true
    })
    simulator.run(MILLISECOND)
    expect(first).toBeGreaterThanOrEqual(3000)
    expect(first).toBeLessThan(3100)
    left = false
    simulator.run(2 * MILLISECOND)
    // A new burst goes before the task again.
    const before = flood.packets
    left = true
    core.raise({ poll: (here) => flood.poll(here) && left })
    simulator.run(2.2 * MILLISECOND)
    expect(flood.packets - before).toBeGreaterThan(1900)
  })

  it('charges by unit, segment and byte, and rounds the whole', () => {
    const machine = machineOf(1, {
      unit: { gso: 7 },
      segment: { gso: 3 },
      byte: { gso: 0.01, copy_in: 0.0801 },
    })
    thread(machine, 'a', () => {
      machine.spend(STAGE_GSO, 5, 1000)
      machine.spend(STAGE_COPY_IN, 1, 33)
      return false
    })
    machine.simulator.run(Infinity)
    const { account, busy } = machine.cores[0]!
    expect(account[STAGE_GSO]).toBe(32 * NANOSECOND)
    expect(account[STAGE_COPY_IN]).toBe(Math.round(33 * 0.0801 * NANOSECOND))
    expect(busy).toBe(account[STAGE_GSO]! + account[STAGE_COPY_IN]!)
  })

  it('is charged for a context switch when another task runs than before', () => {
    const machine = machineOf(1, { unit: { context_switch: 300, syscall_send: 1000 } })
    const step = (calls: number) => () => {
      machine.spend(STAGE_SYSCALL_SEND, 1, 0)
      return --calls > 0
    }
    thread(machine, 'a', step(3))
    machine.simulator.run(Infinity)
    expect(machine.cores[0]!.busy).toBe(3300 * NANOSECOND)
  })

  it('has an account that adds up to the picosecond, and no more than the time that passed', () => {
    const machine = machineOf(2, {
      unit: { syscall_send: 333.3, timer: 77.7, context_switch: 123.4, wakeup: 55.5 },
      byte: { copy_in: 0.0801 },
      wakeup: 3000,
    })
    const { simulator } = machine
    const random = simulator.random.stream('test')
    const tasks = Array.from({ length: 5 }, (_, i) => {
      const step = () => {
        machine.spend(STAGE_SYSCALL_SEND, 1, 0)
        machine.spend(STAGE_COPY_IN, 1, random.integer(0, 100_000))
        const other = tasks[random.integer(0, 4)]!
        if (other !== tasks[i]) other.wake()
        return random.integer(0, 2) > 0
      }
      return new Task(machine, `t${i}`, step)
    })
    for (let i = 0; i < 2000; i++) {
      simulator.callAt(random.integer(0, 20 * MILLISECOND), () => {
        if (i % 2 === 0) tasks[i % 5]!.wake()
        else machine.softirq(() => machine.spend(STAGE_TIMER, 1, 0))
      })
    }
    simulator.run(20 * MILLISECOND)
    for (const core of machine.cores) {
      const sum = core.account.reduce((total, spent) => total + spent, 0)
      expect(sum).toBe(core.busy)
      expect(core.busy).toBeLessThanOrEqual(simulator.now)
      expect(core.busy).toBeGreaterThan(0.2 * simulator.now)
      expect(core.softirq).toBeLessThanOrEqual(core.busy)
    }
    const ofTasks = tasks.reduce((total, task) => total + task.busy, 0)
    const ofSoftirqs = machine.cores.reduce((total, core) => total + core.softirq, 0)
    expect(ofTasks + ofSoftirqs).toBe(machine.cores.reduce((total, { busy }) => total + busy, 0))
    expect(machine.unaccounted).toBe(0)
  })

  it('notes what is charged outside of all work', () => {
    const machine = machineOf(1, CALLS)
    machine.spend(STAGE_SYSCALL_SEND, 1, 0)
    expect(machine.unaccounted).toBe(1)
    expect(machine.cores[0]!.busy).toBe(0)
  })
})
