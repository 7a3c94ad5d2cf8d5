/**
 * Simulated time is a whole number of picoseconds in a float64: at every Ethernet rate up to
 * 400 Gb/s a byte lasts a whole number of them, so times are exact for 2.5 simulated hours.
 */
export const NANOSECOND = 1e3
export const MICROSECOND = 1e6
export const MILLISECOND = 1e9
export const SECOND = 1e12

/** Picoseconds that one byte occupies at `bitsPerSecond`. */
export function picosecondsPerByte(bitsPerSecond: number): number {
  return 8e12 / bitsPerSecond
}

/** A duration in the largest unit that keeps it at or above one: `1.5 ms`, `300 s`. */
export function formatDuration(picoseconds: number): string {
  const size = Math.abs(picoseconds)
  if (size >= SECOND) return `${trim(picoseconds / SECOND)} s`
  if (size >= MILLISECOND) return `${trim(picoseconds / MILLISECOND)} ms`
  if (size >= MICROSECOND) return `${trim(picoseconds / MICROSECOND)} us`
  if (size >= NANOSECOND) return `${trim(picoseconds / NANOSECOND)} ns`
  return `${trim(picoseconds)} ps`
}

function trim(value: number): string {
  return Number(value.toPrecision(4)).toString()
}
