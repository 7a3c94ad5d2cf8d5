/**
 * Whole part of the cube root of a whole number up to 2^53, by Newton's method: the engines' own
 * Math.cbrt may differ in the last bit.
 */
export function cubicRoot(value: number): number {
  if (value < 1) return 0
  // From above the steps only go down, and end where the next would not.
  let root = 2 ** Math.ceil(bitsOf(value) / 3)
  for (;;) {
    const next = Math.floor((2 * root + Math.floor(value / (root * root))) / 3)
    if (next >= root) return root
    root = next
  }
}

/** Bits of a whole number, at least one. */
function bitsOf(value: number): number {
  const high = Math.floor(value / 0x1_0000_0000)
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(value)
}
