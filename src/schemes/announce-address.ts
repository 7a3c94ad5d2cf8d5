import { type Process, sleep } from '../sim/process.ts'
import { SECOND } from '../sim/units.ts'
import type { NetDevice } from '../stack/device.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'

/** Unsolicited ARP requests for a new address, from engine 28.0 on, and the time between them. */
const ANNOUNCEMENTS = 3
const ANNOUNCEMENT_INTERVAL = SECOND

/** Tells a container's neighbours of its address, as long as it has it. */
export function* announceAddress(device: NetDevice, address: Ipv4Address): Process<void> {
  for (let i = 0; i < ANNOUNCEMENTS; i++) {
    if (i > 0) yield* sleep(ANNOUNCEMENT_INTERVAL)
    if (!device.addresses.some((own) => own.address === address)) return
    device.namespace.arp.announce(device, address)
  }
}
