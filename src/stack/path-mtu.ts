import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { Kernel } from './kernel.ts'

/** What an ICMP error taught of the way to one destination (fib_nh_exception). */
interface PathMtu {
  readonly mtu: number
  readonly expires: number
  readonly isLocked: boolean
}

/** Path MTUs that a namespace has learned: kept for mtu_expires, believed down to min_pmtu. */
export class PathMtus {
  private readonly kernel: Kernel
  private readonly learned = new Map<Ipv4Address, PathMtu>()

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  private find(destination: Ipv4Address): PathMtu | undefined {
    const learned = this.learned.get(destination)
    if (learned === undefined || learned.expires > this.kernel.simulator.now) return learned
    this.learned.delete(destination)
    return undefined
  }

  /** What is left of `mtu`, the route's own, on the way to `destination`. */
  limit(destination: Ipv4Address, mtu: number): number {
    const learned = this.find(destination)
    return learned === undefined ? mtu : Math.min(mtu, learned.mtu)
  }

  /** ip_mtu_locked: a hop named less than min_pmtu, so packets go without DF, for the hop to cut them. */
  isLocked(destination: Ipv4Address): boolean {
    return this.find(destination)?.isLocked ?? false
  }

  /** __ip_rt_update_pmtu. @param known the path's MTU up to now: never more is believed. */
  learn(destination: Ipv4Address, mtu: number, known: number): void {
    if (mtu > known) return
    const { minPmtu, pmtuExpires } = this.kernel.profile
    const isLocked = mtu < minPmtu
    this.learned.set(destination, {
      mtu: isLocked ? Math.min(known, minPmtu) : mtu,
      expires: this.kernel.simulator.now + pmtuExpires,
      isLocked,
    })
  }
}
