/** Fields of a request: the form in its body, then the query of its URL, read as Go's url package. */

const HEX_PAIR_MISSING = /%(?![0-9a-fA-F]{2})/

/** The first value of each name, the body's before the query's. */
export class Form {
  /** Of the first malformed part; the other parts are read all the same. */
  readonly error: string | null
  private readonly values = new Map<string, string>()

  /** @param body null where the method or the content type does not make it a form */
  constructor(body: string | null, query: string) {
    const ofBody = body === null ? null : this.read(body)
    const ofQuery = this.read(query)
    this.error = ofBody ?? ofQuery
  }

  has(name: string): boolean {
    return this.values.has(name)
  }

  /** '' if there is none. */
  get(name: string): string {
    return this.values.get(name) ?? ''
  }

  private read(text: string): string | null {
    let error: string | null = null
    for (const part of text.split('&')) {
      if (part.includes(';')) {
        error = 'invalid semicolon separator in query'
        continue
      }
      if (part === '') continue
      const problem = this.readPart(part)
      error ??= problem
    }
    return error
  }

  private readPart(part: string): string | null {
    const equals = part.indexOf('=')
    const [name, value] = equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)]
    const problem = escapeProblem(name) ?? escapeProblem(value)
    if (problem !== null) return problem
    const key = unescapeForm(name)
    if (!this.values.has(key)) this.values.set(key, unescapeForm(value))
    return null
  }
}

/** Null if every percent sign is followed by two hexadecimal digits. */
export function escapeProblem(text: string): string | null {
  const at = text.search(HEX_PAIR_MISSING)
  return at < 0 ? null : `invalid URL escape ${JSON.stringify(text.slice(at, at + 3))}`
}

function unescapeForm(text: string): string {
  return unescapePercent(text.replaceAll('+', ' '))
}

/** Bytes that are no UTF-8 become U+FFFD, as they do in etcd's answers. */
export function unescapePercent(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return unescapeBytes(text)
  }
}

function unescapeBytes(text: string): string {
  const escaped = new TextEncoder().encode(text)
  const bytes: number[] = []
  for (let at = 0; at < escaped.length; at++) {
    const isEscape = escaped[at] === 0x25
    bytes.push(isEscape ? Number.parseInt(hexAt(escaped, at + 1), 16) : escaped[at]!)
    if (isEscape) at += 2
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))
}

function hexAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(bytes[at]!, bytes[at + 1]!)
}
