import { describe, expect, it } from 'vitest'
import { type TestCosts, testCosts } from '../../test/test-costs.ts'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { MICROSECOND, MILLISECOND } from '../sim/units.ts'
import { Machine } from './machine.ts'
import { STAGE_SYSCALL_SEND } from './stage.ts'
import { Task } from './task.ts'

function machineOf(cpus: number, costs: TestCosts = {}): Machine {
  const unit = { syscall_send: 1000, ...costs.unit }
  return new Machine(new Simulator('tasks'), new Ledger(), 'm', cpus, testCosts({ ...costs, unit }))
}

/** Spends `microseconds` in the work in progress. */
function work(machine: Machine, microseconds: number): void {
  for (let i = 0; i < microseconds; i++) machine.spend(STAGE_SYSCALL_SEND, 1, 0)
}

/** A task that always has something to do, in steps of `microseconds`. */
function busyTask(machine: Machine, name: string, microseconds: number, core?: number): Task {
  const step = () => {
    work(machine, microseconds)
    return true
  }
  const task = new Task(machine, name, step, core)
  task.wake()
  return task
}

describe('Task', () => {
  it('shares its core fairly, however long the steps are', () => {
    const machine = machineOf(1)
    const tasks = [1, 3, 10].map((length) => busyTask(machine, `t${length}`, length))
    machine.simulator.run(30 * MILLISECOND)
    for (const { busy } of tasks) {
      expect(Math.abs(busy - 10 * MILLISECOND)).toBeLessThanOrEqual(10 * MICROSECOND)
    }
  })

  it('is spread over the cores in turn, or stays where it is told to', () => {
    const machine = machineOf(3)
    const tasks = Array.from({ length: 4 }, (_, i) => new Task(machine, `t${i}`, () => false))
    const pinned = new Task(machine, 'pinned', () => false, 7)
    expect([...tasks, pinned].map(({ core }) => core.index)).toEqual([0, 1, 2, 0, 1])
  })

  it('wakes on an idle core after the latency of that, which no core is charged', () => {
    const machine = machineOf(1, { wakeup: 3000 })
    const { simulator } = machine
    let ranAt = -1
    const task = new Task(machine, 't', () => {
      ranAt = simulator.now
      work(machine, 1)
      return false
    })
    task.wake()
    simulator.run(Infinity)
    expect(ranAt).toBe(3 * MICROSECOND)
    expect(machine.cores[0]!.busy).toBe(MICROSECOND)
  })

  it('is woken when the work that wakes it ends, which pays for it', () => {
    const machine = machineOf(2, { unit: { wakeup: 500 }, wakeup: 3000 })
    const { simulator } = machine
    let ranAt = -1
    const reader = new Task(machine, 'reader', () => (ranAt = simulator.now) < 0, 1)
    machine.cores[0]!.timers.push(() => {
      reader.wake()
      work(machine, 4)
    })
    simulator.run(Infinity)
    expect(ranAt).toBe(7.5 * MICROSECOND)
    expect(machine.cores[0]!.busy).toBe(4.5 * MICROSECOND)
  })

  it('moves to an idle core when its own is taken, unless it is pinned', () => {
    const machine = machineOf(2)
    busyTask(machine, 'busy', 5, 0)
    const [free, pinned] = [undefined, 0].map((core) => {
      const task = new Task(machine, 't', () => false, core)
      machine.simulator.run(machine.simulator.now + 7 * MICROSECOND)
      task.wake()
      return task
    })
    machine.simulator.run(machine.simulator.now + MICROSECOND)
    expect([free!.core.index, pinned!.core.index]).toEqual([1, 0])
  })

  it('never runs on two cores at once: woken during its step it goes on after it', () => {
    const machine = machineOf(2)
    const { simulator } = machine
    const steps: string[] = []
    const task = new Task(machine, 't', () => {
      steps.push(`core ${machine.current!.index} ${simulator.now / MICROSECOND}`)
      work(machine, 10)
      return false
    })
    task.wake()
    simulator.callAt(2 * MICROSECOND, () => task.wake())
    simulator.callAt(4 * MICROSECOND, () => task.wake())
    simulator.run(Infinity)
    expect(steps).toEqual(['core 0 0', 'core 0 10'])
    expect(task.busy).toBe(20 * MICROSECOND)
  })

  it('does not go to sleep when its own step wakes it', () => {
    const machine = machineOf(1, { unit: { wakeup: 500 } })
    let left = 3
    const task = new Task(machine, 't', () => {
      work(machine, 1)
      if (--left > 0) task.wake()
      return false
    })
    task.wake()
    machine.simulator.run(Infinity)
    expect(left).toBe(0)
    expect(machine.cores[0]!.busy).toBe(3 * MICROSECOND)
  })

  it('is woken once, however often it is called before it runs', () => {
    const machine = machineOf(1, { wakeup: 3000 })
    let runs = 0
    const task = new Task(machine, 't', () => ++runs < 0)
    for (let i = 0; i < 5; i++) task.wake()
    machine.simulator.run(Infinity)
    expect(runs).toBe(1)
    expect(machine.cores[0]!.isIdle).toBe(true)
  })

  it('makes up for no sleep, and waits for nobody who slept', () => {
    const machine = machineOf(1)
    const { simulator } = machine
    const old = busyTask(machine, 'old', 1)
    simulator.run(50 * MILLISECOND)
    const young = busyTask(machine, 'young', 1)
    simulator.run(70 * MILLISECOND)
    expect(young.busy / MILLISECOND).toBeCloseTo(10, 1)
    expect(old.busy / MILLISECOND).toBeCloseTo(60, 1)
  })

  it('takes no debt along to another core', () => {
    const machine = machineOf(2)
    const { simulator } = machine
    let isAwake = true
    const traveller = new Task(machine, 'traveller', () => {
      work(machine, 1)
      return isAwake
    })
    traveller.wake()
    simulator.run(50 * MILLISECOND)
    isAwake = false
    simulator.run(51 * MILLISECOND)
    // Its core is taken now, and so is the other one a moment after it has come there.
    busyTask(machine, 'first', 1, 0)
    isAwake = true
    traveller.wake()
    const second = busyTask(machine, 'second', 1, 1)
    simulator.run(71 * MILLISECOND)
    expect(traveller.core.index).toBe(1)
    expect(second.busy / MILLISECOND).toBeCloseTo(10, 1)
    expect(traveller.busy / MILLISECOND).toBeCloseTo(60, 1)
  })
})
