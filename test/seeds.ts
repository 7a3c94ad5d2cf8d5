/**
 * Seeds of the large random sets. ENCAP_DEEP=1 runs a set whole, `npm test` one of its shares: which one,
 * seeds.json says. Count it up with a commit that changes the model, so that twenty such commits go through a set.
 */
import { readFileSync } from 'node:fs'

export const DEEP = process.env['ENCAP_DEEP'] === '1'

/** The committed counter. */
export function seedBase(): number {
  const text = readFileSync(new URL('seeds.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { base: number }).base
}

/** Numbers of the seeds to run, of a set of so many. */
export function seedNumbers(set: number, shares = 20): number[] {
  const share = set / shares
  const base = seedBase()
  const first = DEEP ? Math.floor(base / shares) * set : base * share
  return Array.from({ length: DEEP ? set : share }, (_, i) => first + i)
}

/** `name-17` and so on. @param variable of the environment, which may name the one seed to run. */
export function seeds(name: string, set: number, variable: string, shares = 20): string[] {
  const one = process.env[variable]
  if (one !== undefined) return one.startsWith(`${name}-`) ? [one] : []
  return seedNumbers(set, shares).map((number) => `${name}-${number}`)
}
