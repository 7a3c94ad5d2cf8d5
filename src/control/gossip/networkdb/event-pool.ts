import type { Simulator } from '../../../sim/simulator.ts'
import { decodeTableEvent, type TableEvent } from './messages.ts'

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/**
 * Table events that are under way in one simulation. Every node of a network gets the same bytes many times
 * over: they are decoded once, and all nodes keep the one event.
 */
export class EventPool {
  /** By a hash of their bytes. */
  private readonly events = new Map<number, TableEvent[]>()

  static of(simulator: Simulator): EventPool {
    const known = pools.get(simulator)
    if (known !== undefined) return known
    const pool = new EventPool()
    pools.set(simulator, pool)
    return pool
  }

  /** @param content of the gossip message `whole`. @returns null when they are no table event. */
  decode(whole: Uint8Array, content: Uint8Array): TableEvent | null {
    const hash = hashOf(whole)
    const list = this.events.get(hash)
    const known = list?.find(({ bytes }) => isEqual(bytes, whole))
    if (known !== undefined) return known
    const event = decodeTableEvent(whole, content)
    if (event !== null) this.keep(hash, list, event)
    return event
  }

  private keep(hash: number, list: TableEvent[] | undefined, event: TableEvent): void {
    // What remains of a deleted row's time changes by the second.
    if (event.action === 'delete') return
    if (list === undefined) this.events.set(hash, [event])
    else list.push(event)
  }
}

const pools = new WeakMap<Simulator, EventPool>()

function hashOf(bytes: Uint8Array): number {
  let hash = FNV_OFFSET
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, FNV_PRIME)
  return hash
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
