/**
 * The types of values in a scenario file, as zod schemas: text in, numbers of the model out. Schemes
 * build their `options` of these, and so does every other section, so that all keys read alike.
 */
import { z } from 'zod'
import { parseQuantity, QUANTITIES, type QuantityKind } from '../sim/quantities.ts'
import {
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
  parseInterfaceAddress,
  parseIpv4,
  parsePrefix,
} from '../wire/ipv4-address.ts'
import { type MacAddress, parseMac } from '../wire/mac-address.ts'

/** What a custom issue carries beside its message; see `src/scenario/shape.ts`. */
export interface ValueIssueParams {
  readonly remedy: string
  /** The input was no text or number at all, so that in a union another branch was meant. */
  readonly wrongType: boolean
}

type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly remedy: string }

/** A scalar that `parse` turns into a value; `json` is its part of the JSON Schema. */
function scalar<T>(parse: (input: unknown) => Parsed<T>, json: Record<string, unknown>) {
  return z
    .unknown()
    .transform((input, context): T => {
      const parsed = parse(input)
      if (parsed.ok) return parsed.value
      const wrongType = typeof input !== 'string' && typeof input !== 'number'
      const params: ValueIssueParams = { remedy: parsed.remedy, wrongType }
      context.issues.push({ code: 'custom', message: parsed.message, params: { ...params }, input })
      return z.NEVER
    })
    .meta(json)
}

function quantity(kind: QuantityKind) {
  return scalar((input) => parseQuantity(kind, input), quantityJson(kind))
}

function quantityJson(kind: QuantityKind): Record<string, unknown> {
  const { units, examples, bare } = QUANTITIES[kind]
  const names = [...units.keys()].join('|')
  const pattern = `^\\s*([0-9]*\\.)?[0-9]+\\s*(${names})${bare ? '?' : ''}\\s*$|^0$`
  return {
    anyOf: [
      { type: 'string', pattern, examples: [...examples] },
      bare ? { type: 'integer', minimum: 0 } : { const: 0 },
    ],
  }
}

/** Bits per second. */
export const rate = () => quantity('rate')
/** Picoseconds. */
export const duration = () => quantity('duration')
/** Bytes. */
export const size = () => quantity('size')
/** Largest IP packet of a device, bytes: from RFC 791's least to the most that IPv4 can say. */
export function mtu() {
  const [least, most] = [68, 65_535]
  const remedy = `${least} to ${most} bytes; Ethernet has 1500`
  return scalar<number>((input) => {
    const parsed = parseQuantity('size', input)
    if (!parsed.ok || (parsed.value >= least && parsed.value <= most)) return parsed
    return { ok: false, message: `an MTU of ${parsed.value} bytes is none of IPv4`, remedy }
  }, quantityJson('size'))
}
/** Packets per second. */
export const packetRate = () => quantity('packetRate')
/** A fraction of one, written in per cent. */
export const fraction = () => quantity('fraction')

const OCTET = '(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
const QUAD = `${OCTET}(\\.${OCTET}){3}`

function shown(input: unknown): string {
  if (typeof input === 'string') return JSON.stringify(input.slice(0, 60))
  if (typeof input === 'number' || typeof input === 'boolean') return String(input)
  if (input === null || input === undefined) return 'nothing'
  return Array.isArray(input) ? 'a list' : 'a mapping'
}

/** A dotted quad. */
export function ipv4Address() {
  return scalar<Ipv4Address>(
    (input) => {
      const value = typeof input === 'string' ? parseIpv4(input) : null
      if (value !== null) return { ok: true, value }
      const remedy = 'write it like 10.0.1.5, each octet from 0 to 255 without leading zeros'
      return { ok: false, message: `${shown(input)} is not an IPv4 address`, remedy }
    },
    { type: 'string', pattern: `^${QUAD}$`, examples: ['10.0.1.5'] },
  )
}

/** An address block in CIDR notation, without host bits. */
export function ipv4Prefix() {
  return scalar<Ipv4Prefix>(parseBlock, {
    type: 'string',
    pattern: `^${QUAD}/(3[0-2]|[12]?[0-9])$`,
    examples: ['10.244.0.0/16'],
  })
}

/** An address with the length of its prefix, as `ip addr` takes it. */
export function interfaceAddress() {
  return scalar<{ readonly address: Ipv4Address; readonly length: number }>(
    (input) => {
      const isText = typeof input === 'string' && input.includes('/')
      const value = isText ? parseInterfaceAddress(input) : null
      if (value !== null) return { ok: true, value }
      const remedy = 'write it like 10.0.1.254/24'
      return { ok: false, message: `${shown(input)} is no address with a prefix length`, remedy }
    },
    { type: 'string', pattern: `^${QUAD}/(3[0-2]|[12]?[0-9])$`, examples: ['10.0.1.254/24'] },
  )
}

function parseBlock(input: unknown): Parsed<Ipv4Prefix> {
  const wrong = (what: string, remedy: string): Parsed<Ipv4Prefix> => ({
    ok: false,
    message: `${shown(input)} ${what}`,
    remedy,
  })
  const text = typeof input === 'string' ? input : ''
  const value = text.includes('/') ? parsePrefix(text) : null
  if (value === null) return wrong('is not an address block', 'write it like 10.244.0.0/16')
  if (parseInterfaceAddress(text)!.address !== value.base) {
    return wrong('has bits beyond its prefix length', `did you mean ${formatPrefix(value)}?`)
  }
  return { ok: true, value }
}

/** A unicast MAC address. */
export function macAddress() {
  return scalar<MacAddress>(
    (input) => {
      const value = typeof input === 'string' ? parseMac(input) : null
      const remedy = 'write it like 02:42:0a:00:01:05'
      if (value === null) {
        return { ok: false, message: `${shown(input)} is not a MAC address`, remedy }
      }
      if (value % 2 ** 41 < 2 ** 40 && value !== 0) return { ok: true, value }
      const message = `${shown(input)} is a group address or all zeros, which no station has`
      return { ok: false, message, remedy }
    },
    {
      type: 'string',
      pattern: '^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$',
      examples: ['02:42:0a:00:01:05'],
    },
  )
}

/** A whole number from `least` to `most`. */
export function count(least = 0, most = 1e9) {
  return z.int().min(least).max(most)
}
