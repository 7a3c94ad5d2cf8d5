/** What the keys of `hosts` set up: machines with cores, features of devices, hosts on one bench. */
import { describe, expect, it } from 'vitest'
import { Nic } from '../../src/host/nic.ts'
import { buildWorld } from '../../src/scenario/builder.ts'
import { formatIssues } from '../../src/scenario/issues.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import type { World } from '../../src/scenario/world.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { Run } from '../../src/study/run.ts'

const CONTAINERS = 'networks: { app: { scheme: flannel } }\ncontainers: { perHost: 1 }\n'
const BENCH = `fabric: { mode: bench }\n${CONTAINERS}`

function scenario(text: string) {
  const loaded = loadScenario(text, 'machines.yaml', builtinSchemes)
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  return loaded.scenarios[0]!
}

const world = (text: string): World => buildWorld(scenario(text), builtinSchemes)

function run(text: string) {
  const run = new Run(scenario(text), builtinSchemes, { capture: true })
  while (!run.advance(1_000_000));
  return run
}

/** Whether each device of a host and of its container has TSO and GRO. */
function offloads({ hosts }: World, host: string): Record<string, string> {
  const { root, containers } = hosts.get(host)!
  const devices = [root, ...containers.values()].flatMap(({ devices }) => devices)
  return Object.fromEntries(
    devices.map(({ label, features }) => [label, `tso ${features.tso} gro ${features.gro}`]),
  )
}

describe('cabled hosts', () => {
  it('have a machine each, with the costs that the file names, or none', () => {
    const { hosts } = world(
      'hosts: { costs: lab-6.18, cpus: 3, override: { h2: { costs: none } } }\n',
    )
    const machine = hosts.get('h1')!.kernel.machine!
    expect([machine.costs.name, machine.cores.length]).toEqual(['lab-6.18', 3])
    expect(hosts.get('h2')!.kernel.machine).toBeNull()
  })

  it('have NICs with the features that the file leaves them', () => {
    const { nic } = world(
      'hosts: { nic: { tunnelOffload: false, rxChecksum: false, gsoMaxSegments: 8 } }',
    ).hosts.get('h1')!
    expect(nic).toBeInstanceOf(Nic)
    expect(nic.features).toMatchObject({ tso: true, tunnelTso: false, tunnelGro: false })
    expect(nic.features).toMatchObject({ rxChecksum: false, gsoMaxSegments: 8 })
  })

  it('may have software devices without offloads, on one host alone', () => {
    const built = world(`hosts: { override: { h2: { deviceOffloads: false } } }\n${CONTAINERS}`)
    expect(new Set(Object.values(offloads(built, 'h1')))).toEqual(new Set(['tso true gro true']))
    expect(offloads(built, 'h2')).toEqual({
      'h2/eth0': 'tso true gro true',
      'h2/flannel.1': 'tso false gro false',
      'h2/cni0': 'tso false gro false',
      'h2/veth0': 'tso false gro false',
      'c2/eth0': 'tso false gro false',
    })
  })
})

describe('a bench', () => {
  it('is one kernel with the cores of one machine, and a bridge in a namespace of its own', () => {
    const { hosts, bridges, links } = world(`${BENCH}hosts: { costs: lab-6.18, cpus: 2 }`)
    const kernels = new Set([...hosts.values()].map(({ kernel }) => kernel))
    expect(kernels.size).toBe(1)
    expect([...kernels][0]!.machine!.cores).toHaveLength(2)
    expect([...hosts.values()].map(({ port }) => port)).toEqual([null, null])
    expect(bridges.get('sw')!.devices.map(({ name }) => name)).toEqual(['sw0', 'p1', 'p2'])
    expect(links.size).toBe(0)
  })

  it('switches offloads off on every device, the bridge’s ports included', () => {
    const built = world(`${BENCH}hosts: { deviceOffloads: false }`)
    expect(new Set(Object.values(offloads(built, 'h1')))).toEqual(new Set(['tso false gro false']))
    const ports = built.bridges.get('sw')!.devices
    expect(ports.every(({ features }) => !features.tso && !features.gro)).toBe(true)
  })

  it('keeps the TSO of macvlan, which is fixed on', () => {
    const text = `${BENCH}hosts: { deviceOffloads: false }`.replace('flannel', 'macvlan')
    expect(offloads(world(text), 'h1')).toEqual({
      'h1/eth0': 'tso false gro false',
      'c1/eth0': 'tso true gro false',
    })
  })

  it('carries traffic between hosts and containers, with captures at any of its devices', () => {
    const ping = '{ kind: ping, from: c1, to: c2, count: 3, interval: 10ms }'
    const stream =
      '{ kind: udp, from: c1, to: c2, size: 64, packetRate: max, for: 2ms, senderCore: 0, receiverCore: 1 }'
    const done = run(`${BENCH}hosts: { costs: lab-6.18, cpus: 2 }
captures: [h1/eth0, sw/p2, c2/eth0]
workload: [${ping}, ${stream}]
expect: [{ reachable: { from: h1, to: h2 } }]`)
    const { workloads, expectations, ledger, notes } = done.result()
    expect(workloads.map(({ delivered, sent }) => delivered === sent)).toEqual([true, true])
    // Core 0 does a packet of the lab's flannel/vxlan in 14 us in all.
    expect(workloads[1]!.delivered).toBeGreaterThan(100)
    expect(workloads[1]!.delivered).toBeLessThan(1000)
    expect([expectations[0]!.passed, ledger.balanced]).toEqual([true, true])
    expect(notes.filter((note) => note.startsWith('nothing captured'))).toEqual([])
  })
})
