import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../../test/control/hosts-on-switch.ts'
import { loss } from '../../../link/fault-rules.ts'
import { SECOND } from '../../../sim/units.ts'
import { Program } from '../../program/program.ts'
import { CONSUL_LAN, CONSUL_WAN, SERF_DEFAULTS, type SerfConfig } from './config.ts'
import type { SerfEvent } from './events.ts'
import type { QueryResponse } from './queries.ts'
import { Serf } from './serf.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (content: Uint8Array): string => new TextDecoder().decode(content)

/** Serf on h1, h2 ... as s1, s2 ...; each answers queries with its name, but for `who is quiet`. */
class SerfCluster {
  readonly bench: HostsOnSwitch
  readonly serfs: Serf[] = []
  readonly programs: Program[] = []
  /** What the owners were told: `s1 user deploy 42`. */
  readonly log: string[] = []
  private readonly changes: Partial<SerfConfig>
  private starts = 0

  constructor(count: number, changes: Partial<SerfConfig> = {}, seed = '1') {
    this.bench = new HostsOnSwitch(count, { seed })
    this.changes = changes
    for (let number = 1; number <= count; number++) this.start(number)
    this.run(20.35)
  }

  start(number: number, ignoreOld = false): Serf {
    const { bench } = this
    const program = new Program(bench.host(number).root, `serf${++this.starts}`)
    const name = `s${number}`
    const tags = new Map([['role', number === 1 ? 'server' : 'client']])
    const address = bench.address(number)
    const config = { ...SERF_DEFAULTS, ...this.changes, name, address, tags }
    const serf = Serf.start(program, config, (event) => this.note(name, event))!
    this.programs[number - 1] = program
    this.serfs[number - 1] = serf
    const peer = { address: bench.address(1), port: config.port }
    if (number > 1) program.spawn(serf.join([peer], ignoreOld))
    return serf
  }

  private note(name: string, event: SerfEvent): void {
    if (event.type === 'query') {
      this.log.push(`${name} query ${event.query.name} of ${event.query.from}`)
      if (event.query.name !== 'quiet') event.query.respond(bytes(`I am ${name}`))
    } else if (event.type === 'user') {
      this.log.push(`${name} user ${event.name} ${textOf(event.payload)}`)
    } else this.log.push(`${name} ${event.type} ${event.member.name}`)
  }

  run(seconds: number): void {
    const { simulator } = this.bench
    simulator.run(simulator.now + seconds * SECOND)
  }

  serf(number: number): Serf {
    return this.serfs[number - 1]!
  }

  program(number: number): Program {
    return this.programs[number - 1]!
  }

  /** Status of a member as each running one sees it. */
  views(name: string): (string | undefined)[] {
    return this.serfs
      .filter((_, i) => this.programs[i]!.isRunning)
      .map((serf) => serf.member(name)?.status)
  }

  logged(what: string): string[] {
    return this.log.filter((line) => line.includes(what)).sort()
  }
}

const all = (count: number, status: string): string[] => Array(count).fill(status)

