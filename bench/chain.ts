import { MILLISECOND } from '../src/sim/units.ts'
import { UdpStream } from '../src/workload/udp.ts'
import type { Benchmark, Trial } from './benchmark.ts'
import { type BenchHost, BenchNetwork, GIGABIT } from './network.ts'

const PACKETS = 1_000_000
const SWITCHES = 4
const PACKETS_PER_SECOND = 250_000
const PAYLOAD = 1400
const RATE = 10 * GIGABIT
const PORT = 7000

/** W1: one UDP stream through a chain of switches, through the whole stack at both ends. */
export const chain: Benchmark = {
  name: 'W1',
  title: `h0 - ${SWITCHES} switches - h1, 1,000,000 UDP packets of ${PAYLOAD} B, 10 Gb/s`,
  unit: 'packet-hop',
  peer: { rate: 770_739, factor: 10 },
  prepare: prepareChain,
}

function prepareChain(): Trial {
  const network = new BenchNetwork()
  const { simulator } = network
  const from = network.host()
  const to = network.host()
  joinByChain(network, from, to)
  network.probe(from, to, 0)
  const stream = new UdpStream({
    simulator,
    name: 'w1',
    pairs: [{ from: from.namespace, to: to.namespace, destination: to.address }],
    at: MILLISECOND,
    count: PACKETS,
    packetRate: PACKETS_PER_SECOND,
    size: PAYLOAD,
    port: PORT,
    linger: MILLISECOND,
  })
  stream.start()
  return {
    run: () => {
      simulator.run(stream.endsAt)
    },
    outcome: () => {
      const { sent, delivered } = stream.result(simulator.now)
      const links = SWITCHES + 1
      // The load, the probe, its ARP request and the reply, each over every link.
      const hops = (PACKETS + 1 + 2) * links
      return network.outcome({ sent, toSend: PACKETS, delivered, hops })
    },
  }
}

function joinByChain(network: BenchNetwork, from: BenchHost, to: BenchHost): void {
  let end = from.nic.port
  for (let i = 1; i <= SWITCHES; i++) {
    const box = network.switch(`s${i}`)
    network.link(end, box.addPort(), RATE)
    end = box.addPort()
  }
  network.link(end, to.nic.port, RATE)
}
