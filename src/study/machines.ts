import type { Machine } from '../cpu/machine.ts'
import { type CpuStage, STAGES } from '../cpu/stage.ts'
import type { World } from '../scenario/world.ts'
import type { MachineResult } from './result.ts'

/** Charges outside of all work by the end of the set-up, which runs on no core. */
export type SetUp = ReadonlyMap<Machine, number>

export function setUpOf(world: World): SetUp {
  return new Map([...hostsByMachine(world).keys()].map((each) => [each, each.unaccounted]))
}

/** The account of every machine for the whole run, and whether it adds up. */
export function machineResults(world: World, setUp: SetUp): MachineResult[] {
  return [...hostsByMachine(world)].map(([machine, hosts]) => ({
    name: machine.name,
    hosts,
    costs: machine.costs.name,
    cores: machine.cores.map(({ busy, softirq }) => ({ busy, softirq })),
    stages: stagesOf(machine),
    balanced: isBalanced(machine, world.simulator.now),
    unaccounted: machine.unaccounted - (setUp.get(machine) ?? 0),
  }))
}

function hostsByMachine(world: World): Map<Machine, string[]> {
  const machines = new Map<Machine, string[]>()
  for (const { name, kernel } of world.hosts.values()) {
    const { machine } = kernel
    if (machine === null) continue
    const hosts = machines.get(machine)
    if (hosts === undefined) machines.set(machine, [name])
    else hosts.push(name)
  }
  return machines
}

function stagesOf({ cores }: Machine): Partial<Record<CpuStage, number>> {
  const stages: Partial<Record<CpuStage, number>> = {}
  for (const [number, stage] of STAGES.entries()) {
    const spent = cores.reduce((sum, { account }) => sum + account[number]!, 0)
    if (spent > 0) stages[stage] = spent
  }
  return stages
}

/** Of each core, to the picosecond: all are whole numbers below 2^53, so that sums are exact. */
function isBalanced({ cores }: Machine, now: number): boolean {
  return cores.every(
    ({ account, busy, softirq }) =>
      account.reduce((sum, spent) => sum + spent, 0) === busy && softirq <= busy && busy <= now,
  )
}
