import { Macvlan } from '../host/macvlan.ts'
import { Nic } from '../host/nic.ts'
import type { NetDevice } from '../stack/device.ts'
import { type DeviceFeatures, withFeatures } from '../stack/device-features.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Scenario } from './model.ts'
import type { WorldFabric } from './world.ts'

const OFF: Partial<DeviceFeatures> = { tso: false, gro: false }
/** TSO of a macvlan device is fixed on: its parent cuts what it cannot send. */
const OFF_MACVLAN: Partial<DeviceFeatures> = { gro: false }

/** `deviceOffloads: false`: TSO and GRO of software devices are switched off as soon as they are there. */
export class DeviceOffloads {
  private readonly fabric: WorldFabric
  private readonly hosts: ReadonlySet<string>

  constructor(scenario: Scenario, fabric: WorldFabric) {
    this.fabric = fabric
    const without = scenario.hosts.filter(({ deviceOffloads }) => !deviceOffloads)
    this.hosts = new Set(without.map(({ name }) => name))
    if (this.hosts.size === scenario.hosts.length) {
      for (const namespace of fabric.bridges.values()) switchOff(namespace)
    }
  }

  /** To all devices that a host and one of its containers have by now. */
  apply(host: string, container?: NetNamespace): void {
    if (!this.hosts.has(host)) return
    switchOff(this.fabric.hosts.get(host)!.root)
    if (container !== undefined) switchOff(container)
  }
}

function switchOff(namespace: NetNamespace): void {
  for (const device of namespace.devices) {
    if (device instanceof Nic) continue
    device.features = withFeatures(device.features, offOf(device))
  }
}

function offOf(device: NetDevice): Partial<DeviceFeatures> {
  return device instanceof Macvlan ? OFF_MACVLAN : OFF
}
