import type { Host } from '../../../host/host.ts'
import { formatPrefix, type Ipv4Address, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import { appendUnique, BRIDGE } from './bridge.ts'

/**
 * `weave expose`: the host gets an address of the network, and with it a way in and out of it:
 * weaveworks/weave, net/expose.go.
 */
export function expose(
  { commands, root }: Host,
  address: Ipv4Address,
  subnet: Ipv4Prefix,
  masquerade: boolean,
): void {
  const bridge = root.device(BRIDGE)!
  if (!bridge.addresses.some((each) => each.address === address)) {
    commands.addr.add({ address, length: subnet.length }, BRIDGE)
  }
  root.arp.announce(bridge, address)
  const { iptables } = commands
  const block = formatPrefix(subnet)
  if (masquerade) {
    for (const rule of [
      `-s ${block} -d 224.0.0.0/4 -j RETURN`,
      `-d ${block} ! -s ${block} -j MASQUERADE`,
      `-s ${block} ! -d ${block} -j MASQUERADE`,
    ]) {
      appendUnique(iptables, 'nat', `WEAVE ${rule}`)
    }
  }
  appendUnique(iptables, 'filter', `WEAVE-EXPOSE -d ${block} -j ACCEPT`)
}
