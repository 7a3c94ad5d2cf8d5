import { MILLISECOND, NANOSECOND, SECOND } from '../../sim/units.ts'

/** What a host's real-time clock shows at the start of a run, unless it is set wrong: 2024-01-01T00:00:00Z, in ms. */
export const EPOCH_MILLISECONDS = 1704067200000

/** Go's RFC3339Nano in UTC, without trailing zeros. @param clock picoseconds, of `Program.wallClock`. */
export function rfc3339(clock: number): string {
  const second = Math.floor(clock / SECOND)
  const nanoseconds = Math.floor((clock - second * SECOND) / NANOSECOND)
  const head = dateAt(second).toISOString().slice(0, 19)
  if (nanoseconds === 0) return `${head}Z`
  return `${head}.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}Z`
}

/** The instant of such a text, in picoseconds of `Program.wallClock`; null when it is none. */
export function parseRfc3339(text: string): number | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text)
  if (match === null) return null
  const milliseconds = Date.parse(`${match[1]}${match[3]}`)
  if (Number.isNaN(milliseconds)) return null
  const nanoseconds = Number((match[2] ?? '').padEnd(9, '0'))
  return (milliseconds - EPOCH_MILLISECONDS) * MILLISECOND + nanoseconds * NANOSECOND
}

/** An HTTP date (RFC 9110 5.6.7): `Mon, 01 Jan 2024 00:00:00 GMT`. @param clock picoseconds. */
export function httpDate(clock: number): string {
  return dateAt(Math.floor(clock / SECOND)).toUTCString()
}

function dateAt(second: number): Date {
  return new Date(EPOCH_MILLISECONDS + second * 1000)
}
