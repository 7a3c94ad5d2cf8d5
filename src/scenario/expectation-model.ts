/** What a scenario expects of its run, resolved as `model.ts` says. */
import type { DropReason } from '../measure/drop-reason.ts'
import type { LimitKind } from './limit-kind.ts'
import type { LimitedTable } from './limited-table.ts'
import type { EndpointRef } from './model.ts'

export type Comparison =
  /** |measured - value| <= tolerance * |value| */
  | { readonly kind: 'equals'; readonly value: number; readonly tolerance: number }
  | { readonly kind: 'atLeast'; readonly value: number }
  | { readonly kind: 'atMost'; readonly value: number }
  | { readonly kind: 'between'; readonly low: number; readonly high: number }
  /** One of these words. */
  | { readonly kind: 'is'; readonly values: readonly LimitKind[] }

export type Percentile = 'min' | 'mean' | 'max' | number

export type CoreSide = 'send' | 'receive' | 'both'

export type Metric =
  /** Payload bits per second that arrived. */
  | { readonly kind: 'goodput'; readonly of: string }
  /** Fraction of one. */
  | { readonly kind: 'loss'; readonly of: string }
  /** Picoseconds; a number is a percentile in [0, 100]. */
  | { readonly kind: 'rtt'; readonly of: string; readonly at: Percentile }
  /** Packets (requests, for udp-rr) of a workload. */
  | { readonly kind: 'sent'; readonly of: string }
  | { readonly kind: 'delivered'; readonly of: string }
  /** TCP segments sent again. */
  | { readonly kind: 'retransmits'; readonly of: string }
  /** From the start until every flow had read all of its bytes, picoseconds. */
  | { readonly kind: 'completion'; readonly of: string }
  /** The longest time in which a flow got nothing through or no operation succeeded, picoseconds. */
  | { readonly kind: 'stall'; readonly of: string }
  /** From the call of a put to its event at a watcher, picoseconds. */
  | { readonly kind: 'watchDelay'; readonly of: string; readonly at: Percentile }
  /** Times that a watcher had to read all anew. */
  | { readonly kind: 'watchGaps'; readonly of: string }
  /** Requests answered, a second. */
  | { readonly kind: 'transactions'; readonly of: string }
  /** Packets that arrived, a second. */
  | { readonly kind: 'packetRate'; readonly of: string }
  /** Jain's index over the flows, up to 1. */
  | { readonly kind: 'fairness'; readonly of: string }
  /** Cores busy on the machines of senders, of receivers, or of both. */
  | { readonly kind: 'cores'; readonly of: string; readonly side: CoreSide }
  /** Cores busy for 10 Gb/s of goodput. */
  | { readonly kind: 'coresPerGoodput'; readonly of: string }
  /** What kept it from going faster. */
  | { readonly kind: 'limitedBy'; readonly of: string }
  /** Frames; null = any reason, any place. */
  | { readonly kind: 'drops'; readonly reason: DropReason | null; readonly at: string | null }
  /** Null = the sum over all switches. */
  | { readonly kind: 'macEntries'; readonly switch: string | null }
  | { readonly kind: 'macRefused'; readonly switch: string | null }
  | { readonly kind: 'macMoves'; readonly switch: string | null }
  | { readonly kind: 'floodedFrames'; readonly switch: string | null }
  /** Bits per second flooded to a host's port, and their share of its rate; null = the worst port. */
  | { readonly kind: 'floodRate'; readonly at: string | null }
  | { readonly kind: 'floodShare'; readonly at: string | null }
  /** Used by capacity, of the fullest table of a kind. */
  | { readonly kind: 'tableShare'; readonly table: LimitedTable }
  /** Payload bytes by bytes on the wire, of all links; fraction of one. */
  | { readonly kind: 'wireEfficiency' }
  /** Times that a member of the store became leader. */
  | { readonly kind: 'elections' }
  /** The longest time without a leader after the first, picoseconds. */
  | { readonly kind: 'leaderless' }
  | { readonly kind: 'bgpSessions' }
  | { readonly kind: 'bgpUpdates' }
  /** Since the start, picoseconds. */
  | { readonly kind: 'bgpConverged' }
  /** Containers that are on a network at the end. */
  | { readonly kind: 'attached'; readonly network: string }
  /** Bytes of encapsulation, a packet on the hosts' cables. */
  | { readonly kind: 'bytesAdded'; readonly network: string }
  /** 1 when the probe's echo came back, else 0. */
  | { readonly kind: 'reachable'; readonly from: EndpointRef; readonly to: EndpointRef }

export interface ExpectationModel {
  readonly metric: Metric
  readonly comparison: Comparison
  /** As the file says it, on one line. */
  readonly text: string
  readonly line: number
}
