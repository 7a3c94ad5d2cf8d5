import { describe, expect, it } from 'vitest'
import { type Process, Signal, sleep, spawn } from './process.ts'
import { Simulator } from './simulator.ts'

describe('processes', () => {
  it('sleep, compose and settle with their result', () => {
    const simulator = new Simulator('p')
    const seen: string[] = []
    function* inner(): Process<number> {
      yield* sleep(5)
      seen.push(`inner ${simulator.now}`)
      return 7
    }
    function* outer(): Process<number> {
      seen.push(`begin ${simulator.now}`)
      const value = yield* inner()
      yield* sleep(3)
      return value * 2
    }
    const { done } = spawn(simulator, outer())
    let result = 0
    done.wait(simulator, (value) => {
      result = value as number
    })
    simulator.run(Infinity)
    expect(seen).toEqual(['begin 0', 'inner 5'])
    expect([result, simulator.now]).toEqual([14, 8])
  })

  it('wake all who wait for a signal, and at once those who come later', () => {
    const simulator = new Simulator('p')
    const signal = new Signal<string>()
    const got: string[] = []
    function* waiter(name: string): Process {
      got.push(`${name} ${yield* signal.receive()} ${simulator.now}`)
    }
    spawn(simulator, waiter('a'))
    spawn(simulator, waiter('b'))
    simulator.callAt(10, () => signal.settle('x'))
    simulator.callAt(20, () => spawn(simulator, waiter('c')))
    simulator.run(Infinity)
    expect(got).toEqual(['a x 10', 'b x 10', 'c x 20'])
  })

  it('end at their next wait when they are cancelled, running their finally blocks', () => {
    const simulator = new Simulator('p')
    const seen: string[] = []
    function* body(): Process {
      try {
        yield* sleep(10)
        seen.push('not reached')
      } finally {
        seen.push(`cleaned up ${simulator.now}`)
      }
    }
    const running = spawn(simulator, body())
    simulator.callAt(4, () => running.cancel())
    simulator.run(Infinity)
    expect(seen).toEqual(['cleaned up 10'])
  })
})
