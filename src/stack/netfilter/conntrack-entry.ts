import { PROTOCOL_TCP } from '../../wire/frame.ts'
import { describeProtocol } from '../../wire/ipv4.ts'
import type { NetDevice } from '../device.ts'
import { tcpStateName } from './conntrack-tcp.ts'
import { ConntrackTuple } from './conntrack-tuple.ts'

export const DIRECTION_ORIGINAL = 0
export const DIRECTION_REPLY = 1

/** Bits of `ConntrackEntry.status`, the kernel's IPS_*. */
export const STATUS_SEEN_REPLY = 1 << 1
export const STATUS_ASSURED = 1 << 2
export const STATUS_CONFIRMED = 1 << 3
export const STATUS_SOURCE_NAT = 1 << 4
export const STATUS_DESTINATION_NAT = 1 << 5
export const STATUS_SOURCE_NAT_DONE = 1 << 7
export const STATUS_DESTINATION_NAT_DONE = 1 << 8

/**
 * One direction of an entry: the element of the hash table, and what a frame refers to. An entry has
 * two of them from its birth, so that a packet of a known flow makes no object.
 */
export class TrackedTuple extends ConntrackTuple {
  readonly entry: ConntrackEntry
  readonly direction: number
  /** Whether the frame is an ICMP error about the flow, not a packet of it. */
  readonly isRelated: boolean
  /** The next of its bucket. */
  next: TrackedTuple | null = null
  hash = 0

  constructor(entry: ConntrackEntry, direction: number, isRelated: boolean) {
    super()
    this.entry = entry
    this.direction = direction
    this.isRelated = isRelated
  }

  /** The tuple of the other direction. */
  get opposite(): TrackedTuple {
    return this.direction === DIRECTION_ORIGINAL ? this.entry.reply : this.entry.original
  }
}

/** A flow. With NAT the reply tuple is not the inverse of the original one: that is how NAT is kept. */
export class ConntrackEntry {
  /** The table of a namespace to which it belongs: what another namespace's frame says is not ours. */
  readonly owner: object
  readonly original: TrackedTuple
  readonly reply: TrackedTuple
  status = 0
  /** Picoseconds; at this time the entry is gone. */
  expires = 0
  /** TCP_CONNTRACK_* of a TCP flow. */
  tcpState = 0
  /** From when on an answered UDP flow counts as a stream, picoseconds. */
  streamFrom = 0
  /** By which device a masqueraded flow leaves. */
  masqueradeDevice: NetDevice | null = null

  constructor(owner: object, tuple: ConntrackTuple) {
    this.owner = owner
    this.original = new TrackedTuple(this, DIRECTION_ORIGINAL, false)
    this.original.copyFrom(tuple)
    this.reply = new TrackedTuple(this, DIRECTION_REPLY, false)
    this.reply.invertFrom(tuple)
  }

  get isConfirmed(): boolean {
    return (this.status & STATUS_CONFIRMED) !== 0
  }

  /** As `conntrack -L` prints it, without what depends on the clock. */
  toString(): string {
    const { original, reply, status } = this
    const parts = [describeProtocol(original.protocol).toLowerCase()]
    if (original.protocol === PROTOCOL_TCP) parts.push(tcpStateName(this.tcpState))
    parts.push(original.toString())
    if ((status & STATUS_SEEN_REPLY) === 0) parts.push('[UNREPLIED]')
    parts.push(reply.toString())
    if ((status & STATUS_ASSURED) !== 0) parts.push('[ASSURED]')
    return parts.join(' ')
  }
}

/** In place of a flow: a rule of the raw table wants the packet left alone (IP_CT_UNTRACKED). */
export class Untracked {
  /** The namespace whose rule it was: what another namespace's frame says is not ours. */
  readonly owner: object

  constructor(owner: object) {
    this.owner = owner
  }
}

/** The flow that conntrack found for a frame, or null: then the frame is INVALID or untracked. */
export function trackedBy(frame: { readonly conntrack: object | null }): TrackedTuple | null {
  return frame.conntrack instanceof TrackedTuple ? frame.conntrack : null
}
