import { expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../../test/control/hosts-on-switch.ts'
import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import { Program } from '../../program/program.ts'
import { Ticker } from './ticker.ts'

const INTERVAL = 5 * SECOND
const STARTS = 200
const ENOUGH = 10

it('ticks once each interval, whatever fraction of a picosecond it began at', () => {
  const bench = new HostsOnSwitch(1)
  const program = new Program(bench.host(1).root, 'ticking')
  const ticks = new Array<number>(STARTS).fill(0)
  function* tick(i: number): Process {
    const ticker = new Ticker(program, INTERVAL)
    for (; ticks[i]! < ENOUGH; ticks[i]!++) yield* ticker.wait()
  }
  for (let i = 0; i < STARTS; i++) {
    bench.simulator.callAt((4 + i / 700) * SECOND, () => program.spawn(tick(i)))
  }
  bench.simulator.run(5 * SECOND + 3 * INTERVAL)
  expect(ticks).toEqual(new Array(STARTS).fill(3))
})
