/** Numbers as engineers read them: the same on every machine, whatever its locale. */

interface Unit {
  readonly size: number
  readonly name: string
}

const RATES: readonly Unit[] = units(['b/s', 'kb/s', 'Mb/s', 'Gb/s', 'Tb/s'])
const PACKET_RATES: readonly Unit[] = units(['pps', 'kpps', 'Mpps', 'Gpps'])
const SIZES: readonly Unit[] = units(['B', 'kB', 'MB', 'GB', 'TB'])
const DURATIONS: readonly Unit[] = units(['ps', 'ns', 'us', 'ms', 's'])

function units(names: readonly string[]): Unit[] {
  return names.map((name, i) => ({ size: Number(`1e${3 * i}`), name }))
}

/** Bits per second: `9.55 Gb/s`. */
export function formatRate(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, RATES)
}

/** Packets per second: `853 kpps`. */
export function formatPacketRate(packetsPerSecond: number): string {
  return scaled(packetsPerSecond, PACKET_RATES)
}

/** Bytes: `1.23 GB`, powers of ten. */
export function formatSize(bytes: number): string {
  return scaled(bytes, SIZES)
}

/** Picoseconds: `12.3 us`; no unit is larger than the second. */
export function formatTime(picoseconds: number): string {
  return scaled(picoseconds, DURATIONS)
}

/** Three digits, in the unit in which they stand before or around the point. */
function scaled(value: number, choices: readonly Unit[]): string {
  // What is left of a mean of equal times is no time.
  const size = Math.abs(value) < 1e-6 ? 0 : Math.abs(value)
  if (size === 0) return `0 ${choices === DURATIONS ? 's' : choices[0]!.name}`
  // 999.6 rounds to 1,000, which is one of the next unit.
  const index = choices.findLastIndex((unit) => threeDigits(size / unit.size) >= 1)
  const unit = choices[Math.max(0, index)]!
  const digits = threeDigits(value / unit.size)
  return `${Math.abs(digits) >= 1000 ? formatCount(digits) : digits} ${unit.name}`
}

function threeDigits(value: number): number {
  return Number(value.toPrecision(3))
}

/** A share of one: `3.3 %`. What is not all is never rounded to all. */
export function formatShare(share: number): string {
  const percent = share * 100
  const digits = threeDigits(percent)
  if (digits === 100 && percent < 100) {
    const rest = threeDigits(100 - percent)
    return `${Number((100 - rest).toPrecision(12))} %`
  }
  return `${Math.abs(digits) >= 1000 ? formatCount(digits) : digits} %`
}

/** `12,345`; a fraction keeps one digit. */
export function formatCount(value: number): string {
  const rounded = Number(value.toFixed(1))
  const [whole = '', fraction] = String(Math.abs(rounded)).split('.')
  const grouped = whole.replace(/\B(?=(?:\d{3})+$)/g, ',')
  return `${rounded < 0 ? '-' : ''}${grouped}${fraction === undefined ? '' : `.${fraction}`}`
}

/** `1 frame`, `2 frames`, `2,000 copies`. */
export function plural(count: number, singular: string, several = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : several}`
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerate(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join('')
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}
