/** JSON to requests as grpc-gateway's jsonpb reads it: camel case too, int64 as string or number. */
import { decodeBase64 } from './base64.ts'
import { invalidArgument, type RpcError } from './errors.ts'
import type { Field, Message } from './messages.ts'

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }

/** Thrown and caught within this file. */
class DecodeError extends Error {}

interface Values {
  readonly messages: readonly Json[]
  readonly fault?: string
}

const EMPTY: Values = { messages: [{}] }

const INTEGER = /^-?(0|[1-9]\d*)$/
const INT64_MIN = -(1n << 63n)
const INT64_MAX = (1n << 63n) - 1n
const UINT64_MAX = (1n << 64n) - 1n
/** A number of so many characters is surely within 64 bits. */
const SAFE_LENGTH = 15

/**
 * One message; fields that are absent have their defaults, unknown ones are left out. Several
 * values may follow one another: what follows is not looked at. Integers beyond 2^53 are exact only
 * as strings.
 */
export function decodeMessage<T extends object>(
  type: Message,
  text: string,
): { readonly message: T } | { readonly error: RpcError } {
  // An empty body is an empty message.
  const { messages, fault } = text.trim() === '' ? EMPTY : splitValues(text)
  const first = messages[0]
  if (first === undefined) return { error: invalidArgument(fault ?? 'unexpected EOF') }
  try {
    return { message: messageOf(type, first) as T }
  } catch (error) {
    if (error instanceof DecodeError) return { error: invalidArgument(error.message) }
    throw error
  }
}

/** The messages of a stream's body, up to the first that cannot be read. */
export function decodeStream<T extends object>(type: Message, text: string): T[] {
  const messages: T[] = []
  for (const value of splitValues(text).messages) {
    try {
      messages.push(messageOf(type, value) as T)
    } catch (error) {
      if (error instanceof DecodeError) break
      throw error
    }
  }
  return messages
}

/** JSON values that follow one another, as a stream's body has them. */
function splitValues(text: string): Values {
  const whole = parse(text)
  if (whole !== undefined) return { messages: [whole] }
  const messages: Json[] = []
  for (let at = 0; ; ) {
    while (/\s/.test(text[at] ?? '')) at++
    if (at === text.length) return { messages }
    const end = endOfObject(text, at)
    const value = end === undefined ? undefined : parse(text.slice(at, end))
    if (value === undefined) return { messages, fault: faultOf(text, at, end) }
    messages.push(value)
    at = end!
  }
}

function faultOf(text: string, at: number, end: number | undefined): string {
  if (text[at] === '{' || text[at] === '[') {
    return end === undefined ? 'unexpected EOF' : 'invalid character in JSON'
  }
  return `invalid character '${text[at]}' looking for beginning of value`
}

/** One past the end of the object that begins at `at`; undefined when it does not end. */
function endOfObject(text: string, at: number): number | undefined {
  if (text[at] !== '{' && text[at] !== '[') return undefined
  let [depth, inString] = [0, false]
  for (let i = at; i < text.length; i++) {
    const character = text[i]
    if (inString) {
      if (character === '\\') i++
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{' || character === '[') depth++
    else if ((character === '}' || character === ']') && --depth === 0) return i + 1
  }
  return undefined
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

function messageOf(type: Message, value: Json): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    if (value === null) return messageOf(type, {})
    throw new DecodeError(
      `json: cannot unmarshal ${kindOf(value)} into Go value of type map[string]json.RawMessage`,
    )
  }
  const message: Record<string, unknown> = {}
  for (const field of type.fields) {
    if (typeof field.type !== 'function' || field.repeated) message[field.name] = defaultOf(field)
  }
  for (const [name, each] of Object.entries(value)) {
    const field = type.byName.get(name)
    if (field !== undefined && each !== null) message[field.name] = fieldOf(field, each)
  }
  return message
}

function defaultOf({ type, repeated }: Field): unknown {
  if (repeated) return []
  if (typeof type === 'object') return type[0]
  return type === 'int' ? 0 : type === 'id' ? '0' : type === 'bool' ? false : ''
}

function fieldOf(field: Field, value: Json): unknown {
  if (!field.repeated) return scalarOf(field, value)
  if (Array.isArray(value)) return value.map((each) => scalarOf(field, each))
  throw new DecodeError(
    `json: cannot unmarshal ${kindOf(value)} into Go value of type []json.RawMessage`,
  )
}

function scalarOf(field: Field, value: Json): unknown {
  const { type } = field
  if (typeof type === 'function') return messageOf(type(), value)
  if (typeof type === 'object') return enumOf(field, type, value)
  switch (type) {
    case 'int':
      return Number(integerOf(field, value))
    case 'id':
      return integerOf(field, value)
    case 'bool':
      return typeof value === 'boolean' ? value : refuse(value, 'bool')
    case 'string':
      return typeof value === 'string' ? value : refuse(value, 'string')
    case 'bytes':
      return bytesOf(value)
  }
}

function enumOf(field: Field, names: readonly string[], value: Json): string {
  if (typeof value === 'number') return names[value] ?? String(value)
  if (typeof value !== 'string') return refuse(value, 'string')
  if (names.includes(value)) return value
  throw new DecodeError(`unknown value "${value}" for enum ${field.enumName}`)
}

function integerOf(field: Field, value: Json): string {
  const isUnsigned = field.name === 'memberId'
  const goType = isUnsigned ? 'uint64' : 'int64'
  if (typeof value !== 'string' && typeof value !== 'number') return refuse(value, goType)
  const text = typeof value === 'number' ? numberText(value) : value
  if (!INTEGER.test(text)) throw new DecodeError(integerFault(text, goType))
  if (text.length <= SAFE_LENGTH) return text === '-0' ? '0' : text
  const integer = BigInt(text)
  const isInside = isUnsigned
    ? integer >= 0n && integer <= UINT64_MAX
    : integer >= INT64_MIN && integer <= INT64_MAX
  if (!isInside) refuse(text, goType)
  return text
}

/** Without an exponent where it is a whole number. */
function numberText(value: number): string {
  return Number.isInteger(value) ? BigInt(value).toString() : String(value)
}

function integerFault(text: string, goType: string): string {
  if (text === '') return 'unexpected end of JSON input'
  if (Number.isNaN(Number(text))) {
    return `invalid character '${text[0]}' looking for beginning of value`
  }
  return `json: cannot unmarshal number ${text} into Go value of type ${goType}`
}

function bytesOf(value: Json): string {
  if (typeof value !== 'string') return refuse(value, '[]uint8', kindOf(value))
  const bytes = decodeBase64(value)
  if (typeof bytes === 'string') return bytes
  throw new DecodeError(`illegal base64 data at input byte ${bytes.faultAt}`)
}

function refuse(value: Json, goType: string, kind = describe(value, goType)): never {
  throw new DecodeError(`json: cannot unmarshal ${kind} into Go value of type ${goType}`)
}

function describe(value: Json, goType: string): string {
  const isNumber = goType.endsWith('int64') && typeof value !== 'boolean'
  return isNumber && typeof value !== 'object' ? `number ${value}` : kindOf(value)
}

function kindOf(value: Json): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
