import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { NetlinkError } from '../../../stack/route-table.ts'
import {
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
} from '../../../wire/ipv4-address.ts'
import type { Lease } from '../lease.ts'
import type { BackendContext } from './backend.ts'
import { deleteRoute, errnoText } from './kernel.ts'

/** How often missing routes are put back (routeCheckRetries). */
const ROUTE_CHECK_INTERVAL = 10 * SECOND

/** A route that is to be there. */
export interface LeaseRoute {
  readonly dst: Ipv4Prefix
  readonly via: Ipv4Address
  readonly dev: string
  readonly onlink: boolean
}

/** pkg/backend/route_network.go: a route for each other host, and nothing else. */
export class RouteNetwork {
  private readonly context: BackendContext
  /** Decides for each event anew. */
  private readonly routeOf: (lease: Lease) => LeaseRoute
  /** Refused ones too: they are tried again for ever. */
  private routes: readonly LeaseRoute[] = []

  constructor(context: BackendContext, routeOf: (lease: Lease) => LeaseRoute) {
    this.context = context
    this.routeOf = routeOf
    context.program.spawn(this.routeCheck())
  }

  private log(line: string): void {
    this.context.program.log.push(line)
  }

  leaseAdded(lease: Lease): void {
    const route = this.routeOf(lease)
    if (!this.routes.some((other) => isEqual(other, route))) this.routes = [...this.routes, route]
    const present = this.present(route.dst)
    if (present !== null && !isEqual(present, route)) {
      this.log(`Replacing existing route to ${routeText(present)} with ${routeText(route)}`)
      this.context.host.commands.route.delete(route.dst)
      this.forget(present)
    }
    if (this.isThere(route)) return
    const refusal = this.add(route)
    if (refusal === null) return
    const { root } = this.context.host
    const text = `{Ifindex: ${root.device(route.dev)!.ifindex} ${routeText(route)} Table: 0}`
    this.log(`Error adding route to ${text}: ${errnoText(refusal.errno)}`)
  }

  leaseRemoved(lease: Lease): void {
    const route = this.routeOf(lease)
    this.forget(route)
    const refusal = deleteRoute(this.context.host, route.dst, () => this.isThere(route))
    if (refusal !== null) {
      this.log(`Error deleting route to ${formatPrefix(route.dst)}: ${refusal}`)
    }
  }

  /** A try that fails says nothing: errors of the system calls are taken for passing ones. */
  private *routeCheck(): Process {
    for (;;) {
      yield* sleep(ROUTE_CHECK_INTERVAL)
      for (const route of this.routes) {
        if (this.present(route.dst) !== null || this.add(route) !== null) continue
        this.log(`Route recovered ${formatPrefix(route.dst)} : ${formatIpv4(route.via)}`)
      }
    }
  }

  private add({ dst, via, dev, onlink }: LeaseRoute): NetlinkError | null {
    const flags = onlink ? (['onlink'] as const) : []
    return this.context.host.commands.route.replace({ dst, via, dev, flags })
  }

  private isThere(route: LeaseRoute): boolean {
    const present = this.present(route.dst)
    return present !== null && isEqual(present, route)
  }

  /** What the kernel has for a subnet, as far as it can be one of ours. */
  private present(dst: Ipv4Prefix): LeaseRoute | null {
    const route = this.context.host.root.routes.exact(dst)
    if (route === null) return null
    return { dst, via: route.via ?? 0, dev: route.device?.name ?? '', onlink: route.onlink }
  }

  private forget(route: LeaseRoute): void {
    this.routes = this.routes.filter((other) => !isEqual(other, route))
  }
}

/** routeEqual: flags do not count. */
function isEqual(a: LeaseRoute, b: LeaseRoute): boolean {
  return (
    a.dst.base === b.dst.base && a.dst.length === b.dst.length && a.via === b.via && a.dev === b.dev
  )
}

/** As the netlink library prints a route. */
function routeText({ dst, via, onlink }: LeaseRoute): string {
  const flags = onlink ? '[onlink]' : '[]'
  return `Dst: ${formatPrefix(dst)} Src: <nil> Gw: ${formatIpv4(via)} Flags: ${flags}`
}
