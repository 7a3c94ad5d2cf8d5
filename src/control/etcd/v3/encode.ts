/** Responses to JSON as grpc-gateway writes it: defaults left out, int64 as strings, base64 bytes. */
import { encodeBase64 } from './base64.ts'
import { httpStatusOf, type RpcError } from './errors.ts'
import { type Field, KEY_VALUE, type Message } from './messages.ts'

export interface HttpAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

const JSON_TYPE = 'application/json'

/** @param value has the fields of `type`, and maybe others, which are left out. */
function encodeMessage(type: Message, value: object): string {
  const values = value as Readonly<Record<string, unknown>>
  let text = ''
  for (const field of type.fields) {
    const each = values[field.name]
    if (each === undefined) continue
    const json = field.repeated ? encodeList(field, each as unknown[]) : encodeField(field, each)
    if (json === undefined) continue
    text += `${text === '' ? '' : ','}"${field.json}":${json}`
  }
  return `{${text}}`
}

function encodeList(field: Field, values: readonly unknown[]): string | undefined {
  if (values.length === 0) return undefined
  return `[${values.map((value) => encodeField(field, value) ?? '""').join(',')}]`
}

/**
 * Keys and values in JSON, as many as watches and listings of a busy store come back to: each is told to many
 * clients again and again, and it is never changed.
 */
const KEY_VALUES = new Map<object, string>()
const KEY_VALUES_MAX = 4096

function encodeNested(type: Message, value: object): string {
  if (type !== KEY_VALUE) return encodeMessage(type, value)
  const known = KEY_VALUES.get(value)
  if (known !== undefined) return known
  const text = encodeMessage(type, value)
  if (KEY_VALUES.size >= KEY_VALUES_MAX) KEY_VALUES.clear()
  KEY_VALUES.set(value, text)
  return text
}

/** Undefined for a default, which JSON leaves out. */
function encodeField({ type }: Field, value: unknown): string | undefined {
  if (typeof type === 'function') return encodeNested(type(), value as object)
  if (typeof type === 'object') return value === type[0] ? undefined : `"${value as string}"`
  switch (type) {
    case 'int':
      return value === 0 ? undefined : `"${value as number}"`
    case 'id':
      return value === '0' ? undefined : `"${value as string}"`
    case 'bool':
      return value === true ? 'true' : undefined
    case 'string':
      return value === '' ? undefined : JSON.stringify(value)
    case 'bytes':
      return value === '' ? undefined : `"${encodeBase64(value as string)}"`
  }
}

export function answerOf(type: Message, value: object): HttpAnswer {
  return { status: 200, contentType: JSON_TYPE, body: encodeMessage(type, value) }
}

/** One message of a stream: a line, with its end. */
export function encodeLine(type: Message, value: object): string {
  return `{"result":${encodeMessage(type, value)}}\n`
}

/** The answer of a stream that ended by itself. */
export function streamAnswer(lines: readonly string[]): HttpAnswer {
  return { status: 200, contentType: JSON_TYPE, body: lines.join('') }
}

export function errorAnswer({ code, message }: RpcError): HttpAnswer {
  const text = JSON.stringify(message)
  const body = `{"error":${text},"message":${text},"code":${code}}`
  return { status: httpStatusOf(code), contentType: JSON_TYPE, body }
}

/** The HTTP statuses' texts that grpc-gateway adds to a stream's error. */
const STATUS_TEXTS: ReadonlyMap<number, string> = new Map([
  [400, 'Bad Request'],
  [404, 'Not Found'],
  [412, 'Precondition Failed'],
  [429, 'Too Many Requests'],
  [503, 'Service Unavailable'],
])

/** The last line of a stream that failed. */
export function streamErrorLine({ code, message }: RpcError): string {
  const status = httpStatusOf(code)
  const error = {
    grpc_code: code,
    http_code: status,
    message,
    http_status: STATUS_TEXTS.get(status)!,
  }
  return `${JSON.stringify({ error })}\n`
}

export function textAnswer(status: number, body: string): HttpAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body }
}
