import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../test/control/hosts-on-switch.ts'
import { COST_PROFILES } from '../../cpu/cost-profile.ts'
import { Capture } from '../../measure/capture.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { prefix } from '../../wire/ipv4-address.ts'
import { BgpDaemon } from './daemon.ts'
import { KernelRoutes } from './kernel-routes.ts'
import type { NeighbourPolicy } from './neighbour.ts'
import {
  BIRD_GRACEFUL_RESTART,
  BIRD_TIMERS,
  type GracefulRestartSettings,
} from './session/settings.ts'

const TIMERS = { ...BIRD_TIMERS, startDelay: 0, holdTime: 9 }

interface Options {
  readonly gracefulRestart?: Partial<GracefulRestartSettings>
  readonly restartWait?: number
  readonly policy?: (own: number, other: number) => NeighbourPolicy
}

/** A daemon on host `number`, with AS 65000, a peer on each of the others, and 10.<number>.0.0/16. */
function daemonOn(bench: HostsOnSwitch, number: number, others: number[], options: Options = {}) {
  const namespace = bench.host(number).root
  const routes = new KernelRoutes(namespace, 'bird', (message) => {
    throw new Error(message)
  })
  const localAddress = bench.address(number)
  const daemon = new BgpDaemon(
    namespace,
    'bird',
    {
      as: 65000,
      routerId: localAddress,
      restartWait: options.restartWait ?? 0,
    },
    routes,
  )
  for (const other of others) {
    daemon.speaker.addNeighbour({
      remoteAs: 65000,
      localAddress,
      remoteAddress: bench.address(other),
      timers: TIMERS,
      isPassive: false,
      gracefulRestart: { ...BIRD_GRACEFUL_RESTART, ...options.gracefulRestart },
      ...options.policy?.(number, other),
    })
  }
  daemon.start()
  daemon.post(() => daemon.speaker.originate(prefix(`10.${number}.0.0/16`)))
  return daemon
}

function mesh(bench: HostsOnSwitch, count: number, options: Options = {}): BgpDaemon[] {
  const all = Array.from({ length: count }, (_, i) => i + 1)
  return all.map((number) =>
    daemonOn(
      bench,
      number,
      all.filter((other) => other !== number),
      options,
    ),
  )
}

function routesOf(bench: HostsOnSwitch, number: number): string[] {
  return bench
    .host(number)
    .root.routes.routes()
    .filter(({ protocol }) => protocol === 'bird')
    .map(String)
}

const logOf = (daemon: BgpDaemon) => daemon.program.log
const statesOf = (daemon: BgpDaemon) =>
  [...daemon.speaker.neighbours].map(({ session }) => session.state)

describe('a mesh of BGP daemons', () => {
  it.each([undefined, 'server-2020s'] as const)('exchanges its routes, with costs %s', (costs) => {
    const bench = new HostsOnSwitch(3, costs === undefined ? {} : { costs: COST_PROFILES[costs]! })
    const daemons = mesh(bench, 3)
    bench.simulator.run(30 * SECOND)
    expect(daemons.map(statesOf)).toEqual(daemons.map(() => ['Established', 'Established']))
    expect(routesOf(bench, 1)).toEqual([
      '10.2.0.0/16 via 10.0.0.2 dev eth0 proto bird',
      '10.3.0.0/16 via 10.0.0.3 dev eth0 proto bird',
    ])
    // Both ends connect at the same time: a collision leaves one connection, and breaks no session.
    expect(logOf(daemons[0]!).toSorted()).toEqual([
      '10.0.0.2: Established',
      '10.0.0.3: Established',
    ])
    bench.expectBalance()
  })

  it('withdraws what is no more', () => {
    const bench = new HostsOnSwitch(2)
    const [first] = mesh(bench, 2)
    bench.simulator.run(SECOND)
    expect(routesOf(bench, 2)).toHaveLength(1)
    first!.post(() => first!.speaker.withdraw(prefix('10.1.0.0/16')))
    bench.simulator.run(bench.simulator.now + MILLISECOND)
    expect(routesOf(bench, 2)).toEqual([])
  })

  it('drops the routes of a silent peer when the hold time is over, and comes back', () => {
    const bench = new HostsOnSwitch(2)
    const [first] = mesh(bench, 2)
    bench.simulator.run(20 * SECOND)
    const end = bench.partition([1], [2])
    bench.simulator.run(bench.simulator.now + 5.9 * SECOND)
    expect(routesOf(bench, 1)).toHaveLength(1)
    bench.simulator.run(bench.simulator.now + 3.2 * SECOND)
    expect(routesOf(bench, 1)).toEqual([])
    expect(logOf(first!).at(-1)).toBe('10.0.0.2: sent Hold Timer Expired')
    end()
    // BIRD waits for a minute after an error.
    bench.simulator.run(bench.simulator.now + 40 * SECOND)
    expect(routesOf(bench, 1)).toEqual([])
    bench.simulator.run(bench.simulator.now + 40 * SECOND)
    expect(routesOf(bench, 1)).toHaveLength(1)
    bench.expectBalance()
  })

  it('drops the routes of a killed daemon at once, and of one that stops with a Cease', () => {
    const bench = new HostsOnSwitch(3)
    const [first, second, third] = mesh(bench, 3)
    bench.simulator.run(SECOND)
    second!.crash()
    third!.stop()
    bench.simulator.run(bench.simulator.now + MILLISECOND)
    expect(logOf(first!).slice(2).toSorted()).toEqual([
      '10.0.0.2: connection lost',
      '10.0.0.3: received Cease/2',
    ])
    expect(third!.program.isRunning).toBe(false)
    expect(routesOf(bench, 1)).toEqual([])
    // The dead leave theirs to the kernel.
    expect(routesOf(bench, 2)).toHaveLength(2)
    daemonOn(bench, 2, [1, 3])
    bench.simulator.run(bench.simulator.now + 6 * SECOND)
    expect(routesOf(bench, 1)).toHaveLength(1)
    bench.expectBalance()
  })

  it('keeps the routes of a daemon that asks for it while it restarts', () => {
    const bench = new HostsOnSwitch(2)
    const [, second] = mesh(bench, 2, { gracefulRestart: { mode: 'on', restartTime: 60 } })
    bench.simulator.run(SECOND)
    second!.crash()
    bench.simulator.run(bench.simulator.now + 30 * SECOND)
    expect(routesOf(bench, 1)).toHaveLength(1)
    const gracefulRestart = { mode: 'on', restartTime: 60 } as const
    const again = daemonOn(bench, 2, [1], { gracefulRestart, restartWait: 240 * SECOND })
    again.post(() => again.speaker.withdraw(prefix('10.2.0.0/16')))
    again.post(() => again.speaker.originate(prefix('10.22.0.0/16')))
    const before = bench.host(1).root.routes.generation
    bench.simulator.run(bench.simulator.now + 10 * SECOND)
    // What it no longer announces goes with its End-of-RIB.
    expect(routesOf(bench, 1)).toEqual(['10.22.0.0/16 via 10.0.0.2 dev eth0 proto bird'])
    expect(bench.host(1).root.routes.generation - before).toBe(2)
    again.crash()
    bench.simulator.run(bench.simulator.now + 59 * SECOND)
    expect(routesOf(bench, 1)).toHaveLength(1)
    bench.simulator.run(bench.simulator.now + 2 * SECOND)
    expect(routesOf(bench, 1)).toEqual([])
  })
})

