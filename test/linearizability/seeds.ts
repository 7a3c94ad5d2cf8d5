import { readFileSync } from 'node:fs'

export const DEEP = process.env['ENCAP_DEEP'] === '1'
const ONE = process.env['ENCAP_LINEAR_SEED']

/**
 * ENCAP_DEEP=1 runs a set of seeds, `npm test` one of its shares: which one, the counter of
 * test/chaos says. ENCAP_LINEAR_SEED=v3-123 runs one.
 */
export function seeds(name: string, set: number, shares = 20): string[] {
  if (ONE !== undefined) return ONE.startsWith(`${name}-`) ? [ONE] : []
  const file = new URL('../chaos/seed.json', import.meta.url)
  const { base } = JSON.parse(readFileSync(file, 'utf8')) as { base: number }
  const share = set / shares
  const first = DEEP ? Math.floor(base / shares) * set : base * share
  return Array.from({ length: DEEP ? set : share }, (_, i) => `${name}-${first + i}`)
}
