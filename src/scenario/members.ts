import type { Scenario } from './model.ts'

/**
 * Hosts that run a network's daemon, in the scenario's order: those with a container on it, and those to
 * which one is moved.
 */
export function membersOf(scenario: Scenario, network: string): string[] {
  const used = new Set<string>()
  const moving = new Set<string>()
  for (const { name, host, networks } of scenario.containers) {
    if (!networks.includes(network)) continue
    used.add(host)
    moving.add(name)
  }
  for (const { host, networks } of scenario.idle) if (networks.includes(network)) used.add(host)
  for (const { hostFaults } of scenario.faults) {
    for (const fault of hostFaults) {
      if (fault.kind === 'move' && moving.has(fault.container)) used.add(fault.to)
    }
  }
  return scenario.hosts.map((host) => host.name).filter((host) => used.has(host))
}
