import { SECOND } from '../../../sim/units.ts'

/** Nanoseconds in each unit of Go's time.ParseDuration. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/** A duration as Go writes it (`1m30s`, `1.5h`), in nanoseconds; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0
  if (!/^[+-]?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/.test(text)) return undefined
  let total = 0
  for (const [, number, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(number) * UNITS[unit!]!
  }
  return Math.round(text.startsWith('-') ? -total : total)
}

/** Simulated time of so many nanoseconds. */
export function fromNanoseconds(nanoseconds: number): number {
  return nanoseconds * (SECOND / 1e9)
}
