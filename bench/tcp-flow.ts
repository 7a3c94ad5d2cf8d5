import { COST_PROFILES, type CostProfile } from '../src/cpu/cost-profile.ts'
import { MICROSECOND, MILLISECOND, SECOND } from '../src/sim/units.ts'
import { TcpBulk } from '../src/workload/tcp.ts'
import type { Benchmark, Trial } from './benchmark.ts'
import { BenchNetwork, GIGABIT } from './network.ts'

const BYTES = 2 ** 30
const SWITCHES = 2
const BUFFER = 131072
/** As ns-3's: three of them make a round trip of 10 us, without serialisation. */
const DELAY = (5 * MICROSECOND) / 3

/** W3: one TCP flow of fixed size, every segment a packet of its own. */
export const tcpFlow: Benchmark = {
  name: 'W3',
  title: `h0 - ${SWITCHES} switches - h1, one TCP flow of 1 GiB, buffers of 128 KiB, 10 Gb/s`,
  unit: 'packet-hop',
  peer: { rate: 313_182, factor: 5 },
  prepare: () => prepare(null),
}

/** The same with a cost profile: what cores cost the simulator. */
export const tcpFlowOnCores: Benchmark = {
  name: 'W3-CPU',
  title: 'W3 with the cost profile server-2020s',
  unit: 'packet-hop',
  peer: { rate: 313_182, factor: null },
  prepare: () => prepare(COST_PROFILES['server-2020s']!),
}

function prepare(costs: CostProfile | null): Trial {
  const network = new BenchNetwork()
  const { simulator } = network
  const from = network.host(costs)
  const to = network.host(costs)
  let end = from.nic.port
  for (let i = 1; i <= SWITCHES; i++) {
    const box = network.switch(`s${i}`)
    network.link(end, box.addPort(), 10 * GIGABIT, DELAY)
    end = box.addPort()
  }
  network.link(end, to.nic.port, 10 * GIGABIT, DELAY)
  for (const { nic } of [from, to]) nic.features = { ...nic.features, gsoMaxSegments: 1 }
  const bulk = new TcpBulk({
    simulator,
    name: 'w3',
    pairs: [{ from: from.namespace, to: to.namespace, destination: to.address }],
    at: MILLISECOND,
    duration: 10 * SECOND,
    bytes: BYTES,
    sendBuffer: BUFFER,
    receiveBuffer: BUFFER,
    writeSize: 65536,
  })
  bulk.start()
  return {
    run: () => {
      simulator.run(bulk.endsAt)
    },
    outcome: () => {
      const { bytes, flows } = bulk.result(simulator.now)
      const segments = Math.ceil(BYTES / flows[0]!.mss!)
      const delivered = Math.ceil(bytes / flows[0]!.mss!)
      return network.outcome({ sent: segments, toSend: segments, delivered, hops: null })
    },
  }
}
