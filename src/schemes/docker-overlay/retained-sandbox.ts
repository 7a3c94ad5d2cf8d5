import type { Host } from '../../host/host.ts'
import type { NetNamespace } from '../../stack/namespace.ts'

/**
 * Moves devices, addresses and routes of a container into a namespace of their own: what is left of a
 * sandbox that could not be deleted. Its kernel goes on answering, but no program is in it.
 */
export function retainSandbox(host: Host, container: NetNamespace, name: string): NetNamespace {
  const kept = host.addContainer(name)
  const routes = container.routes.routes().filter(({ protocol }) => protocol !== 'kernel')
  for (const device of [...container.devices]) {
    const { addresses, up } = device
    container.moveDevice(device, kept)
    device.up = up
    for (const address of addresses) kept.addAddress(device, address)
  }
  for (const { destination, via, device } of routes) {
    if (via !== null && device !== null) kept.routes.add({ destination, via, device })
  }
  return kept
}
