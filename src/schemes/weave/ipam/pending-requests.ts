import type { PeerName } from '../mesh/peer.ts'
import type { AddressRange } from './address-range.ts'
import { type AllocatorParts, ClaimRequest, type PendingRequest } from './requests.ts'

/** In the order in which they are tried: what containers have already goes before what they ask for. */
const KINDS = ['prime', 'claim', 'allocate'] as const

export type RequestKind = (typeof KINDS)[number]

/** Requests that wait for a ring, for a peer's answer, or for free space. */
export class PendingRequests {
  private readonly lists: Record<RequestKind, PendingRequest[]> = {
    prime: [],
    claim: [],
    allocate: [],
  }

  get isEmpty(): boolean {
    return KINDS.every((kind) => this.lists[kind].length === 0)
  }

  add(kind: RequestKind, request: PendingRequest): void {
    this.lists[kind].push(request)
  }

  attemptAll(allocator: AllocatorParts): void {
    for (const kind of KINDS) this.keep(kind, (request) => !request.attempt(allocator))
  }

  /** A peer has said that it has nothing to give in the range. */
  deny(owner: PeerName, { start, end }: AddressRange, allocator: AllocatorParts): void {
    this.keep('claim', (request) => {
      if (!(request instanceof ClaimRequest)) return true
      if (request.address < start || request.address >= end) return true
      request.denied(allocator, owner, null)
      return false
    })
  }

  cancelFor(container: string): void {
    this.cancel((request) => request.container === container, ['claim', 'allocate'])
  }

  cancelAll(): void {
    this.cancel(() => true, KINDS)
  }

  private cancel(
    isMeant: (request: PendingRequest) => boolean,
    kinds: readonly RequestKind[],
  ): void {
    for (const kind of kinds) {
      this.keep(kind, (request) => {
        if (isMeant(request)) request.cancel()
        return !isMeant(request)
      })
    }
  }

  private keep(kind: RequestKind, isKept: (request: PendingRequest) => boolean): void {
    this.lists[kind] = this.lists[kind].filter(isKept)
  }
}
