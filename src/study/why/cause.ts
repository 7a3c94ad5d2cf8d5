import type { DropReason } from '../../measure/drop-reason.ts'

/** Of what kind is the thing that has to change for a packet to arrive. */
export const CAUSE_KINDS = [
  'route',
  'neighbour',
  'fdb',
  'rule',
  'mtu',
  'device',
  'link',
  'forwarding',
  'ipsec',
  'daemon',
  'socket',
  'address',
  'host',
  'size',
  'other',
] as const

export type CauseKind = (typeof CAUSE_KINDS)[number]

/** Why a packet did not arrive: one thing, such that undoing it lets the packet pass this place. */
export interface Cause {
  readonly kind: CauseKind
  /** `missing`: a row that should be there. `wrong`: it leads astray. `present`: it is in the way. */
  readonly finding: 'missing' | 'wrong' | 'present'
  /** Where the thing is: namespace, device, port or host. */
  readonly place: string
  /** What it is about: the destination of a route, an address, a MAC, a rule, bytes of an MTU. */
  readonly subject: string
  /** The row as its tool prints it; null where there is none. */
  readonly row: string | null
  /** A row of the same kind elsewhere, to go by; null where none was found. */
  readonly pattern: string | null
  /** The drop that it led to; null where nothing was dropped. */
  readonly reason: DropReason | null
}

export function cause(
  kind: CauseKind,
  finding: Cause['finding'],
  place: string,
  subject: string,
  more: Partial<Pick<Cause, 'row' | 'pattern' | 'reason'>> = {},
): Cause {
  return { kind, finding, place, subject, row: null, pattern: null, reason: null, ...more }
}
