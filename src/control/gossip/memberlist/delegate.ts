import type { Node } from './node-table.ts'

/**
 * What memberlist asks and tells its owner (Delegate, EventDelegate and PingDelegate of memberlist). All is
 * called on the program's thread and may not wait.
 */
export interface MemberlistDelegate {
  /** Up to 512 bytes that all others learn with the node. */
  nodeMeta(): Uint8Array
  /** Goes with each answer to a ping by UDP; empty = nothing. */
  ackPayload(): Uint8Array
  /** A user message has come, by gossip, UDP or TCP. */
  notifyMessage(content: Uint8Array): void
  /** User messages to go along, up to `limit` bytes, when each needs `overhead` bytes besides. */
  broadcasts(overhead: number, limit: number): Uint8Array[]
  /** The owner's part of a push/pull. @param join whether it is the first with this peer. */
  localState(join: boolean): Uint8Array
  mergeRemoteState(state: Uint8Array, join: boolean): void
  notifyJoin(node: Node): void
  /** The node's state says whether it left or failed. */
  notifyLeave(node: Node): void
  notifyUpdate(node: Node): void
}

export const META_BYTES_MAX = 512
