/**
 * Many hosts in one swarm, and many networks on one store: all containers come up, and pairs by chance talk.
 * ENCAP_DEEP=1 runs the sizes of a data centre and says how long they took; else a few run.
 */
import { describe, expect, it } from 'vitest'
import { AttachError, type Endpoint } from '../../src/schemes/contract.ts'
import { type Process, spawn } from '../../src/sim/process.ts'
import type { Simulator } from '../../src/sim/simulator.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { DEEP } from '../seeds.ts'
import { DockerBench } from './docker-bench.ts'
import { SwarmBench } from './swarm-bench.ts'

const HOSTS = DEEP ? 200 : 10
const PER_HOST = DEEP ? 20 : 2
const PAIRS = DEEP ? 500 : 20
const LONG = 3_600_000

/** Starts one container after the other, ten a second. @returns those that are up. */
function startAll(
  simulator: Simulator,
  count: number,
  begin: (number: number) => Process<Endpoint | AttachError>,
): Endpoint[] {
  const up: Endpoint[] = []
  for (let i = 0; i < count; i++) {
    spawn(simulator, begin(i)).done.wait(simulator, (result) => {
      if (!(result instanceof AttachError)) up.push(result as Endpoint)
    })
    simulator.run(simulator.now + 100 * MILLISECOND)
  }
  simulator.run(simulator.now + 30 * SECOND)
  return up
}

/** How many of the pairs get an answer to a ping. */
function talking(simulator: Simulator, pairs: readonly (readonly [Endpoint, Endpoint])[]): number {
  let answered = 0
  for (const [from, to] of pairs) {
    const socket = from.namespace.sockets.openEcho()
    socket.onReply = () => {
      answered++
    }
    socket.request(to.address, 1, 56)
  }
  simulator.run(simulator.now + 5 * SECOND)
  return answered
}

describe(`${HOSTS} hosts`, () => {
  it('with containers on one network of a swarm', { timeout: LONG }, () => {
    const bench = new SwarmBench(HOSTS)
    const { simulator } = bench.lab
    bench.startNetwork('net', { subnet: '10.77.0.0/16' })
    bench.run(5 * SECOND)
    const total = HOSTS * PER_HOST
    const up = startAll(simulator, total, (i) => bench.begin(`x${i}`, 'net', (i % HOSTS) + 1))
    expect(up).toHaveLength(total)
    expect(new Set(up.map(({ address }) => address)).size).toBe(total)
    // Until the last of the news has come by comparison, once in 30 s with one other.
    bench.run((DEEP ? 120 : 35) * SECOND)
    const random = simulator.random.stream('pairs')
    const any = () => up[random.integer(0, total - 1)]!
    const pairs = Array.from({ length: PAIRS }, () => [any(), any()] as const)
    expect(talking(simulator, pairs)).toBe(PAIRS)
  })

  it('with networks of twenty hosts each, on one store', { timeout: LONG }, () => {
    const bench = new DockerBench(HOSTS)
    const { simulator } = bench.lab
    bench.startDaemons()
    const span = 20
    const networks = HOSTS / 10
    for (let n = 0; n < networks; n++) {
      bench.startNetwork(`n${n}`, ((n * 10) % HOSTS) + 1, { subnet: `10.${n + 1}.0.0/16` })
    }
    const total = HOSTS * PER_HOST
    const hostOf = (i: number) =>
      (((i % networks) * 10 + (Math.floor(i / networks) % span)) % HOSTS) + 1
    const up = startAll(simulator, total, (i) =>
      bench.begin(`x${i}`, `n${i % networks}`, hostOf(i)),
    )
    expect(up).toHaveLength(total)
    const random = simulator.random.stream('pairs')
    const pairs = Array.from({ length: PAIRS }, () => {
      const from = up[random.integer(0, total - 1)]!
      const same = up.filter(({ network }) => network === from.network)
      return [from, same[random.integer(0, same.length - 1)]!] as const
    })
    expect(talking(simulator, pairs)).toBe(PAIRS)
  })
})
