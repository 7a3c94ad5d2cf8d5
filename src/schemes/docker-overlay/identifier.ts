import type { RandomStream } from '../../sim/random.ts'

/** Hexadecimal digits, as the daemon draws its ids; 64 of them for networks, endpoints, containers. */
export function randomHex(random: RandomStream, digits = 64): string {
  let text = ''
  while (text.length < digits) text += (random.int32() >>> 0).toString(16).padStart(8, '0')
  return text.slice(0, digits)
}
