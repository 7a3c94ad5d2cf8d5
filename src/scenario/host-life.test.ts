import { describe, expect, it } from 'vitest'
import { builtinSchemes } from '../schemes/registry.ts'
import { SECOND } from '../sim/units.ts'
import { formatIpv4 } from '../wire/ipv4-address.ts'
import { buildWorld } from './builder.ts'
import { formatIssues } from './issues.ts'
import { loadScenario } from './load.ts'
import type { World } from './world.ts'

const HEAD = `fabric: { racks: 1, hostsPerRack: 3 }
hosts: { costs: none }
networks: { net: { scheme: bridge }, lan: { scheme: macvlan } }
containers:
  - { name: a, host: h1, networks: lan, labels: { app: web } }
  - { name: b, host: h2, networks: [net, lan] }
  - { name: c, host: h2, networks: lan }
workload:
  - { kind: ping, name: ping, from: a, to: c, count: 100, interval: 100ms }
  - { kind: udp, name: stream, from: a, to: c, packetRate: 100pps, size: 100, for: 10s }
`

function load(faults: readonly string[]) {
  const text = `${HEAD}faults:\n${faults.map((fault) => `  - { ${fault} }\n`).join('')}`
  return loadScenario(text, 'life.yaml', builtinSchemes, {})
}

function worldWith(...faults: readonly string[]): World {
  const loaded = load(faults)
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  return buildWorld(loaded.scenarios[0]!, builtinSchemes)
}

/** Each fault of the file with the line that it stands on, counted from the first of the faults. */
function wrong(...faults: readonly string[]): string[] {
  const loaded = load(faults)
  if (loaded.ok) return []
  for (const { remedy } of loaded.issues) expect(remedy).not.toBe('')
  return loaded.issues.map(({ message }) => message)
}

const addressesOf = (world: World, name: string) =>
  world.endpoints.get(name)!.map(({ address }) => formatIpv4(address))

const delivered = (world: World, name: string) => {
  const { now } = world.simulator
  const result = world.workloads.find((each) => each.name === name)!.result(now)
  return 'delivered' in result ? result.delivered : Number.NaN
}

describe('a host that loses its power', () => {
  it('has an empty kernel, dark cables and no containers', () => {
    const world = worldWith('crash: h2, at: 3s, until: 6s')
    const { root } = world.hosts.get('h2')!
    world.simulator.run(2.9 * SECOND)
    expect(root.devices.map(({ name }) => name)).toEqual(['eth0', 'docker0', 'veth0'])
    expect(root.filter!.save()).toContain('-A FORWARD -i docker0')
    world.simulator.run(3.1 * SECOND)
    expect(root.devices.map(({ name }) => name)).toEqual(['eth0'])
    expect(root.devices[0]!.up).toBe(false)
    expect(root.routes.size).toBe(0)
    expect(root.filter).toBeNull()
    expect(addressesOf(world, 'b')).toEqual([])
    expect(world.links.get('h2-leaf1')!.a.isUp).toBe(false)
  })

  it('boots with its networks and containers', () => {
    const world = worldWith('crash: h2, at: 3s, until: 6s')
    const { root, containers } = world.hosts.get('h2')!
    world.simulator.run(2.9 * SECOND)
    const state = () =>
      [root, containers.get('b')!].map(({ devices, routes }) => [
        devices.map(({ name, up, mac }) => {
          return name === 'eth0' ? `${name} ${up} ${mac}` : `${name.replace(/\d+/, '')} ${up}`
        }),
        routes.routes().map(String),
      ])
    const before = state()
    const addresses = ['b', 'c'].map((name) => addressesOf(world, name))
    const ping = delivered(world, 'ping')
    world.simulator.run(6.1 * SECOND)
    expect(state()).toEqual(before)
    expect(['b', 'c'].map((name) => addressesOf(world, name))).toEqual(addresses)
    expect(world.hosts.get('h2')!.boots).toBe(1)
    world.simulator.run(12 * SECOND)
    // Of the hundred requests those of three seconds are lost, and those that waited for an ARP reply.
    expect(delivered(world, 'ping')).toBeGreaterThan(ping + 25)
    expect(delivered(world, 'ping')).toBeLessThanOrEqual(71)
    // The server is there again: its sockets are opened anew.
    expect(delivered(world, 'stream')).toBeGreaterThan(600)
    expect(world.ledger.imbalance()).toBe(0)
  })

  it('may be off from the beginning, and joins later', () => {
    const world = worldWith('crash: h2, until: 2s')
    world.simulator.run(1.9 * SECOND)
    expect(addressesOf(world, 'c')).toEqual([])
    world.simulator.run(2.1 * SECOND)
    expect(addressesOf(world, 'c')).toHaveLength(1)
  })

  it('ends its containers in order when it is shut down', () => {
    const world = worldWith('stop: h2, at: 3s, until: 8s')
    world.simulator.run(3.1 * SECOND)
    const { root } = world.hosts.get('h2')!
    expect(addressesOf(world, 'c')).toEqual([])
    expect(root.devices.map(({ name }) => name)).toEqual(['eth0', 'docker0'])
    world.simulator.run(5.1 * SECOND)
    expect(root.devices.map(({ name }) => name)).toEqual(['eth0'])
    world.simulator.run(8.1 * SECOND)
    expect(addressesOf(world, 'c')).toHaveLength(1)
    expect(world.ledger.imbalance()).toBe(0)
  })
})

