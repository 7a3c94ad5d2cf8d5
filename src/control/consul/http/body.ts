import { textOf } from '../../http/text.ts'
import { BadRequest } from './plain-answer.ts'

/** A member of a JSON object by its name in any case, as Go's decoder finds it. */
export function member(object: unknown, name: string): unknown {
  if (typeof object !== 'object' || object === null) return undefined
  for (const [key, value] of Object.entries(object)) {
    if (key.toLowerCase() === name.toLowerCase()) return value ?? undefined
  }
  return undefined
}

/** `prefix` begins the error's text. */
export function parseBody(body: Uint8Array, prefix: string): unknown {
  const text = textOf(body)
  if (text.trim() === '') throw new BadRequest(400, `${prefix}: EOF`)
  try {
    // Numbers above 2^53 would lose their last digits.
    return JSON.parse(text.replace(/("flags"\s*:\s*)(\d+)/gi, '$1"$2"'))
  } catch {
    throw new BadRequest(400, `${prefix}: invalid JSON`)
  }
}

/** Reads members of one JSON object and says which is not of its type. */
export class BodyReader {
  private readonly object: unknown
  private readonly prefix: string

  constructor(object: unknown, prefix: string) {
    this.object = object
    this.prefix = prefix
    if (typeof object !== 'object' || object === null || Array.isArray(object)) {
      throw new BadRequest(400, `${prefix}: expected an object`)
    }
  }

  has(name: string): boolean {
    return member(this.object, name) !== undefined
  }

  raw(name: string): unknown {
    return member(this.object, name)
  }

  text(name: string, otherwise: string): string {
    const value = member(this.object, name) ?? otherwise
    return typeof value === 'string' ? value : this.refuse(name, 'string')
  }

  number(name: string, otherwise: number): number {
    const value = member(this.object, name) ?? otherwise
    return typeof value === 'number' ? value : this.refuse(name, 'number')
  }

  texts(name: string, otherwise: readonly string[]): readonly string[] {
    const value = member(this.object, name) ?? otherwise
    if (!Array.isArray(value)) return this.refuse(name, 'array')
    return value.every((each) => typeof each === 'string') ? value : this.refuse(name, 'string')
  }

  refuse(name: string, expected: string): never {
    throw new BadRequest(400, `${this.prefix}: '${name}' expected type '${expected}'`)
  }
}
