import { SECOND } from '../../../sim/units.ts'
import type { StoreAddress } from '../../cluster/store.ts'
import type { Program } from '../../program/program.ts'

/** gRPC's connection back-off (doc/connection-backoff.md). */
const BACKOFF_FIRST = SECOND
const BACKOFF_FACTOR = 1.6
const BACKOFF_MAX = 120 * SECOND
const BACKOFF_JITTER = 0.2

/** A member as a client sees it. */
export class BalancedEndpoint {
  readonly address: StoreAddress
  /** Not to be connected to before. */
  private downUntil = 0
  private backoff = BACKOFF_FIRST

  constructor(address: StoreAddress) {
    this.address = address
  }

  isReady(now: number): boolean {
    return now >= this.downUntil
  }

  noteSuccess(): void {
    this.backoff = BACKOFF_FIRST
    this.downUntil = 0
  }

  /** There was no connection. */
  noteDown({ now, random }: Program): void {
    const jitter = 1 + BACKOFF_JITTER * (2 * random.next() - 1)
    this.downUntil = now + Math.round(this.backoff * jitter)
    this.backoff = Math.min(this.backoff * BACKOFF_FACTOR, BACKOFF_MAX)
  }
}

/** gRPC's round_robin, which clientv3 has used since 3.4: each request goes to the next member that is up. */
export class Balancer {
  private readonly program: Program
  private readonly endpoints: readonly BalancedEndpoint[]
  private next: number

  constructor(program: Program, addresses: readonly StoreAddress[]) {
    this.program = program
    this.endpoints = addresses.map((address) => new BalancedEndpoint(address))
    this.next = program.random.integer(0, addresses.length - 1)
  }

  get size(): number {
    return this.endpoints.length
  }

  /** @returns null when no member is up. */
  pick(): BalancedEndpoint | null {
    const { endpoints } = this
    for (let i = 0; i < endpoints.length; i++) {
      const endpoint = endpoints[this.next]!
      this.next = (this.next + 1) % endpoints.length
      if (endpoint.isReady(this.program.now)) return endpoint
    }
    return null
  }
}
