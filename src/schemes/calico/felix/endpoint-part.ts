import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { parseInterfaceAddress } from '../../../wire/ipv4-address.ts'
import { addHostRoute, setSysctls } from '../cni/sandbox.ts'
import type { Update } from '../datastore/model.ts'
import type { DataplanePart, FelixContext } from './dataplane-part.ts'

/** Devices whose routes are Felix's own. */
const PREFIX = 'cali'
const HOST_ROUTE = 32

interface LocalEndpoint {
  readonly device: string
  readonly addresses: readonly Ipv4Address[]
}

/** The routes to the workloads of a node, and the sysctls of their devices (endpoint_mgr.go). */
export class EndpointPart implements DataplanePart {
  private readonly context: FelixContext
  private readonly endpoints = new Map<string, LocalEndpoint>()
  /** Devices of which something has changed. */
  private readonly changed = new Set<string>()
  private isResync = true

  constructor(context: FelixContext) {
    this.context = context
  }

  onUpdate(update: Update): void {
    if (update.kind !== 'WorkloadEndpoint') return
    const { key, value } = update
    const before = this.endpoints.get(key)
    if (before !== undefined) this.changed.add(before.device)
    this.endpoints.delete(key)
    if (value === null || value.spec.node !== this.context.node) return
    const { interfaceName: device, ipNetworks } = value.spec
    const addresses = ipNetworks.map((text) => parseInterfaceAddress(text)!.address)
    this.endpoints.set(key, { device, addresses })
    this.changed.add(device)
  }

  resync(): void {
    this.isResync = true
  }

  applyRoutes(): void {
    if (!this.isResync && this.changed.size === 0) return
    const wanted = this.wanted()
    const devices = this.isResync ? this.ownDevices() : this.changed
    for (const device of devices) this.applyDevice(device, wanted.get(device) ?? null)
    this.changed.clear()
    this.isResync = false
  }

  private wanted(): Map<string, readonly Ipv4Address[]> {
    return new Map([...this.endpoints.values()].map(({ device, addresses }) => [device, addresses]))
  }

  private ownDevices(): string[] {
    const { devices } = this.context.host.root
    return devices.map(({ name }) => name).filter((name) => name.startsWith(PREFIX))
  }

  /** @param addresses null = no endpoint has this device: its routes are left to whoever made it. */
  private applyDevice(name: string, addresses: readonly Ipv4Address[] | null): void {
    const { commands, root } = this.context.host
    const device = root.device(name)
    if (device === undefined || !device.up || addresses === null) return
    setSysctls(commands, name)
    for (const { destination } of root.routes.routes().filter((route) => route.device === device)) {
      const isWanted = destination.length === HOST_ROUTE && addresses.includes(destination.base)
      if (!isWanted) commands.route.delete(destination)
    }
    for (const address of addresses) addHostRoute(commands, address, name)
  }
}
