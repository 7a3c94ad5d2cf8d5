import { Vxlan } from '../../host/vxlan.ts'
import type { VxlanFdbRow } from '../../host/vxlan-fdb-row.ts'
import type { Port } from '../../link/port.ts'
import type { World, WorldLink } from '../../scenario/world.ts'
import type { NetDevice } from '../../stack/device.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import { formatIpv4 } from '../../wire/ipv4-address.ts'
import { formatMac } from '../../wire/mac-address.ts'

/** `h1` of `h1/eth0`: the namespace, switch or router of a place. */
export function nodeOf(place: string): string {
  const slash = place.lastIndexOf('/')
  return slash < 0 ? place : place.slice(0, slash)
}

/** Where addresses and MACs are in the built world, against which rows of tables are held. */
export class Whereabouts {
  private readonly byName = new Map<string, NetNamespace>()
  private readonly byAddress = new Map<string, NetDevice[]>()
  private readonly byMac = new Map<string, NetDevice[]>()
  private readonly machines = new Map<NetNamespace, string>()
  private readonly hosts: ReadonlySet<string>
  private readonly links: readonly WorldLink[]
  /** Rows as they are now: daemons change them while a packet is waited for. */
  private readonly remotes = new Map<NetDevice, readonly VxlanFdbRow[]>()

  constructor(world: World) {
    this.links = [...world.links.values()]
    this.hosts = new Set(world.hosts.keys())
    for (const { name, kernel } of world.hosts.values()) {
      for (const namespace of kernel.namespaces) this.add(namespace, name)
    }
    const { now } = world.simulator
    for (const { devices } of this.byName.values()) {
      for (const each of devices) {
        if (each instanceof Vxlan) this.remotes.set(each, each.fdb.entries(now))
      }
    }
    for (const { name, namespace } of world.routers.values()) this.add(namespace, name)
  }

  private add(namespace: NetNamespace, machine: string): void {
    if (this.machines.has(namespace)) return
    this.machines.set(namespace, machine)
    this.byName.set(namespace.name, namespace)
    for (const device of namespace.devices) {
      push(this.byMac, formatMac(device.mac), device)
      for (const { address } of device.addresses) push(this.byAddress, formatIpv4(address), device)
    }
  }

  namespace(name: string): NetNamespace | null {
    return this.byName.get(name) ?? null
  }

  /** Of a place as traces name it; null of ports and namespaces. */
  device(place: string): NetDevice | null {
    const name = place.slice(place.lastIndexOf('/') + 1)
    return this.byName.get(nodeOf(place))?.device(name) ?? null
  }

  /** Devices that have the address. */
  holders(address: string): readonly NetDevice[] {
    return this.byAddress.get(address) ?? []
  }

  /** Devices that have the MAC address. */
  stations(mac: string): readonly NetDevice[] {
    return this.byMac.get(mac) ?? []
  }

  /** The host or router on which a namespace is. */
  machineOf(namespace: NetNamespace): string {
    return this.machines.get(namespace) ?? namespace.name
  }

  /** Hosts and routers on which the address is. */
  machinesWith(address: string): ReadonlySet<string> {
    return new Set(this.holders(address).map(({ namespace }) => this.machineOf(namespace)))
  }

  isHost(machine: string): boolean {
    return this.hosts.has(machine)
  }

  namespaces(): Iterable<NetNamespace> {
    return this.byName.values()
  }

  /** Where the tunnel's row for a MAC leads, and in which namespace that is looked up. */
  remoteOf(device: NetDevice, mac: string) {
    const row = this.remotes.get(device)?.find((each) => formatMac(each.mac) === mac)
    if (row === undefined || !(device instanceof Vxlan)) return null
    return { underlay: device.underlay, remote: formatIpv4(row.dst), row: String(row) }
  }

  /** A port that is down at a cable of one of the machines, else at any cable between switches. */
  deadPort(machines: Iterable<string>): Port | null {
    const near = new Set(machines)
    const dead = this.links.filter(({ a, b }) => !a.isUp || !b.isUp)
    const isNear = ({ model }: WorldLink) => near.has(model.from) || near.has(model.to)
    const isOfHost = ({ model }: WorldLink) => this.isHost(model.from) || this.isHost(model.to)
    const link = dead.find(isNear) ?? dead.find((each) => !isOfHost(each))
    return link === undefined ? null : link.a.isUp ? link.b : link.a
  }

  /** A device that is down at the holder of an address: its own, its peer's, or its bridge. */
  downAt(address: string): NetDevice | null {
    for (const holder of this.holders(address)) {
      const peer = peerOf(holder)
      const down = [holder, peer, peer?.master ?? null].find((each) => each !== null && !each.up)
      if (down) return down
    }
    return null
  }

  /** A device of a machine that is down, in whichever namespace; those without a name for it last. */
  downOn(machine: string): NetDevice | null {
    for (const [namespace, name] of this.machines) {
      if (name !== machine) continue
      const down = namespace.devices.find((device) => !device.up && device.kind !== '')
      if (down !== undefined) return down
    }
    return null
  }
}

/** The other end of a veth pair. */
export function peerOf(device: NetDevice): NetDevice | null {
  return 'peer' in device ? (device.peer as NetDevice | null) : null
}

function push(lists: Map<string, NetDevice[]>, key: string, device: NetDevice): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [device])
  else list.push(device)
}

/** The machine of a node, which may be a namespace of it. */
export function machineAt(node: string, where: Whereabouts): string {
  const namespace = where.namespace(node)
  return namespace === null ? node : where.machineOf(namespace)
}
