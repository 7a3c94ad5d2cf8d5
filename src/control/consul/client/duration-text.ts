import { NANOSECOND, SECOND } from '../../../sim/units.ts'

/** As Go's Duration.String, of whole milliseconds and more: `1m30s`. @param duration picoseconds. */
export function durationText(duration: number): string {
  if (duration < SECOND) return `${duration / (1e6 * NANOSECOND)}ms`
  const seconds = duration / SECOND
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  const rest = `${Math.round((seconds % 60) * 1000) / 1000}s`
  if (hours > 0) return `${hours}h${minutes}m${rest}`
  return minutes > 0 ? `${minutes}m${rest}` : rest
}
