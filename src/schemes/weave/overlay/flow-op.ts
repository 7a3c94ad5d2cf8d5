import type { FlowAction } from '../../../host/openvswitch/flow.ts'
import type { Frame } from '../../../wire/frame.ts'
import { type MacAddress, macOf } from '../../../wire/mac-address.ts'
import type { Peer } from '../mesh/peer.ts'

/** What the router decides by: a frame's MAC addresses. */
export interface PacketKey {
  readonly source: MacAddress
  readonly destination: MacAddress
}

/** A frame on its way from peer to peer. Of a broadcast each peer on its way is the destination once. */
export interface ForwardKey {
  readonly from: Peer
  readonly to: Peer
  readonly packet: PacketKey
}

export function packetOf(frame: Frame): PacketKey {
  const source = macOf(frame.srcHi, frame.srcLo)
  return { source, destination: macOf(frame.dstHi, frame.dstLo) }
}

/**
 * What is to be done with a frame: weaveworks/weave, router/flow.go. The kernel can do `actions`, and
 * then by itself for the frames to come; what is `processed` in user space, and what is `vetoed`,
 * has to come here again.
 */
export type FlowOp =
  | { readonly type: 'actions'; readonly actions: readonly FlowAction[] }
  /** The flow holds for these MAC addresses only. */
  | { readonly type: 'match'; readonly packet: PacketKey }
  | { readonly type: 'veto' }
  | { readonly type: 'discard'; readonly isError: boolean }
  | {
      readonly type: 'process'
      process(frame: Frame, isBroadcast: boolean): void
      /** One of the copies of a broadcast. */
      readonly isBroadcast?: true
    }

export const VETO: FlowOp = { type: 'veto' }
/** Nobody wants the frame. */
export const DISCARD: FlowOp = { type: 'discard', isError: false }
/** The way is not known, or gone. */
export const DISCARD_LOST: FlowOp = { type: 'discard', isError: true }

/** A way to one peer, as the overlay switch has several of. */
export interface Forwarder {
  readonly name: string
  /** Largest overlay packet for `weave status connections`, bytes. */
  readonly mtu: number
  confirm(): void
  /** @returns null where this one cannot send it. */
  forward(key: ForwardKey): FlowOp | null
  controlMessage(tag: number, content: Uint8Array): void
  stop(): void
}
