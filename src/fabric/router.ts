import { Port } from '../link/port.ts'
import { RateLimiter } from '../link/rate-limiter.ts'
import type { Ledger } from '../measure/ledger.ts'
import type { Simulator } from '../sim/simulator.ts'
import { SECOND } from '../sim/units.ts'
import { Kernel } from '../stack/kernel.ts'
import { KERNEL_PROFILES, type KernelProfile } from '../stack/kernel-profile.ts'
import { NetNamespace } from '../stack/namespace.ts'
import type { NetlinkError } from '../stack/route-table.ts'
import type { Ipv4Address, Ipv4Prefix } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { RouterPort } from './router-port.ts'

export interface RouterOptions {
  /** Routes that fit into the hardware table. */
  readonly fib: number
  /** ARP entries that fit. */
  readonly arpEntries: number
  /** Life of an ARP entry, picoseconds. */
  readonly arpTimeout: number
  /** Forwarding latency, picoseconds. */
  readonly latency: number
  /** Packets per second that reach the CPU. */
  readonly puntRate: number
}

/** Packets that the punt path takes at once before its rate holds. */
const PUNT_BURST = 100

/** A router of the fabric: the hosts' IP stack with hardware forwarding and a limited FIB. */
export class Router {
  readonly name: string
  readonly namespace: NetNamespace
  readonly options: RouterOptions
  private readonly kernel: Kernel
  private readonly punt: RateLimiter

  constructor(simulator: Simulator, ledger: Ledger, name: string, options: RouterOptions) {
    this.name = name
    this.options = options
    this.kernel = new Kernel(simulator, ledger, name, routerProfile(options))
    this.namespace = new NetNamespace(this.kernel, name)
    this.namespace.sysctls.ipForward = true
    // Hardware hashes on the five-tuple.
    this.namespace.sysctls.multipathHashPolicy = 1
    this.namespace.routes.capacity = options.fib
    this.punt = new RateLimiter(options.puntRate, PUNT_BURST)
  }

  /** Adds a routed port with its address; the caller joins the returned port to its peer. */
  addPort(name: string, address: Ipv4Address, length: number, mtu: number, mac: MacAddress): Port {
    const device = new RouterPort(this.namespace, name, mtu, mac, this.punt)
    const { simulator, ledger } = this.kernel
    const port = new Port(simulator, ledger, device, this.namespace.devices.length, name)
    port.node = this.name
    port.receiveLatency = this.options.latency
    device.port = port
    this.namespace.addDevice(device)
    this.namespace.addAddress(device, { address, length })
    // On a /31 both ends are addresses (RFC 3021): the peer is on the link.
    if (length === 31) {
      const base = address & -2
      this.namespace.routes.add({ destination: { base, length }, device, scope: 'link' })
    }
    return port
  }

  /** Installs a route over one or more equal next hops; the error when the FIB refuses it. */
  addRoute(destination: Ipv4Prefix, nexthops: readonly Ipv4Address[]): NetlinkError | null {
    if (nexthops.length === 1) {
      return this.namespace.routes.add({ destination, via: nexthops[0]!, protocol: 'static' })
    }
    return this.namespace.routes.add({
      destination,
      nexthops: nexthops.map((via) => ({ via })),
      protocol: 'static',
    })
  }
}

/** A router's ARP entries live a fixed time, and their limit is that of its hardware. */
function routerProfile({ arpTimeout, arpEntries }: RouterOptions): KernelProfile {
  const base = KERNEL_PROFILES['6.18']!
  return {
    ...base,
    name: 'router',
    neighbour: {
      ...base.neighbour,
      baseReachableTime: arpTimeout,
      randomReachable: false,
      gcStaleTime: Math.max(arpTimeout, 60 * SECOND),
      gcThresh1: arpEntries,
      gcThresh2: arpEntries,
      gcThresh3: arpEntries,
    },
  }
}
