const LEVELS = '▁▂▃▄▅▆▇█'

/** The logarithms, for values that only so are seen together; the least stands for a tenth of it. */
export function logarithms(values: readonly (number | null)[], least: number) {
  return values.map((value) => (value === null ? null : 1 + Math.log10(value / least)))
}

/**
 * One character a value, the least level standing for zero (or for the least value, where some are
 * negative) and the highest for `greatest`; a dot where there is no value.
 */
export function sparkline(values: readonly (number | null)[], greatest: number): string {
  const least = values.reduce<number>((min, value) => Math.min(min, value ?? 0), 0)
  const range = greatest - least
  return values
    .map((value) => {
      if (value === null) return '·'
      const share = range > 0 ? (value - least) / range : 0
      const level = Math.round(share * (LEVELS.length - 1))
      return LEVELS[Math.min(LEVELS.length - 1, Math.max(0, level))]
    })
    .join('')
}
