import { type Frame, UNTAGGED } from '../wire/frame.ts'

export const DEFAULT_VLAN = 1
/** `classify` found no VLAN for a frame. */
export const NO_VLAN = -1

const VID_MASK = 0xfff
const VLANS = 4096

export type VlanMode =
  /** One VLAN, untagged on the wire. */
  | { readonly kind: 'access'; readonly vlan: number }
  /**
   * Tagged on the wire. `native` (default 1, null for none) goes untagged; without `allowed` every
   * VLAN is.
   */
  | {
      readonly kind: 'trunk'
      readonly native?: number | null
      readonly allowed?: readonly number[]
    }

/** The VLANs of one port (802.1Q): which VLAN a frame is in, and how it leaves. */
export class PortVlans {
  private readonly native: number
  private readonly members: Uint8Array

  /** Throws RangeError on a VLAN outside 1..4094. */
  constructor(mode: VlanMode) {
    this.members = new Uint8Array(VLANS)
    if (mode.kind === 'access') {
      this.native = checked(mode.vlan)
      this.members[this.native] = 1
      return
    }
    this.native = mode.native === null ? NO_VLAN : checked(mode.native ?? DEFAULT_VLAN)
    if (mode.allowed === undefined) this.members.fill(1, 1, VID_MASK)
    else for (const vlan of mode.allowed) this.members[checked(vlan)] = 1
  }

  /** The VLAN of a frame that came in, or NO_VLAN when the port does not carry it. */
  classify(frame: Frame): number {
    // VID 0 carries a priority only.
    const vid = frame.vlan === UNTAGGED ? 0 : frame.vlan & VID_MASK
    const vlan = vid === 0 ? this.native : vid
    return this.carries(vlan) ? vlan : NO_VLAN
  }

  carries(vlan: number): boolean {
    return this.members[vlan] === 1
  }

  /** The tag with which a frame of `vlan` leaves, or UNTAGGED. Its priority bits stay. */
  egressTag(vlan: number, frameTag: number): number {
    if (vlan === this.native) return UNTAGGED
    return frameTag === UNTAGGED ? vlan : (frameTag & ~VID_MASK) | vlan
  }
}

function checked(vlan: number): number {
  if (!Number.isInteger(vlan) || vlan < 1 || vlan > 4094) {
    throw new RangeError(`VLAN ${vlan} is outside 1..4094`)
  }
  return vlan
}

/** The frame with this tag: itself where nobody else holds it or it has the tag already. */
export function retag(frame: Frame, tag: number): Frame {
  if (frame.vlan === tag) return frame
  const changed = frame.writable()
  changed.vlan = tag
  return changed
}
