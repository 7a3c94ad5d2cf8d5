import { ETHERTYPE_IPV4, type Frame } from '../wire/frame.ts'

const ECN_MASK = 3
const ECN_ECT_0 = 2
const ECN_CE = 3

/** INET_ECN_encapsulate: the outer TOS for what a tunnel carries. Congestion marks stay inside. */
export function outerTos(tos: number, inner: Frame): number {
  if (inner.etherType !== ETHERTYPE_IPV4) return tos & ~ECN_MASK
  const ecn = inner.tos & ECN_MASK
  return (tos & ~ECN_MASK) | (ecn === ECN_CE ? ECN_ECT_0 : ecn)
}

/** The outer packet is the same unit as what it carries, and is charged to the same socket. */
export function carryUnit(outer: Frame, inner: Frame): void {
  outer.gsoSize = inner.gsoSize
  outer.gsoSegments = inner.gsoSegments
  outer.gsoExcess = inner.gsoExcess
  outer.takeOwner(inner)
}

/**
 * Takes what a tunnel carried out of its outer packet, as a packet that is new to this stack: without
 * the sender's conntrack entry and flow hash, with the outer packet's mark unless it changes
 * namespace, with the outer packet's damage where its checksum did not find it, with its congestion
 * mark.
 * @returns null for congestion on a packet that cannot carry the mark: to be dropped (RFC 6040).
 */
export function decapsulate(outer: Frame, inner: Frame, crossesNamespace: boolean): Frame | null {
  const congested = (outer.tos & ECN_MASK) === ECN_CE && inner.etherType === ETHERTYPE_IPV4
  if (congested && (inner.tos & ECN_MASK) === 0) return null
  // Who holds the outer packet as well holds its content.
  if (outer.shared) inner.shared = true
  const mark = crossesNamespace ? 0 : outer.mark
  const isClean =
    !congested &&
    !outer.badChecksum &&
    inner.conntrack === null &&
    inner.fragmentMax === 0 &&
    inner.mark === mark &&
    inner.flowHash === 0 &&
    inner.trace === outer.trace
  if (isClean) return inner
  const frame = inner.writable()
  frame.conntrack = null
  frame.fragmentMax = 0
  frame.mark = mark
  frame.flowHash = 0
  frame.trace = outer.trace
  if (congested) frame.tos |= ECN_CE
  if (outer.badChecksum) frame.badChecksum = true
  return frame
}
