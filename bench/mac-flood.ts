import { MILLISECOND } from '../src/sim/units.ts'
import { FrameCounter, Frames } from '../src/workload/frames.ts'
import { Macof } from '../src/workload/macof.ts'
import type { Benchmark, Trial } from './benchmark.ts'
import { BenchNetwork, GIGABIT } from './network.ts'

const FRAMES = 1_000_000
const FRAMES_PER_SECOND = 500_000
const FRAME_BYTES = 60

/** W5: frames of ever changing sources against one switch's table, below IP. */
export const macFlood: Benchmark = {
  name: 'W5',
  title: '3 hosts, 1 switch, 1,000,000 frames from 20,000 MACs in turn, 1 Gb/s',
  unit: 'packet-hop',
  peer: { rate: 1_356_118, factor: 8 },
  prepare: () => prepareFlood(20_000),
}

/** W5 with a new source for every frame: all insertions, and a table larger than the caches. */
export const macFloodDistinct: Benchmark = {
  name: 'W5M',
  title: 'as W5, from 1,000,000 MACs',
  unit: 'packet-hop',
  peer: { rate: 1_154_803, factor: null },
  prepare: () => prepareFlood(FRAMES),
}

function prepareFlood(macs: number): Trial {
  const network = new BenchNetwork()
  const { simulator } = network
  const box = network.switch('s1')
  const [attacker, sink, bystander] = [network.host(), network.host(), network.host()]
  for (const { nic } of [attacker, sink, bystander]) network.link(nic.port, box.addPort(), GIGABIT)
  const { namespace, nic } = sink
  const arrived = new FrameCounter(namespace)
  // The switch knows the sink before the flood; its own frame is flooded to the other two.
  const announcement = new Frames({
    simulator,
    name: 'sink',
    device: nic,
    source: nic.mac,
    destination: attacker.nic.mac,
    at: 0,
    packetRate: 1,
    count: 1,
  })
  const flood = new Macof({
    simulator,
    name: 'attacker',
    devices: [attacker.nic],
    destination: nic.mac,
    at: MILLISECOND,
    packetRate: FRAMES_PER_SECOND,
    count: FRAMES,
    macs,
    order: 'sequential',
    size: FRAME_BYTES,
  })
  announcement.start()
  flood.start()
  return {
    run: () => {
      simulator.run(flood.endsAt + MILLISECOND)
    },
    outcome: () => {
      const { sent } = flood.result(simulator.now)
      const hops = FRAMES * 2 + 3
      return network.outcome({ sent, toSend: FRAMES, delivered: arrived.own, hops })
    },
  }
}
