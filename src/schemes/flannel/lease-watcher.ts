import { formatPrefix, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { KnownLease, LeaseEvent, WatchResult } from './subnet-manager.ts'

/**
 * Turns what a watch tells into changes of the others' leases (pkg/lease, LeaseWatcher). The host's own
 * is told by its subnet alone: another host with the same subnet goes unnoticed.
 */
export class LeaseWatcher {
  private readonly own: Ipv4Prefix
  private readonly log: (line: string) => void
  private known = new Map<string, KnownLease>()

  constructor(own: Ipv4Prefix, log: (line: string) => void) {
    this.own = own
    this.log = log
  }

  take(result: WatchResult): LeaseEvent[] {
    return result.kind === 'events' ? this.update(result.events) : this.reset(result.leases)
  }

  /** Of a lease that was known already nothing is told, even if its attributes are others. */
  private reset(leases: readonly KnownLease[]): LeaseEvent[] {
    const others = leases.filter((lease) => !this.isOwn(lease))
    const before = this.known
    this.known = new Map(others.map((lease) => [keyOf(lease), lease]))
    const added = others.filter((lease) => !before.has(keyOf(lease)))
    const removed = [...before.values()].filter((lease) => !this.known.has(keyOf(lease)))
    return [
      ...added.map((lease): LeaseEvent => ({ type: 'added', lease })),
      ...removed.map((lease): LeaseEvent => ({ type: 'removed', lease })),
    ]
  }

  private update(events: readonly LeaseEvent[]): LeaseEvent[] {
    return events
      .filter(({ lease }) => !this.isOwn(lease))
      .map((event) => (event.type === 'added' ? this.add(event) : this.remove(event)))
  }

  private add(event: LeaseEvent): LeaseEvent {
    this.known.set(keyOf(event.lease), event.lease)
    return event
  }

  private remove(event: LeaseEvent): LeaseEvent {
    const key = keyOf(event.lease)
    const lease = this.known.get(key)
    this.known.delete(key)
    if (lease !== undefined) return { type: 'removed', lease }
    this.log(`Removed subnet (${key}) and ipv6 subnet () were not found`)
    return event
  }

  private isOwn({ subnet }: KnownLease): boolean {
    return subnet.base === this.own.base && subnet.length === this.own.length
  }
}

function keyOf({ subnet }: KnownLease): string {
  return formatPrefix(subnet)
}
