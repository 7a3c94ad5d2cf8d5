import type { Commands } from '../host/commands.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { AttachError, type ContainerSpec, type Endpoint } from './contract.ts'

export interface BridgedAttachment {
  readonly bridge: string
  /** Name of the host's end. */
  readonly hostDevice: string
  readonly mtu: number
  readonly address: Ipv4Address
  readonly length: number
  readonly mac: MacAddress
  readonly hairpin: boolean
}

/** Joins a container to a bridge by a veth pair, as container runtimes and CNI's bridge plugin do. */
export function attachToBridge(
  host: Commands,
  container: ContainerSpec,
  attachment: BridgedAttachment,
): Endpoint | AttachError {
  const { namespace, device } = container
  const { hostDevice, mtu, mac, address, length } = attachment
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
