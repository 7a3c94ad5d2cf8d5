import type { Host } from '../host/host.ts'
import type { WorkloadResult } from '../workload/workload.ts'
import { limitOf } from './limits.ts'
import { machinesOf } from './sides.ts'
import type { CoreUsage, WindowUsage } from './window-meter.ts'
import type { CpuResult, SideResult, Surroundings } from './workload-result.ts'

const GOODPUT_UNIT = 10e9
const LINKS_MAX = 8

/** What a run adds to a generator's own result: what hosts and cables did in its window. */
export function surroundingsOf(result: WorkloadResult, usage: WindowUsage | null): Surroundings {
  if (usage === null) return {}
  return {
    cpu: cpuOf(result, usage),
    links: usage.lanes.slice(0, LINKS_MAX).map(({ lane, utilisation }) => ({
      name: lane.link,
      direction: lane.direction,
      utilisation,
    })),
    losses: usage.losses.map(({ reason, place, count }) => ({ reason, place, count })),
    wireEfficiency: usage.wireEfficiency,
    limitedBy: limitOf(result, usage),
  }
}

function cpuOf(result: WorkloadResult, usage: WindowUsage): CpuResult | null {
  if (usage.cores.length === 0) return null
  const cores = usage.cores.reduce((sum, { busy }) => sum + busy, 0)
  const { senders, receivers } = usage.sides
  const goodput = 'goodput' in result ? result.goodput : 0
  const packets = packetRate(result)
  const spent = cores * 1e12
  return {
    cores,
    perGoodput: goodput === 0 ? null : (cores * GOODPUT_UNIT) / goodput,
    perPacket: packets === 0 ? null : spent / packets,
    perByte: goodput === 0 ? null : (spent * 8) / goodput,
    isShared: isSame(machinesOf(senders), machinesOf(receivers)),
    senders: sideOf(usage, senders),
    receivers: sideOf(usage, receivers),
  }
}

/** Packets or transactions a second that arrived; 0 for streams, which have no packets of their own. */
function packetRate(result: WorkloadResult): number {
  if ('transactionsPerSecond' in result) return result.transactionsPerSecond
  return 'packetsPerSecond' in result ? result.packetsPerSecond : 0
}

function isSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((each) => other.includes(each))
}

function sideOf(usage: WindowUsage, hosts: ReadonlySet<Host>): SideResult {
  const machines = machinesOf(hosts)
  const cores = usage.cores.filter(({ machine }) => machines.includes(machine))
  let busiest: CoreUsage | null = null
  for (const core of cores) if (busiest === null || core.busy > busiest.busy) busiest = core
  return {
    hosts: [...hosts].map(({ name }) => name),
    cores: cores.reduce((sum, { busy }) => sum + busy, 0),
    softirq: cores.reduce((sum, { softirq }) => sum + softirq, 0),
    busiest:
      busiest === null
        ? null
        : {
            machine: busiest.machine.name,
            core: busiest.core,
            share: busiest.busy,
            softirq: busiest.softirq,
          },
    stages: Object.fromEntries(usage.stages(hosts)),
  }
}
