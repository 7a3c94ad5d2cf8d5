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
  // Rounded first: 999.97 ms are 1 s.
  const rounded = Number(picoseconds.toPrecision(4))
  const size = Math.abs(rounded)
  if (size >= SECOND) return `${trim(rounded / SECOND)} s`
  if (size >= MILLISECOND) return `${trim(rounded / MILLISECOND)} ms`
  if (size >= MICROSECOND) return `${trim(rounded / MICROSECOND)} us`
  if (size >= NANOSECOND) return `${trim(rounded / NANOSECOND)} ns`
  return `${trim(rounded)} ps`
}

function trim(value: number): string {
  return Number(value.toPrecision(4)).toString()
}
