import { expect, it } from 'vitest'
import { COST_PROFILES } from '../../src/cpu/cost-profile.ts'
import type { Gossiper } from '../../src/schemes/weave/mesh/gossip.ts'
import type { MeshRouter } from '../../src/schemes/weave/mesh/router.ts'
import { MICROSECOND } from '../../src/sim/units.ts'
import type { HostsOptions } from '../control/hosts-on-switch.ts'
import { MeshBench } from './weave-mesh-bench.ts'

/** Three in a line; each notes when it gets a unicast. */
class Line extends MeshBench {
  private arrival = 0

  constructor(options: HostsOptions = {}) {
    super(3, options, { discovery: false })
    this.connect(1, 2)
    this.connect(2, 3)
    this.run(5000)
  }

  protected override prepare(_number: number, router: MeshRouter): void {
    const gossiper: Gossiper = {
      onGossipUnicast: () => {
        this.arrival = this.simulator.now
        return null
      },
      onGossipBroadcast: () => null,
      gossip: () => null,
      onGossip: () => null,
    }
    router.newGossip('test', gossiper)
  }

  /** Microseconds from h1 to another. */
  unicast(to: number): number {
    const sent = this.simulator.now
    this.router(1).channel('test')!.gossipUnicast(to, Uint8Array.of(1))
    this.run(100)
    return (this.arrival - sent) / MICROSECOND
  }
}

it('a router takes its time to hand a unicast on, where work is not modelled too', () => {
  const line = new Line()
  const [near, far] = [line.unicast(2), line.unicast(3)]
  expect(near).toBeCloseTo(10.67, 1)
  expect(far - 2 * near).toBeCloseTo(50, 0)
})

it('where work is modelled it takes no longer than that work', () => {
  const line = new Line({ costs: COST_PROFILES['server-2020s']! })
  const [near, far] = [line.unicast(2), line.unicast(3)]
  expect(near).toBeCloseTo(28.03, 1)
  expect(far - 2 * near).toBeCloseTo(0, 0)
})
