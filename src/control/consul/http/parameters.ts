import type { Query } from '../store/commands.ts'
import { quoted } from '../store/commands.ts'
import { fromNanoseconds, parseDuration } from '../store/duration.ts'
import type { Consistency, ReadCall } from './call.ts'
import { BadRequest } from './plain-answer.ts'

const UINT64_LIMIT = 1n << 64n

/** The query of a URL: names with all their values. */
export type Parameters = ReadonlyMap<string, readonly string[]>

export function parseTarget(target: string): { path: string; parameters: Parameters } {
  const at = target.indexOf('?')
  const path = decoded(at < 0 ? target : target.slice(0, at))
  const parameters = new Map<string, string[]>()
  for (const part of at < 0 ? [] : target.slice(at + 1).split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = unescaped(equals < 0 ? part : part.slice(0, equals))
    const value = equals < 0 ? '' : unescaped(part.slice(equals + 1))
    const values = parameters.get(name)
    if (values) values.push(value)
    else parameters.set(name, [value])
  }
  return { path, parameters }
}

export function first(parameters: Parameters, name: string): string {
  return parameters.get(name)?.[0] ?? ''
}

/** An unsigned 64-bit number in decimal digits; what Go says of anything else, with status 500. */
export function parseUint(text: string): string {
  const fault = !/^\d+$/.test(text)
    ? 'invalid syntax'
    : BigInt(text) >= UINT64_LIMIT
      ? 'value out of range'
      : undefined
  if (fault !== undefined) {
    throw new BadRequest(500, `strconv.ParseUint: parsing ${quoted(text)}: ${fault}`)
  }
  return text.replace(/^0+(?=\d)/, '')
}

/** A read with the consistency, index and wait that the request asks for. */
export function readCall(query: Query, parameters: Parameters): ReadCall {
  const consistency = parseConsistency(parameters)
  const { index, wait } = parseWait(parameters)
  return { kind: 'read', query, consistency, index, ...(wait === undefined ? {} : { wait }) }
}

function parseConsistency(parameters: Parameters): Consistency {
  const maxStale = first(parameters, 'max_stale')
  const bound = maxStale === '' ? 0 : parseDuration(maxStale)
  if (bound === undefined) throw new BadRequest(400, `Invalid max_stale value ${quoted(maxStale)}`)
  const isStale = parameters.has('stale') || bound > 0
  if (!parameters.has('consistent')) return isStale ? 'stale' : 'default'
  if (isStale) {
    throw new BadRequest(400, 'Cannot specify ?stale with ?consistent, conflicting semantics.')
  }
  return 'consistent'
}

function parseWait(parameters: Parameters): { index: number; wait: number | undefined } {
  const waitText = first(parameters, 'wait')
  const wait = waitText === '' ? 0 : parseDuration(waitText)
  if (wait === undefined) throw new BadRequest(400, 'Invalid wait time')
  const indexText = first(parameters, 'index')
  if (!/^\d*$/.test(indexText)) throw new BadRequest(400, 'Invalid index')
  return { index: Number(indexText), wait: wait > 0 ? fromNanoseconds(wait) : undefined }
}

/** Refuses flags that cannot go together. */
export function refuseConflicts(parameters: Parameters, names: readonly string[]): void {
  if (names.filter((name) => parameters.has(name)).length < 2) return
  const sorted = [...parameters.keys()].sort()
  const encoded = sorted.flatMap((name) =>
    parameters.get(name)!.map((value) => `${escaped(name)}=${escaped(value)}`),
  )
  throw new BadRequest(400, `Conflicting flags: ${encoded.join('&')}`)
}

function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+')
}

function unescaped(text: string): string {
  return decoded(text.replaceAll('+', ' '))
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw new BadRequest(400, '400 Bad Request')
  }
}
