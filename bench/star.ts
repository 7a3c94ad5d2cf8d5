import { MICROSECOND, MILLISECOND, NANOSECOND } from '../src/sim/units.ts'
import { UdpStream } from '../src/workload/udp.ts'
import type { Benchmark, Trial } from './benchmark.ts'
import { BenchNetwork, GIGABIT } from './network.ts'

const HOSTS = 64
const PACKETS = 20_000
const PACKETS_PER_SECOND = 100_000
const PAYLOAD = 64
const PORT = 7000

/** W2: many hosts on one switch, each sending small packets to the next. */
export const star: Benchmark = {
  name: 'W2',
  title: `${HOSTS} hosts, 1 switch, 20,000 UDP packets of ${PAYLOAD} B each, 1 Gb/s`,
  unit: 'packet-hop',
  peer: { rate: 422_171, factor: 10 },
  prepare: prepareStar,
}

function prepareStar(): Trial {
  const network = new BenchNetwork()
  const { simulator } = network
  const box = network.switch('s1')
  const hosts = Array.from({ length: HOSTS }, () => network.host())
  for (const { nic } of hosts) network.link(nic.port, box.addPort(), GIGABIT)
  const streams = hosts.map((from, i) => {
    const to = hosts[(i + 1) % HOSTS]!
    network.probe(from, to, i * 50 * MICROSECOND)
    return new UdpStream({
      simulator,
      name: `w2-${i}`,
      pairs: [{ from: from.namespace, to: to.namespace, destination: to.address }],
      at: 10 * MILLISECOND + i * 100 * NANOSECOND,
      count: PACKETS,
      packetRate: PACKETS_PER_SECOND,
      size: PAYLOAD,
      port: PORT,
      linger: MILLISECOND,
    })
  })
  for (const stream of streams) stream.start()
  return {
    run: () => {
      simulator.run(streams[HOSTS - 1]!.endsAt)
    },
    outcome: () => {
      const results = streams.map((stream) => stream.result(simulator.now))
      const sent = results.reduce((total, result) => total + result.sent, 0)
      const delivered = results.reduce((total, result) => total + result.delivered, 0)
      // Of each host: its load and its probe, an ARP request to the switch and to all others, the reply.
      const hops = HOSTS * ((PACKETS + 1) * 2 + HOSTS + 2)
      return network.outcome({ sent, toSend: HOSTS * PACKETS, delivered, hops })
    },
  }
}
