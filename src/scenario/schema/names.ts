/** Names and small types that several sections of the scenario file share. */
import { z } from 'zod'
import { fraction } from '../../schemes/option-types.ts'

const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9._-]*$/
const NAME_MAX = 63

/** A name that the file gives to something. */
export function name() {
  return z.string().max(NAME_MAX).regex(NAME_PATTERN, {
    error: 'letters, digits, ".", "_" and "-", beginning with a letter',
  })
}

/** A name that the file uses; whether there is such a thing is checked later. */
export function reference() {
  return z.string().min(1).max(NAME_MAX)
}

/** One item or a list of them. */
export function oneOrMany<T extends z.ZodType>(item: T) {
  return z
    .union([item, z.array(item).min(1)])
    .transform((value): z.output<T>[] => (Array.isArray(value) ? value : [value]) as z.output<T>[])
}

/** IP protocol numbers: 4 is IPIP, 17 UDP. */
export function ipProtocol() {
  return z.int().min(0).max(255)
}

export function portNumber() {
  return z.int().min(1).max(65535)
}

/** Least MTU of IPv4 (RFC 791). */
export const MTU_MIN = 68
export const MTU_MAX = 65535

/** `equals` with `within`, `atLeast`, `atMost` or `between`, of values of one kind. */
export function comparison<T extends z.ZodType<number>>(value: () => T) {
  return {
    equals: value().exactOptional().describe('The measured value must be this one.'),
    within: fraction()
      .exactOptional()
      .describe('With `equals`: how far the value may be off, in per cent of it.'),
    atLeast: value().exactOptional().describe('The least that is right.'),
    atMost: value().exactOptional().describe('The most that is right.'),
    between: z
      .tuple([value(), value()])
      .exactOptional()
      .describe('The least and the most that is right.'),
  }
}
