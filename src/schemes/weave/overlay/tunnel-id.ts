const SHORT_ID_BITS = 12
const SHORT_ID_MASK = 0xfff

/** The VNI of what goes from peer to peer, by their short ids. */
export function tunnelIdOf(from: number, to: number): number {
  return from | (to << SHORT_ID_BITS)
}

/** The short ids of a VNI. */
export function shortIdsOf(tunnelId: number): { readonly from: number; readonly to: number } {
  return { from: tunnelId & SHORT_ID_MASK, to: tunnelId >>> SHORT_ID_BITS }
}
