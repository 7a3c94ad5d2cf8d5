import type { FabricModel, HostModel, NicModel } from '../model.ts'
import type { NicOverride, NicSection } from '../schema/hosts.ts'
import type { AddressPlan } from './addresses.ts'
import type { Context, KnownNames } from './context.ts'
import { checkMtu } from './fabric.ts'

/** What drivers of NICs set up by themselves. */
const QUEUES_MAX = 64

/** Every host with what is said of all and of it alone. */
export function resolveHosts(
  context: Context,
  fabric: FabricModel,
  plan: AddressPlan,
): HostModel[] {
  const { hosts } = context.input
  if (hosts.nic.mtu !== undefined) checkMtu(context, ['hosts', 'nic', 'mtu'], hosts.nic.mtu)
  checkOverrides(context, fabric)
  const linkMtu = new Map<string, number>()
  for (const { from, to, mtu } of fabric.links) {
    linkMtu.set(from, mtu)
    linkMtu.set(to, mtu)
  }
  return plan.hosts.map(({ host, rack, address, prefixLength, gateway }) => {
    const own = Object.hasOwn(hosts.override, host) ? hosts.override[host]! : {}
    const mtu = linkMtu.get(host) ?? context.input.fabric.links.mtu
    const cpus = own.cpus ?? hosts.cpus
    return {
      name: host,
      rack,
      address,
      prefixLength,
      gateway,
      cpus,
      nic: nicOf(hosts.nic, own.nic ?? {}, mtu, cpus),
      kernel: own.kernel ?? hosts.kernel,
      costs: own.costs ?? hosts.costs,
      deviceOffloads: own.deviceOffloads ?? hosts.deviceOffloads,
      sysctls: new Map(
        Object.entries({ ...hosts.sysctls, ...own.sysctls }).map(([key, value]) => [
          key,
          String(value),
        ]),
      ),
    }
  })
}

/** What is said of one host wins, and a single key over the one that stands for several. */
function nicOf(all: NicSection, own: NicOverride, linkMtu: number, cpus: number): NicModel {
  const { tunnelOffload: _, ...nic } = { ...all, ...own }
  return {
    ...nic,
    mtu: nic.mtu ?? linkMtu,
    queues: nic.queues ?? Math.min(cpus, QUEUES_MAX),
    tunnelTso: own.tunnelTso ?? own.tunnelOffload ?? all.tunnelTso ?? all.tunnelOffload,
    tunnelGro: own.tunnelGro ?? own.tunnelOffload ?? all.tunnelGro ?? all.tunnelOffload,
  }
}

function checkOverrides(context: Context, fabric: FabricModel): void {
  const known = knownHosts(context, fabric)
  for (const [name, own] of Object.entries(context.input.hosts.override)) {
    const path = ['hosts', 'override', name]
    if (own.nic?.mtu !== undefined) checkMtu(context, [...path, 'nic', 'mtu'], own.nic.mtu)
    context.checkName(known, path, 'host', name, 'key')
  }
}

/** All hosts that the file describes. */
export function knownHosts(context: Context, fabric: FabricModel): KnownNames {
  const keys = ['racks', 'hostsPerRack', 'gateway']
  if (keys.some((key) => context.isBroken('fabric', key))) return null
  const hosts = fabric.nodes.filter((node) => node.kind === 'host').map((node) => node.name)
  const drawn = context.rawList('fabric', 'draw', 'nodes')
  const drawnHosts = drawn.filter((node) => node['kind'] === undefined || node['kind'] === 'host')
  return new Set([...hosts, ...drawnHosts.map((node) => String(node['name']))])
}
