import { Ledger } from '../measure/ledger.ts'
import type { Daemon, NetworkSpec } from '../schemes/contract.ts'
import type { Schemes } from '../schemes/registry.ts'
import { Simulator } from '../sim/simulator.ts'
import { buildFabric } from './build-fabric.ts'
import { buildStore } from './build-store.ts'
import { ScheduledWorkload } from './build-workload.ts'
import { ContainerLife } from './container-life.ts'
import { DeviceOffloads } from './device-offloads.ts'
import { FaultSchedule } from './fault-schedule.ts'
import { membersOf } from './members.ts'
import type { NetworkModel, Scenario } from './model.ts'
import type { World } from './world.ts'

/** Builds everything that a scenario describes; the clock stands at 0 and nothing has been sent. */
export function buildWorld(scenario: Scenario, schemes: Schemes): World {
  const simulator = new Simulator(scenario.seed)
  const ledger = new Ledger()
  const fabric = buildFabric(scenario, simulator, ledger)
  const offloads = new DeviceOffloads(scenario, fabric)
  const world: World = {
    ...fabric,
    scenario,
    simulator,
    ledger,
    store: buildStore(scenario, fabric),
    networks: new Map(),
    endpoints: new Map(),
    onAttach: [],
    onMove: [],
    attachFailures: [],
    workloads: [],
  }
  world.store?.start()
  for (const network of scenario.networks) startNetwork(world, network, schemes)
  const containers = new ContainerLife(world, offloads)
  createContainers(world, containers)
  // What takes no time is in place at time 0.
  simulator.run(0)
  for (const { name } of scenario.hosts) offloads.apply(name)
  for (const model of scenario.workloads) {
    const workload = new ScheduledWorkload(world, model)
    world.workloads.push(workload)
    workload.schedule()
  }
  new FaultSchedule(world, containers).start()
  return world
}

/** Every host with a container on the network runs its daemon, and so is a member of it. */
function startNetwork(world: World, model: NetworkModel, schemes: Schemes): void {
  const scheme = schemes.get(model.scheme)
  if (!scheme) throw new Error(`no scheme ${model.scheme}`)
  const members = membersOf(world.scenario, model.name)
  const spec: NetworkSpec = {
    name: model.name,
    options: model.options,
    members: members.map((host) => ({ host, address: world.hosts.get(host)!.address })),
    store: world.store,
    random: world.simulator.random.stream(`network/${model.name}`),
  }
  const daemons = new Map<string, Daemon>()
  for (const host of members) daemons.set(host, scheme.startHost(world.hosts.get(host)!, spec))
  world.networks.set(model.name, { model, scheme, daemons, addresses: new Set() })
}

function createContainers({ scenario }: World, life: ContainerLife): void {
  for (const container of scenario.containers) life.create(container)
  for (const { host, count, networks } of scenario.idle) {
    for (let i = 1; i <= count; i++) {
      const name = `${host}.idle${i}`
      life.create({ name, host, networks, address: null, mac: null, labels: {} })
    }
  }
}
