import type { NetNamespace } from '../../stack/namespace.ts'
import { formatPrefix, type Ipv4Address, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { RouteSink } from './daemon.ts'

/** Keeps the routes of one protocol in a namespace's main table, and leaves all others alone. */
export class KernelRoutes implements RouteSink {
  private readonly namespace: NetNamespace
  private readonly protocol: string
  private readonly refused: (message: string) => void

  /** @param protocol as `ip route` prints it: bird, bgp. @param refused told what the kernel refuses. */
  constructor(namespace: NetNamespace, protocol: string, refused: (message: string) => void) {
    this.namespace = namespace
    this.protocol = protocol
    this.refused = refused
  }

  /** Takes out what an earlier daemon has left. */
  clear(): void {
    for (const { destination, protocol } of this.namespace.routes.routes()) {
      if (protocol === this.protocol) this.namespace.routes.delete(destination)
    }
  }

  set(prefix: Ipv4Prefix, nexthops: readonly Ipv4Address[]): void {
    const { routes } = this.namespace
    const { protocol } = this
    const present = routes.exact(prefix)
    // A connected or static route to the same destination goes before BGP's.
    if (present !== null && present.protocol !== protocol) return
    const [first] = nexthops
    if (first === undefined) {
      if (present !== null) routes.delete(prefix)
      return
    }
    const way =
      nexthops.length === 1 ? { via: first } : { nexthops: nexthops.map((via) => ({ via })) }
    const error = routes.replace({ destination: prefix, protocol, ...way })
    if (error !== null) this.refused(`${formatPrefix(prefix)}: ${error.message}`)
  }
}
