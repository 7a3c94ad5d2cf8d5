import { Ledger } from '../measure/ledger.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
} from '../schemes/contract.ts'
import type { Schemes } from '../schemes/registry.ts'
import { spawn } from '../sim/process.ts'
import { Simulator } from '../sim/simulator.ts'
import { buildFabric } from './build-fabric.ts'
import { buildStore } from './build-store.ts'
import { ScheduledWorkload } from './build-workload.ts'
import { DeviceOffloads } from './device-offloads.ts'
import { FaultSchedule } from './fault-schedule.ts'
import type { ContainerModel, NetworkModel, Scenario } from './model.ts'
import type { World, WorldNetwork } from './world.ts'

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
    attachFailures: [],
    workloads: [],
  }
  world.store?.start()
  for (const network of scenario.networks) startNetwork(world, network, schemes)
  attachContainers(world, offloads)
  // What takes no time is in place at time 0.
  simulator.run(0)
  for (const { name } of scenario.hosts) offloads.apply(name)
  for (const model of scenario.workloads) {
    const workload = new ScheduledWorkload(world, model)
    world.workloads.push(workload)
    workload.schedule()
  }
  new FaultSchedule(world).start()
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

const NO_ENDPOINTS: readonly Endpoint[] = []

function membersOf(scenario: Scenario, network: string): string[] {
  const used = new Set<string>()
  for (const { host, networks } of [...scenario.containers, ...scenario.idle]) {
    if (networks.includes(network)) used.add(host)
  }
  return scenario.hosts.map((host) => host.name).filter((host) => used.has(host))
}

function attachContainers(world: World, offloads: DeviceOffloads): void {
  const { scenario } = world
  for (const container of scenario.containers) attachContainer(world, container, offloads)
  for (const { host, count, networks } of scenario.idle) {
    for (let i = 1; i <= count; i++) {
      const name = `${host}.idle${i}`
      attachContainer(world, { name, host, networks, address: null, mac: null }, offloads)
    }
  }
}

function attachContainer(world: World, model: ContainerModel, offloads: DeviceOffloads): void {
  const namespace = world.hosts.get(model.host)!.addContainer(model.name)
  world.endpoints.set(model.name, NO_ENDPOINTS)
  model.networks.forEach((name, i) => {
    const network = world.networks.get(name)!
    const isFirst = i === 0
    const spec: ContainerSpec = {
      name: model.name,
      network: name,
      namespace,
      device: `eth${i}`,
      defaultRoute: isFirst,
      address: isFirst ? model.address : null,
      mac: isFirst ? model.mac : null,
    }
    attachTo(world, network, model.host, spec, offloads)
  })
}

function attachTo(
  world: World,
  network: WorldNetwork,
  host: string,
  spec: ContainerSpec,
  offloads: DeviceOffloads,
): void {
  const { done } = spawn(world.simulator, network.daemons.get(host)!.attach(spec))
  done.wait(world.simulator, (result) => {
    if (result instanceof AttachError) {
      const { message } = result
      world.attachFailures.push({ container: spec.name, network: network.model.name, message })
      return
    }
    const endpoint = result as Endpoint
    offloads.apply(host, spec.namespace)
    world.endpoints.set(spec.name, world.endpoints.get(spec.name)!.concat(endpoint))
    network.addresses.add(endpoint.address)
    for (const listener of world.onAttach) listener(endpoint)
  })
}
