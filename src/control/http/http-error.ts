import { formatIpv4, type Ipv4Address } from '../../wire/ipv4-address.ts'

export type HttpErrorKind =
  /** ECONNREFUSED. */
  | 'refused'
  /** No route, no neighbour, or no port to connect from. */
  | 'unreachable'
  /** The time that was given is over. */
  | 'timeout'
  /** The connection ended or broke before the answer was complete. */
  | 'closed'
  /** The answer is no HTTP. */
  | 'malformed'

/** Why a request has no answer. */
export class HttpError {
  readonly kind: HttpErrorKind
  /** In the words of Go's net/http: `dial tcp 10.0.0.1:2379: connect: connection refused`. */
  readonly text: string
  /** Whether the server may have got the request, and done what it asks for. */
  readonly wasSent: boolean

  constructor(kind: HttpErrorKind, text: string, wasSent: boolean) {
    this.kind = kind
    this.text = text
    this.wasSent = wasSent
  }
}

/** strerror. */
const TEXTS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connect: connection refused'],
  ['EHOSTUNREACH', 'connect: no route to host'],
  ['ENETUNREACH', 'connect: network is unreachable'],
  ['EADDRNOTAVAIL', 'connect: cannot assign requested address'],
  ['ETIMEDOUT', 'connect: connection timed out'],
  ['ECONNRESET', 'read: connection reset by peer'],
  ['EPIPE', 'write: broken pipe'],
  ['timeout', 'i/o timeout'],
])

/** @param error of `Stream.connect`. */
export function dialError(address: Ipv4Address, port: number, error: string): HttpError {
  const text = `dial tcp ${formatIpv4(address)}:${port}: ${TEXTS.get(error) ?? error}`
  if (error === 'ECONNREFUSED') return new HttpError('refused', text, false)
  const isTimeout = error === 'timeout' || error === 'ETIMEDOUT'
  return new HttpError(isTimeout ? 'timeout' : 'unreachable', text, false)
}

/** @param error of the stream; null = the server ended the connection in order. */
export function brokenError(error: string | null): HttpError {
  return new HttpError('closed', error === null ? 'EOF' : (TEXTS.get(error) ?? error), true)
}

/** Of http.Client.Timeout and of a context's deadline. @param wasSent see `HttpError`. */
export function timeoutError(wasSent: boolean): HttpError {
  return new HttpError('timeout', 'context deadline exceeded', wasSent)
}
