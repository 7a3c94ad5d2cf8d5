/** Faults of a scenario as the checks find them, before they have a place in a text. */
import type { IssueCode } from './issues.ts'
import type { Path, Target } from './place.ts'

export interface Fault {
  readonly code: IssueCode
  readonly message: string
  readonly remedy: string
  readonly path: Path
  readonly target: Target
}

/** A value as a message quotes it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  }
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a mapping' : String(value)
}
