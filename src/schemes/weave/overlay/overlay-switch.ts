import type { Program } from '../../../control/program/program.ts'
import type { Overlay, OverlayConnectionParams } from '../mesh/overlay.ts'
import type { Peer } from '../mesh/peer.ts'
import { type NetworkOverlay, SwitchConnection } from './switch-connection.ts'

/** Of the features that a connection announces: names of overlays, the preferred one first. */
const FEATURE = 'Overlays'

/** All overlays of a router, of which each connection uses those that both its ends have. */
export class OverlaySwitch implements Overlay {
  private readonly program: Program
  private readonly overlays: readonly NetworkOverlay[]
  private readonly forgetMacs: (peer: Peer) => void

  /** @param overlays the preferred one first. */
  constructor(
    program: Program,
    overlays: readonly NetworkOverlay[],
    forgetMacs: (peer: Peer) => void,
  ) {
    this.program = program
    this.overlays = overlays
    this.forgetMacs = forgetMacs
  }

  addFeaturesTo(features: Map<string, string>): void {
    features.set(FEATURE, this.overlays.map(({ name }) => name).join(' '))
  }

  prepareConnection(params: OverlayConnectionParams): SwitchConnection | string {
    const theirs = params.features.get(FEATURE)?.split(' ') ?? []
    const ours = this.overlays.map(({ name }) => name)
    // Both ends must number them alike: the order is that of the end that connected.
    const [first, second] = params.isOutbound ? [ours, theirs] : [theirs, ours]
    const common = first.filter((name) => second.includes(name))
    if (common.length === 0) return 'no overlays in common with peer'
    const overlays = common.map((name) => this.overlays.find((other) => other.name === name)!)
    return new SwitchConnection(this.program, params, overlays)
  }

  invalidateRoutes(): void {
    for (const overlay of this.overlays) overlay.invalidate()
  }

  invalidateShortIds(): void {
    this.invalidateRoutes()
  }

  peerRemoved(peer: Peer): void {
    this.forgetMacs(peer)
  }

  stop(): void {
    for (const overlay of this.overlays) overlay.stop()
  }
}