describe('serf', () => {
  it('gives members with their tags, and new tags when they are set', () => {
    const cluster = new SerfCluster(4)
    expect(
      cluster
        .serf(3)
        .members.map(({ name }) => name)
        .sort(),
    ).toEqual(['s1', 's2', 's3', 's4'])
    expect(cluster.serf(3).member('s1')!.tags.get('role')).toBe('server')
    cluster.program(2).spawn(cluster.serf(2).setTags(new Map([['role', 'retired']])))
    cluster.run(3)
    expect(cluster.serfs.map((serf) => serf.member('s2')!.tags.get('role'))).toEqual(
      all(4, 'retired'),
    )
    expect(cluster.logged('member-update')).toHaveLength(4)
    expect(cluster.serf(2).localMember.status).toBe('alive')
  })

  it('tells a node that leaves from one that fails', () => {
    const cluster = new SerfCluster(4)
    const leaving = cluster.program(2).spawn(cluster.serf(2).leave())
    cluster.run(6)
    expect(leaving.done.isSettled).toBe(true)
    cluster.serf(2).shutdown()
    cluster.program(2).kill()
    cluster.program(3).kill()
    cluster.run(40)
    expect(cluster.views('s2')).toEqual(['left', 'left'])
    expect(cluster.views('s3')).toEqual(['failed', 'failed'])
    expect(cluster.logged('member-failed')).toEqual(['s1 member-failed s3', 's4 member-failed s3'])
    expect(cluster.logged('member-leave s2')).toHaveLength(4)
  })

  it('lets a node come back after it left, and after it failed', () => {
    const cluster = new SerfCluster(3)
    cluster.program(2).spawn(cluster.serf(2).leave())
    cluster.run(6)
    cluster.program(2).kill()
    cluster.program(3).kill()
    cluster.run(30)
    cluster.start(2)
    cluster.start(3)
    cluster.run(60)
    expect(cluster.views('s2')).toEqual(all(3, 'alive'))
    expect(cluster.views('s3')).toEqual(all(3, 'alive'))
    expect(cluster.logged('s1 member-join')).toEqual([
      ...['s1 member-join s1', 's1 member-join s2', 's1 member-join s2'],
      ...['s1 member-join s3', 's1 member-join s3'],
    ])
  })

  it('reconnects by itself when a partition has ended', () => {
    const cluster = new SerfCluster(6)
    const heal = cluster.bench.partition([1, 2], [3, 4, 5, 6])
    cluster.run(120)
    expect(cluster.views('s1')).toEqual(['alive', 'alive', ...all(4, 'failed')])
    heal()
    // Some node tries every 30 s; with the chance of failed to alive ones.
    cluster.run(95)
    for (let i = 1; i <= 6; i++) expect(cluster.views(`s${i}`)).toEqual(all(6, 'alive'))
  })

  it('makes a failed node one that left when told to', () => {
    const cluster = new SerfCluster(3)
    cluster.program(3).kill()
    cluster.run(40)
    cluster.program(1).spawn(cluster.serf(1).removeFailedNode('s3'))
    cluster.run(3)
    expect(cluster.views('s3')).toEqual(['left', 'left'])
  })

  it('does not let others remove a node that is there', () => {
    const cluster = new SerfCluster(3)
    cluster.program(1).spawn(cluster.serf(1).removeFailedNode('s3'))
    cluster.run(3)
    expect(cluster.views('s3')).toEqual(all(3, 'alive'))
  })

  it('forgets the failed and the left after their times', () => {
    const short = { reconnectTimeout: 60 * SECOND, tombstoneTimeout: 30 * SECOND }
    const cluster = new SerfCluster(4, short)
    cluster.program(2).spawn(cluster.serf(2).leave())
    cluster.program(3).kill()
    cluster.run(12)
    cluster.program(2).kill()
    cluster.run(20)
    expect(cluster.views('s3')).toEqual(['failed', 'failed'])
    cluster.run(120)
    expect(cluster.serf(1).members.map(({ name }) => name)).toEqual(['s1', 's4'])
    expect(cluster.logged('s1 member-reap')).toEqual(['s1 member-reap s2', 's1 member-reap s3'])
  })

  it('brings an event to all, once, also when frames are lost', () => {
    const cluster = new SerfCluster(8)
    for (const host of cluster.bench.hosts) host.port!.channel.add(loss(0.2))
    const { serf, program } = { serf: cluster.serf(5), program: cluster.program(5) }
    program.spawn(
      (function* () {
        for (const name of ['one', 'two', 'three']) serf.userEvent(name, bytes('42'), false)
      })(),
    )
    cluster.run(40)
    for (const name of ['one', 'two', 'three']) {
      expect(cluster.logged(`user ${name} 42`).map((line) => line.slice(0, 2))).toEqual(
        cluster.serfs.map((_, i) => `s${i + 1}`),
      )
    }
  })

  it('brings a burst of events to all within 2 s', () => {
    const cluster = new SerfCluster(8)
    cluster.program(2).spawn(
      (function* () {
        for (let i = 0; i < 20; i++)
          cluster.serf(2).userEvent(`e${i}`, bytes('x'.repeat(150)), true)
      })(),
    )
    cluster.run(2)
    expect(cluster.logged(' user e')).toHaveLength(8 * 20)
  })

  it('shows earlier events to who joins later, unless it does not want them', () => {
    const cluster = new SerfCluster(3)
    cluster.serf(1).userEvent('early', bytes(''), false)
    cluster.run(2)
    for (const ignoreOld of [false, true]) {
      cluster.program(3).kill()
      cluster.start(3, ignoreOld)
      cluster.run(20)
    }
    expect(cluster.logged('s3 user early')).toHaveLength(2)
  })

  it('refuses what is too long', () => {
    const { serfs } = new SerfCluster(1)
    const [serf] = serfs as [Serf]
    expect(serf.userEvent('name', new Uint8Array(512), false)).toBe(false)
    expect(serf.query('name', new Uint8Array(1024))).toBeNull()
    const tags = new Map([['tag', 'x'.repeat(510)]])
    expect(serf.setTags(tags).next()).toEqual({ done: true, value: false })
  })

  it('asks all and hears each once, for 3.2 s', () => {
    const cluster = new SerfCluster(5)
    const answers: (QueryResponse | null)[] = []
    let ended = 0
    const start = cluster.bench.simulator.now
    cluster.program(2).spawn(
      (function* () {
        const responses = cluster.serf(2).query('who', bytes('?'))!
        for (;;) {
          const answer = yield* responses.take()
          answers.push(answer)
          if (answer === null) break
        }
        ended = cluster.bench.simulator.now - start
      })(),
    )
    cluster.run(5)
    expect(ended).toBe(3.2 * SECOND)
    expect(answers.pop()).toBeNull()
    expect(answers.map((answer) => textOf(answer!.payload)).sort()).toEqual(
      [1, 2, 3, 4, 5].map((i) => `I am s${i}`),
    )
    expect(cluster.logged('query who of s2')).toHaveLength(5)
  })

  it('gets nothing from nodes that do not answer', () => {
    const cluster = new SerfCluster(3)
    let answer: QueryResponse | null | undefined
    cluster.program(2).spawn(
      (function* () {
        answer = yield* cluster.serf(2).query('quiet', bytes(''))!.take(SECOND)
      })(),
    )
    cluster.run(3)
    expect(answer).toBeNull()
    expect(cluster.logged('query quiet')).toHaveLength(3)
  })

  it.each([CONSUL_LAN, CONSUL_WAN])('works with the parameters of consul', (changes) => {
    const cluster = new SerfCluster(3, changes)
    expect(cluster.views('s3')).toEqual(all(3, 'alive'))
    expect(cluster.serf(1).localMember.port).toBe(changes.port)
  })

  it('does the same in each run of a seed', () => {
    const run = (seed: string) => {
      const cluster = new SerfCluster(5, {}, seed)
      cluster.program(4).kill()
      cluster.run(40)
      return cluster.log
    }
    expect(run('a')).toEqual(run('a'))
  })
})
