import { Commands } from '../../../host/commands.ts'
import type { Host } from '../../../host/host.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND } from '../../../sim/units.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import {
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
  maskOf,
} from '../../../wire/ipv4-address.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../../contract.ts'
import { attachToBridge, BRIDGE, configureArpCache } from './bridge.ts'

const HOST_END = 'vethwepl'
const GUEST_END = 'vethwepg'
/** IFNAMSIZ without the final zero, less the prefix. */
const ID_LENGTH = 7
const MULTICAST: Ipv4Prefix = { base: 224 << 24, length: 4 }
const MULTICAST_TEXT = '224.0.0.0/4'
/** Without it the ARP would not reach the bridge. */
const BEFORE_ARP = MILLISECOND

/** Where a container gets its place. */
export interface Place {
  readonly address: Ipv4Address
  readonly length: number
  readonly mtu: number
  /** False in front of a packet socket, which would read unfinished checksums. */
  readonly txOffload: boolean
  /** Next hop of the default route; null = none by this network. */
  readonly gateway: Ipv4Address | null
}

/** Joins a container to the bridge: weaveworks/weave, net/veth.go, AttachContainer. */
export function* attachContainer(
  host: Host,
  container: ContainerSpec,
  place: Place,
): Process<Endpoint | AttachError> {
  const { commands, root } = host
  const { namespace, device, name, network } = container
  const { address, length, mtu } = place
  const id = freeId(root, name)
  const [near, far] = [HOST_END + id, GUEST_END + id]
  const mac = container.mac === null ? {} : { mac: container.mac }
  commands.link.add({ name: near, type: 'veth', mtu, peer: { name: device, namespace, ...mac } })
  const refusal = attachToBridge(host, near)
  if (refusal !== null) {
    commands.link.delete(near)
    return new AttachError(`attaching veth "${near}" to "${BRIDGE}": ${refusal}`)
  }
  const inside = namespace.device(device)!
  const guest = new Commands(namespace)
  if (!place.txOffload) guest.ethtool(device, { txChecksum: false })
  configureArpCache(inside)
  commands.link.up(near)
  guest.iptables.run(`-A INPUT -i ${device} -d ${MULTICAST_TEXT} -j DROP`)
  guest.addr.add({ address, length }, device)
  guest.iptables.run(`-I INPUT 1 ${acceptRule(device, address, length)}`)
  guest.link.up(device)
  yield* sleep(BEFORE_ARP)
  if (namespace.device(device) !== inside) return new AttachError(`${far}: no such device`)
  namespace.arp.announce(inside, address)
  guest.route.replace({ dst: MULTICAST, dev: device, scope: 'link' })
  if (place.gateway !== null) {
    guest.route.replace({ dst: { base: 0, length: 0 }, via: place.gateway, dev: device })
  }
  return { container: name, network, device, namespace, address, length, mac: inside.mac }
}

/** Takes it off again: DetachContainer. */
export function detachContainer({ namespace, device, address, length }: Endpoint): void {
  if (namespace.device(device) === undefined) return
  const guest = new Commands(namespace)
  for (const rule of [
    acceptRule(device, address, length),
    `-i ${device} -d ${MULTICAST_TEXT} -j DROP`,
  ]) {
    if (guest.iptables.run(`-C INPUT ${rule}`)) guest.iptables.run(`-D INPUT ${rule}`)
  }
  guest.link.delete(device)
}

function acceptRule(device: string, address: Ipv4Address, length: number): string {
  const subnet = formatPrefix({ base: address & maskOf(length), length })
  return `-i ${device} -s ${subnet} -d ${MULTICAST_TEXT} -j ACCEPT`
}

/** A container's name stands for the beginning of its id, which differs from all others. */
function freeId(root: NetNamespace, name: string): string {
  const short = name.replaceAll(/[^A-Za-z0-9]/g, '')
  let id = short.slice(0, ID_LENGTH)
  for (let number = 1; root.device(HOST_END + id) !== undefined; number++) {
    const digits = String(number)
    id = short.slice(0, ID_LENGTH - digits.length) + digits
  }
  return id
}
