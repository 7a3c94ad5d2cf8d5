import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { Endpoint } from './endpoint.ts'

const BUCKETS_MIN = 16

/** Connections by addresses and ports: chained buckets, as many as there are connections. */
export class ConnectionTable {
  size = 0
  private buckets: (Endpoint | null)[] = new Array(BUCKETS_MIN).fill(null)
  /** Segments mostly follow others of the same connection. */
  private latest: Endpoint | null = null

  find(
    localAddress: Ipv4Address,
    localPort: number,
    remoteAddress: Ipv4Address,
    remotePort: number,
  ): Endpoint | null {
    const { latest } = this
    if (
      latest !== null &&
      latest.remotePort === remotePort &&
      latest.localPort === localPort &&
      latest.remoteAddress === remoteAddress &&
      latest.localAddress === localAddress
    ) {
      return latest
    }
    let entry: Endpoint | null =
      this.buckets[this.bucketOf(localAddress, localPort, remoteAddress, remotePort)] ?? null
    for (; entry !== null; entry = entry.chained) {
      if (
        entry.remotePort === remotePort &&
        entry.localPort === localPort &&
        entry.remoteAddress === remoteAddress &&
        entry.localAddress === localAddress
      ) {
        this.latest = entry
        return entry
      }
    }
    return null
  }

  *entries(): Generator<Endpoint> {
    for (const first of this.buckets) {
      for (let entry = first; entry !== null; entry = entry.chained) yield entry
    }
  }

  add(entry: Endpoint): void {
    if (this.size >= this.buckets.length) this.grow()
    this.link(entry)
    this.size++
  }

  remove(entry: Endpoint): void {
    if (this.latest === entry) this.latest = null
    const at = this.bucketFor(entry)
    let before: Endpoint | null = null
    for (let each: Endpoint | null = this.buckets[at] ?? null; each !== null; each = each.chained) {
      if (each === entry) {
        if (before === null) this.buckets[at] = entry.chained
        else before.chained = entry.chained
        entry.chained = null
        this.size--
        return
      }
      before = each
    }
  }

  private link(entry: Endpoint): void {
    const at = this.bucketFor(entry)
    entry.chained = this.buckets[at]!
    this.buckets[at] = entry
  }

  private bucketFor(entry: Endpoint): number {
    const { localAddress, localPort, remoteAddress, remotePort } = entry
    return this.bucketOf(localAddress, localPort, remoteAddress, remotePort)
  }

  private bucketOf(
    localAddress: Ipv4Address,
    localPort: number,
    remoteAddress: Ipv4Address,
    remotePort: number,
  ): number {
    let hash = Math.imul(localAddress ^ Math.imul(remoteAddress, 0x85ebca6b), 0xc2b2ae35)
    hash = Math.imul(hash ^ (hash >>> 15) ^ (localPort << 16) ^ remotePort, 0x9e3779b1)
    return (hash ^ (hash >>> 16)) & (this.buckets.length - 1)
  }

  private grow(): void {
    const old = this.buckets
    this.buckets = new Array(old.length * 2).fill(null)
    for (const first of old) {
      for (let entry = first; entry !== null; ) {
        const next: Endpoint | null = entry.chained
        this.link(entry)
        entry = next
      }
    }
  }
}
