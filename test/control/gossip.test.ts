/**
 * Serf clusters under random faults: hosts are killed, restarted, leave, are parted and lose frames. When
 * the faults end, all members agree with each other and with what was done; and nobody who was there
 * all the time was ever said to have left.
 *
 * ENCAP_DEEP=1 runs a set of 400 seeds, `npm test` a twentieth of it: which one, `base` in
 * test/seeds.json says.
 */
import { expect, it } from 'vitest'
import { SERF_DEFAULTS } from '../../src/control/gossip/serf/config.ts'
import { Serf } from '../../src/control/gossip/serf/serf.ts'
import { Program } from '../../src/control/program/program.ts'
import { loss } from '../../src/link/fault-rules.ts'
import type { Process } from '../../src/sim/process.ts'
import { type RandomStream, RandomStreams } from '../../src/sim/random.ts'
import { SECOND } from '../../src/sim/units.ts'
import { seedNumbers } from '../seeds.ts'
import { HostsOnSwitch } from './hosts-on-switch.ts'

const SET = 400

interface Agent {
  readonly name: string
  program: Program
  serf: Serf
  /** What all the others must find in the end. */
  status: 'alive' | 'left' | 'failed'
  /** Neither killed nor leaving so far. */
  isFaithful: boolean
}

class Chaos {
  readonly agents: Agent[] = []
  readonly falseLeaves: string[] = []
  readonly bench: HostsOnSwitch
  private readonly random: RandomStream
  private readonly ends: (() => void)[] = []
  private starts = 0

  constructor(seed: number) {
    this.random = new RandomStreams(`gossip-${seed}`).stream('faults')
    const count = this.random.integer(3, 8)
    this.bench = new HostsOnSwitch(count, { seed: `gossip-${seed}` })
    for (let number = 1; number <= count; number++) {
      this.agents.push({ name: `s${number}`, ...this.start(number), ...FRESH })
      this.run(this.random.next())
    }
    this.run(20)
  }

  run(seconds: number): void {
    const { simulator } = this.bench
    simulator.run(simulator.now + Math.round(seconds * SECOND))
  }

  private start(number: number): { program: Program; serf: Serf } {
    const { bench } = this
    const program = new Program(bench.host(number).root, `serf${++this.starts}`)
    const config = { ...SERF_DEFAULTS, name: `s${number}`, address: bench.address(number) }
    const serf = Serf.start(program, config, (event) => {
      if (event.type !== 'member-leave') return
      const of = this.agents.find(({ name }) => name === event.member.name)!
      if (of.isFaithful) this.falseLeaves.push(`s${number} of ${of.name}`)
    })!
    const peers = bench.hosts
      .map((_, i) => ({ address: bench.address(i + 1), port: config.port }))
      .filter((_, i) => i + 1 !== number)
    program.spawn(serf.join(peers))
    return { program, serf }
  }

  fault(): void {
    const { agents, bench, random } = this
    const number = random.integer(1, agents.length)
    const agent = agents[number - 1]!
    const others = agents.map((_, i) => i + 1).filter((other) => other !== number)
    const dice = random.integer(1, 6)
    if (dice === 1) {
      agent.program.kill()
      Object.assign(agent, { status: agent.status === 'left' ? 'left' : 'failed' })
      agent.isFaithful = false
    } else if (dice === 2 && agent.status !== 'alive') {
      agent.program.kill()
      Object.assign(agent, this.start(number), { status: 'alive' })
    } else if (dice === 3 && agent.status === 'alive') {
      agent.isFaithful = false
      agent.status = 'left'
      agent.program.spawn(leave(agent))
    } else if (dice === 4) this.ends.push(bench.partition([number], others, random.next() < 0.7))
    else if (dice === 5) {
      const half = others.filter(() => random.next() < 0.5)
      this.ends.push(
        bench.partition(
          [number, ...half],
          others.filter((i) => !half.includes(i)),
        ),
      )
    } else if (dice === 6) {
      const { channel } = bench.host(number).port!
      const rule = loss(random.next() * 0.5)
      channel.add(rule)
      this.ends.push(() => channel.remove(rule))
    }
  }

  heal(): void {
    for (const end of this.ends.splice(0)) end()
  }
}

function* leave({ program, serf }: Agent): Process {
  yield* serf.leave()
  program.kill()
}

const FRESH = { status: 'alive' as const, isFaithful: true }

function isRight(seen: string | undefined, agent: Agent, observer: Agent): boolean {
  const { isFaithful, status } = agent
  if (seen === status) return true
  // Who came later need not have heard of those gone before.
  if (seen === undefined) return status !== 'alive' && !observer.isFaithful
  // Nobody may have heard a farewell that was said in a partition.
  if (seen === 'failed') return status === 'left'
  // Nor is a return always believed, whose Lamport time is below that of a farewell that came late.
  return seen === 'leaving' && status === 'alive' && !isFaithful
}

it('clusters agree with what was done to them when faults end', { timeout: 3_600_000 }, () => {
  const wrong: string[] = []
  for (const seed of seedNumbers(SET)) {
    const chaos = new Chaos(seed)
    for (let i = 0; i < 6; i++) {
      chaos.fault()
      chaos.run(12)
      if (i === 3) chaos.heal()
    }
    chaos.heal()
    chaos.run(400)
    const { agents } = chaos
    for (const observer of agents.filter(({ status }) => status === 'alive')) {
      for (const agent of agents) {
        const { name, status } = agent
        const seen = observer.serf.member(name)?.status
        if (!isRight(seen, agent, observer)) {
          wrong.push(`${seed}: ${observer.name} sees ${name} ${seen}, not ${status}`)
        }
      }
    }
    for (const leave of chaos.falseLeaves) wrong.push(`${seed}: ${leave}`)
    chaos.bench.expectBalance()
  }
  expect(wrong).toEqual([])
})
