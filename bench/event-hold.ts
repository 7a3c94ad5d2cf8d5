import type { EventTarget } from '../src/sim/event-queue.ts'
import { Simulator } from '../src/sim/simulator.ts'
import { MILLISECOND, NANOSECOND } from '../src/sim/units.ts'
import type { Benchmark, Trial } from './benchmark.ts'

const EVENTS = 5_000_000
/** ns-3's fastest scheduler, PriorityQueue, with 1,000 and 100,000 pending. */
const PEER_RATES = new Map([
  [1_000, 10_210_333],
  [100_000, 5_256_242],
])

/** EQ: the hold model. So many events are pending, and each schedules its successor. */
export const eventHolds: readonly Benchmark[] = [100, 1_000, 100_000].map((pending) => {
  const rate = PEER_RATES.get(pending)
  return {
    name: `EQ-${pending}`,
    title: `event queue alone, ${pending.toLocaleString('en')} pending, 1 ns to 1 ms ahead`,
    unit: 'event',
    peer: rate === undefined ? null : { rate, factor: null },
    prepare: () => prepareHold(pending),
  }
})

function prepareHold(pending: number): Trial {
  const simulator = new Simulator('bench')
  const hold = new Hold(simulator)
  for (let i = 0; i < pending; i++) hold.fire()
  return {
    run: () => {
      simulator.run(Infinity, EVENTS)
    },
    outcome: () => ({
      hops: 0,
      events: simulator.events,
      delivered: 0,
      faults: hold.backwards === 0 ? [] : [`the clock ran backwards ${hold.backwards} times`],
    }),
  }
}

/** Schedules itself again, uniformly in [1 ns, 1 ms]. */
class Hold implements EventTarget {
  backwards = 0
  private last = 0
  private state = 0x9e3779b9 | 0
  private readonly simulator: Simulator

  constructor(simulator: Simulator) {
    this.simulator = simulator
  }

  fire(): void {
    const { simulator } = this
    const { now } = simulator
    if (now < this.last) this.backwards++
    this.last = now
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.state = x
    const share = (x >>> 0) / 2 ** 32
    simulator.at(now + NANOSECOND + Math.floor(share * (MILLISECOND - NANOSECOND)), this)
  }
}
