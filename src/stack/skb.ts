const SK_BUFF_BYTES = 256
const SHARED_INFO_BYTES = 320
const SMALL_HEAD_BYTES = 576
/** Room that UDP and ICMP leave for link-layer headers (LL_MAX_HEADER with alignment). */
const HEADROOM_BYTES = 32

/**
 * Memory that a packet is charged for (skb->truesize): its data in the allocator's size class, and the
 * sk_buff. A running kernel gave 832 for datagrams of 64 bytes and 2304 for 1400 bytes.
 * @param length frame length, bytes.
 */
export function skbTruesize(length: number): number {
  const needed = length + HEADROOM_BYTES + SHARED_INFO_BYTES
  if (needed <= SMALL_HEAD_BYTES) return SMALL_HEAD_BYTES + SK_BUFF_BYTES
  let sizeClass = 1024
  while (sizeClass < needed) sizeClass *= 2
  return sizeClass + SK_BUFF_BYTES
}
