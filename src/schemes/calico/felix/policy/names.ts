import { sha224, sha256 } from '../../../../wire/sha256.ts'

/** felix/iptables: MaxChainNameLength. */
const CHAIN_NAME_MAX = 28
const RULE_HASH_LENGTH = 16

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Go's base64.RawURLEncoding. */
function urlBase64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    const digits = Math.min(4, Math.ceil(((bytes.length - i) * 8) / 6))
    for (let k = 0; k < digits; k++) text += DIGITS[(group >> (18 - 6 * k)) & 63]
  }
  return text
}

/** Of ASCII text, behind what stands in `bytes` before `at`. */
function writeText(bytes: Uint8Array, at: number, text: string): Uint8Array {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
  return bytes
}

function bytesOf(text: string): Uint8Array {
  return writeText(new Uint8Array(text.length), 0, text)
}

/** A chain's name: what it is for, or the hash of that where it is too long (hashutils.GetLengthLimitedID). */
export function chainName(prefix: string, suffix: string): string {
  const length = prefix.length + suffix.length
  const couldClash = length === CHAIN_NAME_MAX && suffix.startsWith('_')
  if (length < CHAIN_NAME_MAX || (length === CHAIN_NAME_MAX && !couldClash)) return prefix + suffix
  const hash = urlBase64(sha256(bytesOf(suffix)))
  return `${prefix}_${hash.slice(0, CHAIN_NAME_MAX - 1 - prefix.length)}`
}

/** The id of what is known by its text, such as the set of a selector (hash.MakeUniqueID). */
export function uniqueId(prefix: string, text: string): string {
  return `${prefix}:${urlBase64(sha224(bytesOf(text)))}`
}

/**
 * By which Felix knows its rules again in the kernel: each hash covers the chain's name, the rule and all
 * rules before it.
 */
export function ruleHashes(chain: string, rules: readonly string[]): string[] {
  let hash = sha224(bytesOf(chain))
  return rules.map((rule) => {
    const text = `-A ${chain} HASH ${rule}`
    const message = new Uint8Array(hash.length + text.length)
    message.set(hash)
    hash = sha224(writeText(message, hash.length, text))
    return urlBase64(hash).slice(0, RULE_HASH_LENGTH)
  })
}
