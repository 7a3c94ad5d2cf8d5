import { describe, expect, it } from 'vitest'
import { JiffyWheel, KernelTimer } from './jiffies.ts'
import { Simulator } from './simulator.ts'
import { MILLISECOND, SECOND } from './units.ts'

function wheel(phase = 0, firstJiffy = 0) {
  const simulator = new Simulator('jiffies')
  return { simulator, timers: new JiffyWheel(simulator, 250, phase, firstJiffy) }
}

describe('JiffyWheel', () => {
  it('fires never early and rounds up to the granularity of the level', () => {
    for (const phase of [0, 1, 1.5 * MILLISECOND, 3.999 * MILLISECOND]) {
      for (const firstJiffy of [0, 3, 250, 4711]) {
        for (const [duration, latest] of [
          [4 * MILLISECOND, 8],
          [200 * MILLISECOND, 204],
          // 250 jiffies fall into the second level: steps of 8 jiffies, which is what Linux showed
          // as 1.00 to 1.032 s between ARP requests.
          [SECOND, 1036],
          [5 * SECOND, 5260],
        ] as const) {
          const { simulator, timers } = wheel(phase, firstJiffy)
          let fired = -1
          timers.arm(new KernelTimer(() => (fired = simulator.now)), duration)
          simulator.run(Infinity)
          expect(fired).toBeGreaterThanOrEqual(duration)
          expect(fired).toBeLessThanOrEqual(latest * MILLISECOND)
        }
      }
    }
  })

  it('moves a timer that is put off, and forgets one that is cancelled', () => {
    const { simulator, timers } = wheel()
    const fired: [string, number][] = []
    const late = new KernelTimer(() => fired.push(['late', simulator.now]))
    const never = new KernelTimer(() => fired.push(['never', simulator.now]))
    timers.arm(late, 20 * MILLISECOND)
    timers.arm(never, 20 * MILLISECOND)
    simulator.run(10 * MILLISECOND)
    timers.arm(late, 40 * MILLISECOND)
    timers.cancel(never)
    simulator.run(Infinity)
    expect(fired).toEqual([['late', 52 * MILLISECOND]])
    expect(late.isArmed).toBe(false)
  })

  it('brings a timer forward', () => {
    const { simulator, timers } = wheel()
    const fired: number[] = []
    const timer = new KernelTimer(() => fired.push(simulator.now))
    timers.arm(timer, 10 * SECOND)
    timers.arm(timer, 8 * MILLISECOND)
    simulator.run(Infinity)
    expect(fired).toEqual([12 * MILLISECOND])
  })

  it('keeps one event pending for many timers', () => {
    const { simulator, timers } = wheel()
    let count = 0
    for (let i = 0; i < 1000; i++) timers.arm(new KernelTimer(() => count++), 100 * MILLISECOND)
    simulator.run(Infinity)
    expect(count).toBe(1000)
    expect(simulator.events).toBe(1)
  })

  it('lets a timer that is due be cancelled or put off until the machine comes to it', () => {
    const simulator = new Simulator('timers')
    const due: (() => void)[] = []
    const timers = new JiffyWheel(simulator, 250, 0, 0, (callback) => due.push(callback))
    const fired: string[] = []
    const [kept, cancelled, putOff] = ['kept', 'cancelled', 'put off'].map(
      (name) => new KernelTimer(() => fired.push(name)),
    ) as [KernelTimer, KernelTimer, KernelTimer]
    for (const timer of [kept, cancelled, putOff]) timers.arm(timer, 4 * MILLISECOND)
    simulator.run(10 * MILLISECOND)
    timers.cancel(cancelled)
    timers.arm(putOff, 20 * MILLISECOND)
    for (const callback of due.splice(0)) callback()
    expect(fired).toEqual(['kept'])
    simulator.run(Infinity)
    for (const callback of due) callback()
    expect(fired).toEqual(['kept', 'put off'])
  })
})