describe('a container', () => {
  it('ends and starts again', () => {
    const world = worldWith('stop: c, at: 3s, until: 4s', 'restart: b, at: 3s')
    world.simulator.run(3.05 * SECOND)
    expect(addressesOf(world, 'c')).toEqual([])
    expect(addressesOf(world, 'b')).toEqual([])
    world.simulator.run(4.05 * SECOND)
    expect(addressesOf(world, 'c')).toHaveLength(1)
    expect(addressesOf(world, 'b')).toHaveLength(2)
    world.simulator.run(12 * SECOND)
    expect(delivered(world, 'stream')).toBeGreaterThan(850)
  })

  it('moves with its address, or gets another', () => {
    const kept = worldWith('move: c, to: h3, at: 3s, keepAddress: true')
    kept.simulator.run(2 * SECOND)
    const before = addressesOf(kept, 'c')
    kept.simulator.run(3.1 * SECOND)
    expect(addressesOf(kept, 'c')).toEqual(before)
    expect(kept.hosts.get('h2')!.containers.has('c')).toBe(false)
    const [endpoint] = kept.endpoints.get('c')!
    expect(endpoint!.namespace).toBe(kept.hosts.get('h3')!.containers.get('c'))
    const other = worldWith('move: c, to: h3, at: 3s')
    other.simulator.run(3.1 * SECOND)
    expect(addressesOf(other, 'c')).not.toEqual(before)
  })

  it('keeps its address also when its host has crashed before', () => {
    const world = worldWith(
      'crash: h2, at: 3s, until: 20s',
      'move: c, to: h3, at: 5s, keepAddress: true',
    )
    world.simulator.run(2 * SECOND)
    const before = addressesOf(world, 'c')
    world.simulator.run(5.1 * SECOND)
    expect(addressesOf(world, 'c')).toEqual(before)
    // The old host does not bring it back.
    world.simulator.run(21 * SECOND)
    expect(world.hosts.get('h2')!.containers.has('c')).toBe(false)
  })

  it('takes its servers along', () => {
    const world = worldWith('move: c, to: h3, at: 3s, keepAddress: true')
    world.simulator.run(3.1 * SECOND)
    const { namespace } = world.endpoints.get('c')![0]!
    const socket = namespace.sockets.openUdp(5001)
    expect(socket).toBeNull()
  })
})

describe('an operator', () => {
  it('flushes the rules, and their policies stay', () => {
    const world = worldWith('flushRules: h2, at: 3s')
    const { root } = world.hosts.get('h2')!
    world.simulator.run(3.1 * SECOND)
    const rules = root.filter!.save()
    expect(rules).not.toMatch(/^-A/m)
    expect(rules).toMatch(/^:FORWARD DROP/m)
  })

  it('takes a host out of a network, and in again', () => {
    const world = worldWith('leave: h2/lan, at: 3s, until: 5s')
    world.simulator.run(4 * SECOND)
    expect(addressesOf(world, 'c')).toEqual([])
    world.simulator.run(5.1 * SECOND)
    expect(addressesOf(world, 'c')).toHaveLength(1)
    expect(addressesOf(world, 'b')).toHaveLength(2)
  })
})

describe('wrong faults', () => {
  it('are told with what would be right', () => {
    expect(wrong('crash: h9')).toEqual([expect.stringContaining('h9')])
    expect(wrong('restart: h2')).toEqual(['how long a host takes to boot is not said'])
    expect(wrong('move: c')).toEqual(['where c goes is not said'])
    expect(wrong('move: x, to: h1')).toEqual([expect.stringContaining('x')])
    expect(wrong('move: c, to: h7')).toEqual([expect.stringContaining('h7')])
    expect(wrong('to: h1, crash: h2')).toEqual(['"to" is of use with "move" only'])
    expect(wrong('flushRules: c')).toEqual([expect.stringContaining('c')])
    expect(wrong('leave: h1/net')).toEqual([expect.stringContaining('h1/net')])
    expect(wrong('move: c, to: h1, at: 1s, until: 2s')).toEqual(['"move" happens once, at "at"'])
  })
})

describe('a network that its user removes', () => {
  it('stays while containers are on it, goes from that host, and is made again at its end', () => {
    const world = worldWith(
      'removeNetwork: h2/lan, at: 1s',
      'stop: b, at: 2s',
      'stop: c, at: 2s, until: 7s',
      'removeNetwork: h2/lan, at: 3s, until: 6s, name: rm',
      'removeNetwork: h2/lan, at: 4s',
    )
    world.simulator.run(5 * SECOND)
    expect(world.log).toEqual([
      'fault-1: at h2 lan is not removed: error while removing network: network lan has active endpoints',
      'fault-5: at h2 lan is not removed: No such network: lan',
    ])
    expect(addressesOf(world, 'a')).toHaveLength(1)
    world.simulator.run(8 * SECOND)
    expect(addressesOf(world, 'c')).toHaveLength(1)
    expect(world.log).toHaveLength(2)
  })

  it('is refused where a scheme has no such command', () => {
    expect(wrong('removeNetwork: h2/net')).toEqual([
      'bridge has no command by which a user removes a network',
    ])
    expect(wrong('removeNetwork: h9/net')[0]).toContain('h9/net')
    expect(wrong('removeNetwork: h2/lan, until: 3s')).toEqual([])
  })
})
