import type { Commands } from '../host/commands.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { AttachError, type ContainerSpec, type Endpoint } from './contract.ts'

export interface BridgedAttachment {
  readonly bridge: string
  readonly mtu: number
  readonly address: Ipv4Address
  readonly length: number
  readonly mac: MacAddress
  readonly hairpin: boolean
}

/** Pairs made so far, by the namespace of the host. */
const pairs = new WeakMap<NetNamespace, number>()

/** A name for the host's end that no other network of the host uses, as the kernel fills in veth%d. */
function nextName(namespace: NetNamespace): string {
  const number = pairs.get(namespace) ?? 0
  pairs.set(namespace, number + 1)
  return `veth${number}`
}

/** Joins a container to a bridge by a veth pair, as container runtimes and CNI's bridge plugin do. */
export function attachToBridge(
  host: Commands,
  container: ContainerSpec,
  attachment: BridgedAttachment,
): Endpoint | AttachError {
  const { namespace, device } = container
  const { mtu, mac, address, length } = attachment
  const hostDevice = nextName(host.namespace)
  host.link.add({
    name: hostDevice,
    type: 'veth',
    mtu,
    peer: { name: device, namespace, mac },
  })
  const refusal = host.link.master(hostDevice, attachment.bridge, { hairpin: attachment.hairpin })
  if (refusal) {
    host.link.delete(hostDevice)
    return new AttachError(`cannot add ${hostDevice} to ${attachment.bridge}: ${refusal.message}`)
  }
  host.link.up(hostDevice)
  const inside = namespace.device(device)!
  inside.up = true
  namespace.addAddress(inside, { address, length })
  const { name, network } = container
  return { container: name, network, device, namespace, address, length, mac }
}
