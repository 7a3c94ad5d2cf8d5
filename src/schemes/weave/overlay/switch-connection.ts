import type { Program } from '../../../control/program/program.ts'
import type { OverlayConnection, OverlayConnectionParams } from '../mesh/overlay.ts'
import { TAG_OVERLAY_CONTROL } from '../mesh/protocol.ts'
import { DISCARD_LOST, type FlowOp, type Forwarder, type ForwardKey } from './flow-op.ts'

/** How a forwarder tells of itself; callable from anywhere. */
export interface ForwarderEvents {
  established(): void
  /** Of fastdp: whether frames of the other end still come. */
  healthy(isHealthy: boolean): void
  failed(error: string): void
  /** To the forwarder of the same overlay at the other end. */
  sendControlMessage(tag: number, content: Uint8Array): void
}

/** One of the ways that the data of a connection may take. */
export interface NetworkOverlay {
  readonly name: string
  /** @returns why not. */
  prepare(params: OverlayConnectionParams, events: ForwarderEvents): Forwarder | string
  /** What was derived from routes, short ids or places of MAC addresses holds no more. */
  invalidate(): void
  stop(): void
}

interface SubForwarder {
  readonly name: string
  forwarder: Forwarder | null
  isEstablished: boolean
  isOnHold: boolean
}

/**
 * The data path of one connection, which prefers one overlay to the other: weaveworks/weave,
 * router/overlay_switch.go. The choice says nothing to the flows that the kernel has: those of the
 * overlay that was left stay until they have not been used for long, or routes change.
 */
export class SwitchConnection implements OverlayConnection {
  private readonly program: Program
  private readonly params: OverlayConnectionParams
  private readonly subs: SubForwarder[]
  private best = -1
  private isEstablished = false
  private hasFailed = false

  constructor(
    program: Program,
    params: OverlayConnectionParams,
    overlays: readonly NetworkOverlay[],
  ) {
    this.program = program
    this.params = params
    this.subs = overlays.map(({ name }) => {
      return { name, forwarder: null, isEstablished: false, isOnHold: false }
    })
    overlays.forEach((overlay, index) => {
      const prepared = overlay.prepare(params, this.eventsOf(index))
      if (typeof prepared !== 'string') this.subs[index]!.forwarder = prepared
      else this.print(`Unable to use ${overlay.name} for connection: ${prepared}`)
    })
    this.choose()
  }

  private print(text: string): void {
    this.program.log.push(`overlay_switch ->[${this.params.remotePeer}] ${text}`)
  }

  private eventsOf(index: number): ForwarderEvents {
    return {
      established: () => this.established(index),
      healthy: (isHealthy) => this.healthy(index, isHealthy),
      failed: (error) => this.failed(index, error),
      sendControlMessage: (tag, content) => {
        const message = new Uint8Array(2 + content.length)
        message[0] = index
        message[1] = tag
        message.set(content, 2)
        this.params.sendControlMessage(TAG_OVERLAY_CONTROL, message)
      },
    }
  }

  /** The overlay that carries data now; null when none works. */
  get chosen(): Forwarder | null {
    return this.subs[this.best]?.forwarder ?? null
  }

  private established(index: number): void {
    this.subs[index]!.isEstablished = true
    if (!this.isEstablished) {
      this.isEstablished = true
      this.params.established()
    }
    this.choose()
  }

  private healthy(index: number, isHealthy: boolean): void {
    const sub = this.subs[index]!
    if (sub.isOnHold === !isHealthy) return
    sub.isOnHold = !isHealthy
    this.choose()
  }

  private failed(index: number, error: string): void {
    const sub = this.subs[index]!
    if (sub.forwarder === null) return
    this.print(`${sub.name} ${error}`)
    sub.forwarder.stop()
    sub.forwarder = null
    this.choose()
  }

  /** The first that is established, else the first that works. */
  private choose(): void {
    const works = ({ forwarder, isOnHold }: SubForwarder) => forwarder !== null && !isOnHold
    const established = this.subs.findIndex((sub) => works(sub) && sub.isEstablished)
    const best = established >= 0 ? established : this.subs.findIndex(works)
    if (best < 0) {
      if (this.hasFailed) return
      this.hasFailed = true
      return this.params.failed(`no working forwarders to ${this.params.remotePeer}`)
    }
    if (best === this.best) return
    this.best = best
    this.print(`using ${this.subs[best]!.name}`)
  }

  confirm(): void {
    for (const { forwarder } of this.subs) forwarder?.confirm()
  }

  /** By the chosen overlay, or one less preferred where that one cannot. */
  forward(key: ForwardKey): FlowOp {
    if (this.best < 0) return DISCARD_LOST
    for (let i = this.best; i < this.subs.length; i++) {
      const op = this.subs[i]!.forwarder?.forward(key) ?? null
      if (op !== null) return op
    }
    return DISCARD_LOST
  }

  controlMessage(_tag: number, content: Uint8Array): void {
    const sub = this.subs[content[0] ?? -1]
    sub?.forwarder?.controlMessage(content[1] ?? -1, content.subarray(2))
  }

  stop(): void {
    for (const sub of this.subs) {
      sub.forwarder?.stop()
      sub.forwarder = null
    }
  }
}
