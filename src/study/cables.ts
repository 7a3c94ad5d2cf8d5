import type { Host } from '../host/host.ts'
import { Veth } from '../host/veth.ts'
import type { World } from '../scenario/world.ts'

/**
 * Where what is sent at a place comes in, by the names that traces use: both ends of each cable of the
 * fabric and of each veth pair.
 */
export function cablesOf(world: World): ReadonlyMap<string, string> {
  const ends = new Map<string, string>()
  for (const { a, b } of world.links.values()) {
    ends.set(a.label, b.label)
    ends.set(b.label, a.label)
  }
  for (const host of world.hosts.values()) {
    for (const namespace of [host.root, ...host.containers.values()]) {
      for (const device of namespace.devices) {
        if (device instanceof Veth && device.peer) ends.set(device.label, device.peer.label)
      }
    }
  }
  return ends
}

/** Where a host is connected: its port, or its device where that has no cable. */
export function cableOf({ port, root }: Host) {
  return port ?? root.device('eth0') ?? root.loopback
}
