import { Ring } from '../cpu/ring.ts'
import type { Frame } from '../wire/frame.ts'

/** fq_codel's flows; others that hash to the same one share its turn. */
const FLOWS = 1024

/** A flow's frames, and its place in one of the two lists. */
class Flow {
  readonly frames = new Ring<Frame>()
  bytes = 0
  /** Bytes that it may still send in its turn. */
  deficit = 0
  isListed = false
  next: Flow | null = null
}

/** Flows that take turns. */
class FlowList {
  first: Flow | null = null
  private last: Flow | null = null

  append(flow: Flow): void {
    flow.next = null
    if (this.last === null) this.first = flow
    else this.last.next = flow
    this.last = flow
  }

  removeFirst(): void {
    this.first = this.first!.next
    if (this.first === null) this.last = null
  }
}

/**
 * Frames that wait for a card, a queue for each flow: deficit round robin, in which flows that have just
 * begun go first (sch_fq_codel, RFC 8290, without CoDel: TSQ keeps TCP's part of the queue short). A full
 * queue loses frames of the flow that has the most.
 */
export class FairQueue {
  /** Frames and bytes that wait; a unit counts as one frame. */
  length = 0
  bytes = 0
  private readonly limit: number
  /** By hash; made when a flow first waits. */
  private readonly flows: (Flow | undefined)[] = []
  private readonly young = new FlowList()
  private readonly old = new FlowList()

  /** @param limit frames. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** @returns the frame that has no room: this one, or an older one of the flow that has the most. */
  push(frame: Frame, hash: number, quantum: number): Frame | null {
    const flow = this.flowOf(hash)
    flow.frames.push(frame)
    this.count(flow, 1, frame.length)
    if (!flow.isListed) {
      flow.isListed = true
      flow.deficit = quantum
      this.young.append(flow)
    }
    if (this.length <= this.limit) return null
    return this.takeFrom(this.fattest(flow))
  }

  /** @param quantum bytes of a turn (the MTU with its header). @returns null when nothing waits. */
  shift(quantum: number): Frame | null {
    const { young, old } = this
    for (;;) {
      const list = young.first === null ? old : young
      const flow = list.first
      if (flow === null) return null
      if (flow.deficit > 0 && flow.frames.length > 0) {
        const frame = this.takeFrom(flow)
        flow.deficit -= frame.length
        return frame
      }
      list.removeFirst()
      if (flow.deficit <= 0) {
        flow.deficit += quantum
        old.append(flow)
      } else if (list === young && old.first !== null) old.append(flow)
      else flow.isListed = false
    }
  }

  private flowOf(hash: number): Flow {
    const index = hash & (FLOWS - 1)
    let flow = this.flows[index]
    if (flow === undefined) {
      flow = new Flow()
      this.flows[index] = flow
    }
    return flow
  }

  private takeFrom(flow: Flow): Frame {
    const frame = flow.frames.shift()!
    this.count(flow, -1, -frame.length)
    return frame
  }

  private count(flow: Flow, frames: number, bytes: number): void {
    flow.bytes += bytes
    this.length += frames
    this.bytes += bytes
  }

  private fattest(flow: Flow): Flow {
    let most = flow
    for (const list of [this.young, this.old]) {
      for (let each = list.first; each !== null; each = each.next) {
        if (each.bytes > most.bytes) most = each
      }
    }
    return most
  }
}
