import { COST_PROFILES } from '../cpu/cost-profile.ts'
import { Machine } from '../cpu/machine.ts'
import { Commands } from '../host/commands.ts'
import { Host } from '../host/host.ts'
import type { HostDevice } from '../host/host-device.ts'
import type { Coalesce } from '../host/nic-options.ts'
import type { Ledger } from '../measure/ledger.ts'
import type { Simulator } from '../sim/simulator.ts'
import type { DeviceFeatures } from '../stack/device-features.ts'
import { Kernel } from '../stack/kernel.ts'
import { KERNEL_PROFILES, type KernelProfile } from '../stack/kernel-profile.ts'
import { NetNamespace } from '../stack/namespace.ts'
import { withSysctls } from '../stack/sysctl.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { MacPlan } from './mac-plan.ts'
import type { HostModel, NicModel, Scenario } from './model.ts'
import type { WorldFabric } from './world.ts'

/** A host with a NIC, which wants a cable. */
export function makeHost(
  simulator: Simulator,
  ledger: Ledger,
  model: HostModel,
  mac: MacAddress,
): Host {
  const { name, nic, address, prefixLength, gateway } = model
  const { mtu, filterEntries, txQueue, queues, rxRing, rss, rps } = nic
  return Host.cabled(simulator, ledger, name, {
    kernel: kernelProfileOf(model),
    machine: machineOf(simulator, ledger, name, model),
    mac,
    address,
    prefixLength,
    gateway,
    ...{ mtu, filterEntries, txQueue, queues, rxRing, rss, rps },
    coalesce: coalesceOf(nic),
    features: featuresOf(nic),
  })
}

/** As `ethtool -C` has it: 0 frames are no limit. */
function coalesceOf({ coalesce }: NicModel): Coalesce {
  if (coalesce === 'adaptive') return coalesce
  const { usecs, frames } = coalesce
  return { usecs, frames: frames === 0 ? Infinity : frames }
}

function kernelProfileOf({ kernel, sysctls }: HostModel): KernelProfile {
  return withSysctls(KERNEL_PROFILES[kernel]!, sysctls)
}

/** Null where work takes no time. */
function machineOf(
  simulator: Simulator,
  ledger: Ledger,
  name: string,
  { costs, cpus }: HostModel,
): Machine | null {
  const profile = COST_PROFILES[costs]
  return profile === undefined ? null : new Machine(simulator, ledger, name, cpus, profile)
}

function featuresOf(nic: NicModel): Partial<DeviceFeatures> {
  const { tso, gro, txChecksum, rxChecksum, tunnelTso, tunnelGro, gsoMaxSegments } = nic
  return { tso, gro, txChecksum, rxChecksum, tunnelTso, tunnelGro, gsoMaxSegments }
}

/** The kernel that all hosts of a bench share. */
const BENCH = 'bench'
const BENCH_BRIDGE = 'sw0'

/**
 * Mode bench: what `ip netns add` and `ip link add type veth` make of one kernel. The bridge between the
 * hosts is a namespace's own and meets no rules, as a switch would not.
 */
export function buildBench(
  scenario: Scenario,
  simulator: Simulator,
  ledger: Ledger,
  fabric: WorldFabric,
): void {
  const macs = new MacPlan()
  const [first] = scenario.hosts
  const node = scenario.fabric.nodes.find(({ kind }) => kind === 'bridge')
  if (first === undefined || node === undefined) return
  const machine = machineOf(simulator, ledger, BENCH, first)
  const kernel = new Kernel(simulator, ledger, BENCH, kernelProfileOf(first), machine)
  const sw = new Commands(new NetNamespace(kernel, node.name))
  sw.link.add({ name: BENCH_BRIDGE, type: 'bridge', mtu: largestMtu(scenario.hosts) })
  sw.link.up(BENCH_BRIDGE)
  fabric.bridges.set(node.name, sw.namespace)
  scenario.hosts.forEach((model, i) => {
    const { name, nic } = model
    const port = `p${i + 1}`
    const host = new Host(kernel, name, model, (root) =>
      addVeth(root, macs.host(), nic, { port, namespace: sw.namespace }),
    )
    host.commands.ethtool('eth0', featuresOf(nic))
    host.commands.sysctl('net.ipv4.ip_forward', 1)
    sw.link.master(port, BENCH_BRIDGE)
    sw.link.up(port)
    fabric.hosts.set(name, host)
  })
}

function largestMtu(hosts: readonly HostModel[]): number {
  return hosts.reduce((most, { nic }) => Math.max(most, nic.mtu), 0)
}

/** The host's `eth0`, the other end of which is a port of the bridge. */
function addVeth(
  root: NetNamespace,
  mac: MacAddress,
  { mtu }: NicModel,
  { port, namespace }: { readonly port: string; readonly namespace: NetNamespace },
): HostDevice {
  const { link } = new Commands(root)
  link.add({ name: 'eth0', type: 'veth', mtu, mac, peer: { name: port, namespace } })
  return root.device('eth0') as HostDevice
}
