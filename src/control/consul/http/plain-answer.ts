import { type HeaderList, NO_HEADERS } from '../../http/headers.ts'
import { bytesOf } from '../../http/text.ts'
import type { HttpAnswer } from './call.ts'

/** The gzip wrapper sets it on every answer, compressed or not. */
const VARY = ['Vary', 'Accept-Encoding'] as const

/** Text without a type of its own: Go's server guesses this one. No body, no type. */
export function textAnswer(
  status: number,
  text: string,
  more: HeaderList = NO_HEADERS,
): HttpAnswer {
  const type = text === '' ? [] : [['Content-Type', 'text/plain; charset=utf-8'] as const]
  return { status, headers: [...type, VARY, ...more], body: bytesOf(text) }
}

export function jsonAnswer(
  status: number,
  json: string,
  more: HeaderList = NO_HEADERS,
): HttpAnswer {
  return {
    status,
    headers: [['Content-Type', 'application/json'], VARY, ...more],
    body: bytesOf(json),
  }
}

/** A request that cannot be answered; carries its answer up to `decodeRequest`. */
export class BadRequest extends Error {
  readonly answer: HttpAnswer

  constructor(status: number, text: string, headers: HeaderList = NO_HEADERS) {
    super(text)
    this.answer = textAnswer(status, text, headers)
  }
}
