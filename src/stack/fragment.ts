import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES } from '../wire/frame.ts'

/**
 * Cuts an IPv4 packet into fragments of at most `mtu` bytes each. The pieces refer to the whole, of
 * which each is a range; cutting a fragment again refers to the same whole.
 */
export function fragmentDatagram(frame: Frame, mtu: number): Frame[] {
  const total = frame.l3Length - IPV4_HEADER_BYTES
  const step = Math.floor((mtu - IPV4_HEADER_BYTES) / 8) * 8
  const whole = frame.fragmentOf ?? frame
  whole.shared = true
  const fragments: Frame[] = []
  for (let offset = 0; offset < total; offset += step) {
    const size = Math.min(step, total - offset)
    const piece = new Frame()
    piece.etherType = ETHERTYPE_IPV4
    piece.l3Length = IPV4_HEADER_BYTES + size
    piece.ipSrc = frame.ipSrc
    piece.ipDst = frame.ipDst
    piece.protocol = frame.protocol
    piece.ttl = frame.ttl
    piece.tos = frame.tos
    piece.ipId = frame.ipId
    piece.dstHi = frame.dstHi
    piece.dstLo = frame.dstLo
    piece.srcHi = frame.srcHi
    piece.srcLo = frame.srcLo
    piece.moreFragments = offset + size < total || frame.moreFragments
    piece.fragmentOffset = frame.fragmentOffset + offset
    piece.fragmentOf = whole
    piece.trace = frame.trace
    piece.mark = frame.mark
    fragments.push(piece)
  }
  shareOwner(frame, fragments)
  return fragments
}

/** The pieces are charged to the whole's owner together what the whole was. */
function shareOwner(whole: Frame, pieces: readonly Frame[]): void {
  const { owner, truesize } = whole
  if (owner === null) return
  whole.owner = null
  const share = Math.floor(truesize / pieces.length)
  for (const piece of pieces) {
    piece.owner = owner
    piece.truesize = share
  }
  pieces[0]!.truesize += truesize - share * pieces.length
}
