import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../test/control/hosts-on-switch.ts'
import { SECOND } from '../../sim/units.ts'
import { ipv4 } from '../../wire/ipv4-address.ts'
import { CONSUL_LAN, SERF_DEFAULTS } from '../gossip/serf/config.ts'
import type { Member, MemberStatus } from '../gossip/serf/members.ts'
import { Serf } from '../gossip/serf/serf.ts'
import { Program } from '../program/program.ts'
import { SerfHealth } from './serf-health.ts'
import type { Command } from './store/commands.ts'
import { StateStore } from './store/state-store.ts'

/** A leader's store, and its view of the pool, without raft between. */
class Leader {
  readonly store: StateStore
  readonly health: SerfHealth
  private index = 0

  constructor(now = () => 0) {
    this.store = new StateStore({ now })
    this.health = new SerfHealth('leader', this.store.catalog)
  }

  apply(commands: readonly (Command | null)[]): number {
    const real = commands.filter((command) => command !== null)
    for (const command of real) this.store.apply(command, ++this.index)
    return real.length
  }

  /** Nodes with addresses and the status of serfHealth. */
  get catalog(): string[] {
    const { catalog } = this.store
    return catalog.allNodes().map(({ node, address }) => {
      return `${node} ${address} ${catalog.checksOf(node).map(({ status }) => status)}`
    })
  }
}

function member(name: string, status: MemberStatus, address = '10.0.0.9'): Member {
  return { name, address: ipv4(address), port: 8301, tags: new Map(), status }
}

describe('serfHealth', () => {
  it('passes, fails and goes with the node', () => {
    const leader = new Leader()
    const { health } = leader
    const join = { type: 'member-join', member: member('n1', 'alive') } as const
    expect(leader.apply([health.commandFor(join)])).toBe(1)
    expect(leader.catalog).toEqual(['n1 10.0.0.9 passing'])
    expect(health.commandFor(join)).toBeNull()
    const failed = { type: 'member-failed', member: member('n1', 'failed') } as const
    expect(leader.apply([health.commandFor(failed)])).toBe(1)
    expect(leader.catalog).toEqual(['n1 10.0.0.9 critical'])
    expect(health.commandFor(failed)).toBeNull()
    expect(leader.apply([health.commandFor(join)])).toBe(1)
    const leave = { type: 'member-leave', member: member('n1', 'left') } as const
    expect(leader.apply([health.commandFor(leave)])).toBe(1)
    expect(leader.catalog).toEqual([])
    expect(health.commandFor(leave)).toBeNull()
  })

  it('follows a node to a new address, but not when it fails there', () => {
    const leader = new Leader()
    const { health } = leader
    leader.apply(health.reconcile([member('n1', 'alive')]))
    leader.apply(health.reconcile([member('n1', 'failed', '10.0.0.8')]))
    expect(leader.catalog).toEqual(['n1 10.0.0.9 critical'])
    leader.apply(health.reconcile([member('n1', 'alive', '10.0.0.8')]))
    expect(leader.catalog).toEqual(['n1 10.0.0.8 passing'])
  })

  it('leaves alone who is leaving, the unknown who failed, and itself', () => {
    const leader = new Leader()
    const { health } = leader
    expect(health.reconcile([member('n1', 'leaving'), member('n2', 'failed')])).toEqual([])
    leader.apply(health.reconcile([member('leader', 'alive')]))
    expect(health.reconcile([member('Leader', 'left')])).toEqual([])
  })

  it('makes good what was missed: also nodes that the pool forgot, if they ever were in it', () => {
    const leader = new Leader()
    leader.apply(leader.health.reconcile([member('n1', 'alive'), member('n2', 'alive')]))
    leader.apply([{ type: 'register', node: 'external', address: '10.9.9.9', checks: [] }])
    leader.apply(leader.health.reconcile([member('N2', 'failed'), member('n3', 'alive')]))
    expect(leader.catalog).toEqual([
      'external 10.9.9.9 ',
      'N2 10.0.0.9 critical',
      'n3 10.0.0.9 passing',
    ])
    const reap = { type: 'member-reap', member: member('n2', 'failed') } as const
    leader.apply([leader.health.commandFor(reap)])
    expect(leader.catalog).toEqual(['external 10.9.9.9 ', 'n3 10.0.0.9 passing'])
  })

  it('ends the sessions of a killed agent as soon as gossip finds out', () => {
    const bench = new HostsOnSwitch(4)
    const { simulator } = bench
    const leader = new Leader(() => simulator.now)
    const programs = ['leader', 'a', 'b', 'c'].map((name, i) => {
      const program = new Program(bench.host(i + 1).root, 'agent')
      const config = { ...SERF_DEFAULTS, ...CONSUL_LAN, name, address: bench.address(i + 1) }
      const serf = Serf.start(program, config, (event) => {
        if (i > 0 || event.type === 'user' || event.type === 'query') return
        leader.apply([leader.health.commandFor(event)])
      })!
      if (i > 0) program.spawn(serf.join([{ address: bench.address(1), port: config.port }]))
      return program
    })
    simulator.run(20.35 * SECOND)
    const session = { id: 'id', name: '', node: 'b', checks: ['serfHealth'], behavior: 'release' }
    leader.apply([{ type: 'session-create', session: { ...session, ttl: '', lockDelay: 0 } }])
    const sessions = () => leader.store.sessions.all().map(({ node }) => node)
    programs[2]!.kill()
    simulator.run(24 * SECOND)
    expect(sessions()).toEqual(['b'])
    simulator.run(50 * SECOND)
    expect(leader.catalog[1]).toBe('b 10.0.0.3 critical')
    expect(sessions()).toEqual([])
  })
})
