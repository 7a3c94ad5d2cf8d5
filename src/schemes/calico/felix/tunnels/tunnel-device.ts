import type { Host } from '../../../../host/host.ts'
import type { NetDevice } from '../../../../stack/device.ts'
import type { Ipv4Address } from '../../../../wire/ipv4-address.ts'

/** Has a device up, with this MTU and no other address. */
export function configureTunnel(
  host: Host,
  device: NetDevice,
  mtu: number,
  address: Ipv4Address | null,
): void {
  const { root } = host
  if (device.mtu !== mtu) device.mtu = mtu
  if (!device.up) device.up = true
  for (const old of device.addresses) {
    if (old.address !== address || old.length !== 32) root.removeAddress(device, old)
  }
  if (address !== null && device.addresses.length === 0) {
    root.addAddress(device, { address, length: 32 })
  }
}
