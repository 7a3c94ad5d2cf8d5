/**
 * Bits of the packet's mark that Felix uses, and its words for rules, in the spelling of its own renderer
 * (felix/iptables: match_builder.go, actions.go): its rules' hashes are over this text.
 */

/** A policy or profile has allowed the packet. */
export const MARK_ACCEPT = 0x10000
/** A policy has passed it on to the next tier. */
export const MARK_PASS = 0x20000
/** In rules that need several matches: all so far have fitted. In raw: the packet is from a workload. */
export const MARK_SCRATCH_0 = 0x40000
/** The present one of several matches has fitted. */
export const MARK_SCRATCH_1 = 0x80000
export const MARK_ALL = MARK_ACCEPT | MARK_PASS | MARK_SCRATCH_0 | MARK_SCRATCH_1

function hex(bits: number): string {
  return bits === 0 ? '0' : `0x${bits.toString(16)}`
}

export function isMarked(bits: number): string {
  return `-m mark --mark ${hex(bits)}/${hex(bits)}`
}

export function isUnmarked(bits: number): string {
  return `-m mark --mark 0/${hex(bits)}`
}

export function setMark(bits: number, mask = bits): string {
  return `--jump MARK --set-mark ${hex(bits)}/${hex(mask)}`
}

export function clearMark(bits: number): string {
  return setMark(0, bits)
}

export function jump(target: string): string {
  return `--jump ${target}`
}

export function goto(chain: string): string {
  return `--goto ${chain}`
}

/** A rule of its parts, less those that are empty: comment, match, action. */
export function rule(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ')
}

const COMMENT_MAX = 255

/** escapeComment: what is not plain becomes an underscore. */
export function comment(text: string): string {
  const plain = text.replace(/[^a-zA-Z0-9 _\-.,:;()/=|[\]]/g, '_')
  return `-m comment --comment "${plain.slice(0, COMMENT_MAX)}"`
}