describe('a daemon that has restarted', () => {
  const RESTARTED = { gracefulRestart: { mode: 'on' as const }, restartWait: 30 * SECOND }

  it('waits for its peers, and keeps what they have of it meanwhile', () => {
    const bench = new HostsOnSwitch(3)
    const [first, second] = mesh(bench, 3, { gracefulRestart: { mode: 'on' } })
    bench.simulator.run(SECOND)
    second!.crash()
    // The third hears nothing of it: it is waited for until the wait is over.
    bench.partition([2], [3])
    const again = daemonOn(bench, 2, [1, 3], RESTARTED)
    bench.simulator.run(bench.simulator.now + 20 * SECOND)
    const toFirst = again.speaker.neighbour(bench.address(1))!
    expect([toFirst.session.state, toFirst.received, toFirst.advertised]).toEqual([
      ...['Established', 1, 0],
    ])
    expect(first!.speaker.neighbour(bench.address(2))!.received).toBe(1)
    expect(again.speaker.isRecovering).toBe(true)
    bench.simulator.run(bench.simulator.now + 11 * SECOND)
    expect([again.speaker.isRecovering, toFirst.advertised]).toEqual([false, 1])
    expect(routesOf(bench, 1)).toContain('10.2.0.0/16 via 10.0.0.2 dev eth0 proto bird')
  })

  it('does not wait for others that have restarted', () => {
    const bench = new HostsOnSwitch(2)
    const [first, second] = mesh(bench, 2, RESTARTED)
    bench.simulator.run(SECOND)
    expect([first, second].map((each) => each!.speaker.isRecovering)).toEqual([false, false])
    expect(routesOf(bench, 1)).toHaveLength(1)
  })

  it('waits for nobody where it has no peers', () => {
    const bench = new HostsOnSwitch(1)
    const alone = daemonOn(bench, 1, [], RESTARTED)
    bench.simulator.run(SECOND)
    expect(alone.speaker.isRecovering).toBe(false)
  })
})

describe('a route reflector', () => {
  it('passes routes on between its clients with their next hops', () => {
    const bench = new HostsOnSwitch(4)
    daemonOn(bench, 1, [2, 3, 4], { policy: () => ({ isClient: true }) })
    for (const number of [2, 3, 4]) daemonOn(bench, number, [1])
    bench.simulator.run(10 * SECOND)
    expect(routesOf(bench, 4)).toEqual([
      '10.1.0.0/16 via 10.0.0.1 dev eth0 proto bird',
      '10.2.0.0/16 via 10.0.0.2 dev eth0 proto bird',
      '10.3.0.0/16 via 10.0.0.3 dev eth0 proto bird',
    ])
  })

  it('is needed: without one iBGP passes nothing on', () => {
    const bench = new HostsOnSwitch(3)
    daemonOn(bench, 1, [2, 3])
    for (const number of [2, 3]) daemonOn(bench, number, [1])
    bench.simulator.run(10 * SECOND)
    expect(routesOf(bench, 3)).toEqual(['10.1.0.0/16 via 10.0.0.1 dev eth0 proto bird'])
  })
})

it('is the same in every run', () => {
  const run = () => {
    const bench = new HostsOnSwitch(3, { seed: '7' })
    const capture = new Capture()
    bench.host(1).port!.tap = capture.interface('h1/eth0')
    const daemons = mesh(bench, 3)
    bench.simulator.callAt(20 * SECOND, () => daemons[1]!.crash())
    bench.simulator.run(60 * SECOND)
    return { frames: capture.bytes(), logs: daemons.map(logOf) }
  }
  const first = run()
  expect(first.frames.length).toBeGreaterThan(5000)
  expect(run()).toEqual(first)
})
